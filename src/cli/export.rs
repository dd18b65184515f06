//! `piperoll export`: a roll in the words of other programs.

use std::{
    fs::{self, OpenOptions},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use chrono::NaiveDate;
use clap::{Args, Subcommand};
use piperoll_domain::id::{AccountId, TenantId};

use super::{
    error::{Error, file},
    exit::Exit,
    output::{Output, is_closed},
    place::Place,
};
use crate::{
    exports::beancount::{self, Export as Journal, Scope, Summary},
    fact,
    roll::{self, Record, Roll},
};

/// How much of the roll is read at once.
const READ_BYTES: usize = 4 << 20;

/// A roll in the words of other programs.
#[derive(Debug, Subcommand)]
pub(super) enum Export {
    /// For beancount: lots at their cost, each with its name, for STRICT booking.
    ///
    /// Reads the data directory, also beside a running server. One transaction for each event that
    /// moves value, dated by the day (UTC) on which it was recorded; at the end stands what every
    /// account must hold. Exits with 7 if an account is frozen, whose later events are left out.
    Beancount(Beancount),
}

/// For beancount.
#[derive(Debug, Args)]
pub(super) struct Beancount {
    #[command(flatten)]
    place: Place,
    /// Of this tenant only.
    #[arg(long)]
    tenant: Option<TenantId>,
    /// Of this account only: what happened to its credit, and the money in that.
    #[arg(long)]
    account: Option<AccountId>,
    /// From this day on (UTC); what was before is one opening transaction for each tenant.
    #[arg(long, value_name = "YYYY-MM-DD")]
    from: Option<NaiveDate>,
    /// Up to this day, without it (UTC).
    #[arg(long, value_name = "YYYY-MM-DD")]
    to: Option<NaiveDate>,
    /// Write a new file instead of printing.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Export {
    pub(super) async fn run(self, output: Output) -> Result<Exit, Error> {
        match self {
            Self::Beancount(verb) => verb.run(output).await,
        }
    }
}

impl Beancount {
    async fn run(self, output: Output) -> Result<Exit, Error> {
        if self.from.zip(self.to).is_some_and(|(from, to)| from >= to) {
            return Err(Error::EmptyPeriod);
        }
        let directory = self.place.data.clone();
        let failed =
            |source| Error::Roll { directory: directory.clone(), source: Box::new(source) };
        let roll = roll::open_beside(&directory, None).await.map_err(failed)?;

        let written = match self.must_be_of_somebody(&roll, &failed).await {
            Ok(()) => self.to_where(&roll, &failed).await,
            Err(error) => Err(error),
        };
        roll.close().await;
        match written {
            Ok(summary) => Ok(tell(&summary, output)),
            // Whoever reads has seen enough.
            Err(Error::Export(beancount::Error::Write(error))) if is_closed(&error) => {
                Ok(Exit::Done)
            }
            Err(error) => Err(error),
        }
    }

    /// A tenant or an account that nobody knows would make an empty book, which looks like a sound one.
    async fn must_be_of_somebody(
        &self,
        roll: &Roll,
        failed: &impl Fn(roll::Error) -> Error,
    ) -> Result<(), Error> {
        let scope = self.scope();
        let of_all = scope.tenant.is_none() && scope.account.is_none();
        if of_all || is_in(roll, &scope, failed).await? {
            return Ok(());
        }
        let tenant = scope.tenant.map(|tenant| format!(" of the tenant `{tenant}`"));
        let account = scope.account.map(|account| format!(" of the account `{account}`"));
        let whom = account.into_iter().chain(tenant).collect();
        Err(Error::NothingOf { whom })
    }

    async fn to_where(
        &self,
        roll: &Roll,
        failed: &impl Fn(roll::Error) -> Error,
    ) -> Result<Summary, Error> {
        match &self.output {
            Some(path) => self.to_file(roll, path, failed).await,
            None => self.write(roll, BufWriter::new(io::stdout()), failed).await,
        }
    }

    /// Half a file is worse than none.
    async fn to_file(
        &self,
        roll: &Roll,
        path: &Path,
        failed: &impl Fn(roll::Error) -> Error,
    ) -> Result<Summary, Error> {
        let made = OpenOptions::new().write(true).create_new(true).open(path);
        let made = made.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Error::AlreadyThere { path: path.to_owned() },
            _ => file("write", path)(error),
        })?;
        let kept = made.try_clone().map_err(file("write", path))?;
        let written = self.write(roll, BufWriter::new(made), failed).await;
        let synced = match &written {
            Ok(_) => kept.sync_all().map_err(file("write", path)),
            Err(_) => Ok(()),
        };
        if written.is_err() || synced.is_err() {
            // The first error is the one to tell.
            let _ = fs::remove_file(path);
        }
        synced.and(written)
    }

    async fn write(
        &self,
        roll: &Roll,
        out: impl Write,
        failed: &impl Fn(roll::Error) -> Error,
    ) -> Result<Summary, Error> {
        let head = roll.head().await.map_err(failed)?;
        let (name, hash) = (&roll.identity().name, head.hash.to_string());
        let digits = hash.get(..8).unwrap_or_default();
        let title = format!("{name} up to {name}:{}:{digits}", head.position);
        let mut journal = Journal::begin(out, &title, self.scope())?;
        let mut next = 1;
        'read: while next <= head.position {
            let blocks = roll.read(next, READ_BYTES).await.map_err(failed)?;
            if blocks.is_empty() {
                break;
            }
            for block in blocks {
                let records = block.iter().filter(|(at, _)| (next..=head.position).contains(at));
                for (position, bytes) in records {
                    if !journal.fold(&fact::decode(position, bytes)?)? {
                        break 'read;
                    }
                }
                next = block.last().saturating_add(1);
            }
        }
        Ok(journal.finish()?)
    }

    fn scope(&self) -> Scope {
        let (tenant, account) = (self.tenant.clone(), self.account.clone());
        Scope { tenant, account, from: self.from, to: self.to }
    }
}

/// Whether the roll has anything of a tenant or an account, whenever it was.
async fn is_in(
    roll: &Roll,
    scope: &Scope,
    failed: &impl Fn(roll::Error) -> Error,
) -> Result<bool, Error> {
    let mut next = 1;
    loop {
        let blocks = roll.read(next, READ_BYTES).await.map_err(failed)?;
        let Some(last) = blocks.last() else { return Ok(false) };
        next = last.last().saturating_add(1);
        for (position, bytes) in blocks.iter().flat_map(|block| block.iter()) {
            let at = Record::read(bytes).and_then(|record| record.envelope());
            let at = at.map_err(|source| fact::Unreadable::Record { position, source })?;
            if scope.is_of(&at) {
                return Ok(true);
            }
        }
    }
}

/// What is not in the file although it stands in the roll. The file itself is what was asked for.
fn tell(summary: &Summary, output: Output) -> Exit {
    if let Some(first) = summary.refused.first() {
        let count = summary.refused.len();
        output.warn(&format!(
            "{count} events that their accounts had refused are left out, the first at position {first}"
        ));
    }
    for stream in &summary.frozen {
        output.warn(&format!("`{stream}` is frozen; see `piperoll verify`"));
    }
    if summary.frozen.is_empty() { Exit::Done } else { Exit::AuditFailed }
}
