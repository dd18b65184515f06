//! What an audit says: each check, how much it looked at, and the first thing that is not as it must
//! be.

use std::fmt;

use serde::Serialize;

use crate::roll::Head;

/// Something that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Finding {
    /// What must hold.
    pub what: String,
    /// At which position of the roll.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// In which table, of the index or of the views.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// In which row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// In which column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// What should be.
    pub expected: String,
    /// What is.
    pub found: String,
}

impl Finding {
    /// Of what must hold.
    pub fn new(what: &str, expected: impl fmt::Display, found: impl fmt::Display) -> Self {
        let (expected, found) = (expected.to_string(), found.to_string());
        Self { what: what.to_owned(), expected, found, ..Self::default() }
    }

    /// The same, at a position of the roll.
    #[must_use]
    pub fn at(self, position: u64) -> Self {
        Self { position: Some(position), ..self }
    }

    /// The same, in a row of a table.
    #[must_use]
    pub fn row(self, table: &str, key: impl fmt::Display) -> Self {
        Self { table: Some(table.to_owned()), key: Some(key.to_string()), ..self }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(position) = self.position {
            write!(f, "position {position}: ")?;
        }
        if let Some(table) = &self.table {
            write!(f, "{table}")?;
            self.key.iter().try_for_each(|key| write!(f, " [{key}]"))?;
            self.column.iter().try_for_each(|column| write!(f, " {column}"))?;
            f.write_str(": ")?;
        }
        write!(f, "{}: expected {}, found {}", self.what, self.expected, self.found)
    }
}

/// How a check ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// Everything is as it must be.
    Passed {},
    /// Something is not.
    Failed {
        /// The first of it.
        first: Box<Finding>,
        /// How much more there is.
        more: u64,
    },
    /// It could not be checked, or there was nothing to check.
    Skipped {
        /// Why.
        why: String,
    },
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its name.
    pub name: &'static str,
    /// How many things it looked at.
    pub checked: u64,
    /// What those are.
    pub unit: &'static str,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What an audit says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Which roll, if it could be opened.
    pub roll: Option<Named>,
    /// Every check, in order.
    pub checks: Vec<Check>,
    /// Broken invariants that an operator accepted; they do not fail.
    pub acknowledged: Vec<Finding>,
}

/// Which roll, and up to where it was audited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: String,
    /// The last position.
    pub position: u64,
    /// The chain's hash there.
    pub hash: String,
}

impl Named {
    pub(super) fn of(identity: &crate::roll::Identity, head: Head) -> Self {
        Self {
            name: identity.name.clone(),
            id: identity.id.to_string(),
            position: head.position,
            hash: head.hash.to_string(),
        }
    }
}

impl Report {
    /// Whether nothing failed. What was skipped because of a failure stands behind that failure.
    pub fn is_sound(&self) -> bool {
        self.first().is_none()
    }

    /// The first thing that is not as it must be, in the order of the checks.
    pub fn first(&self) -> Option<&Finding> {
        self.checks.iter().find_map(|check| match &check.outcome {
            Outcome::Failed { first, .. } => Some(&**first),
            Outcome::Passed {} | Outcome::Skipped { .. } => None,
        })
    }
}

/// A check under way.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    name: &'static str,
    unit: &'static str,
    pub(super) checked: u64,
    first: Option<Box<Finding>>,
    more: u64,
    skipped: Option<String>,
}

impl Tally {
    pub(super) const fn new(name: &'static str, unit: &'static str) -> Self {
        Self { name, unit, checked: 0, first: None, more: 0, skipped: None }
    }

    pub(super) fn count(&mut self) {
        self.checked += 1;
    }

    /// Of several findings, the one at the lowest position comes first.
    pub(super) fn found(&mut self, finding: Finding) {
        let before = |known: &Finding| match (finding.position, known.position) {
            (Some(ours), Some(theirs)) => ours < theirs,
            _ => false,
        };
        match &mut self.first {
            None => self.first = Some(Box::new(finding)),
            Some(known) => {
                self.more += 1;
                if before(known) {
                    **known = finding;
                }
            }
        }
    }

    /// Counts one thing, and finds it wrong unless it is right.
    pub(super) fn expect(&mut self, right: bool, finding: impl FnOnce() -> Finding) {
        self.count();
        if !right {
            self.found(finding());
        }
    }

    pub(super) fn skip(&mut self, why: &str) {
        self.skipped.get_or_insert_with(|| why.to_owned());
    }

    pub(super) fn has_failed(&self) -> bool {
        self.first.is_some()
    }

    pub(super) fn finish(self) -> Check {
        let Self { name, unit, checked, first, more, skipped } = self;
        let outcome = match (first, skipped) {
            (Some(first), _) => Outcome::Failed { first, more },
            (None, Some(why)) => Outcome::Skipped { why },
            (None, None) => Outcome::Passed {},
        };
        Check { name, checked, unit, outcome }
    }
}
