//! How the program ends: the one list of exit codes.

use std::process::ExitCode;

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All is well.
    Done,
    /// Something failed.
    Failed,
    /// The command line makes no sense.
    Usage,
    /// The server cannot be reached.
    Unreachable,
    /// The server does not let us.
    NotAuthorised,
    /// There is no such thing.
    NotFound,
    /// Somebody was first: the data directory is held, or the thing stands elsewhere by now.
    Conflict,
    /// The audit found something.
    AuditFailed,
    /// Something outside does not agree with the roll.
    Unreconciled,
    /// A dry run that would have changed something.
    WouldChange,
}

/// The list, under the help.
pub(super) const HELP: &str = "Exit codes:
   0  done
   1  failed
   2  the command line makes no sense
   3  the server cannot be reached
   4  not authorised
   5  not found
   6  conflict: the data directory is held by another process, or the thing stands elsewhere by now
   7  the audit failed
   8  unreconciled: something outside does not agree with the roll
  10  a dry run would change something";

impl Exit {
    /// The number.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Unreachable => 3,
            Self::NotAuthorised => 4,
            Self::NotFound => 5,
            Self::Conflict => 6,
            Self::AuditFailed => 7,
            Self::Unreconciled => 8,
            Self::WouldChange => 10,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
