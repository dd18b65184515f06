//! Names as beancount wants them, each from one name of ours only.

use std::{
    collections::BTreeSet,
    fmt,
    io::{self, Write},
};

use chrono::NaiveDate;
use piperoll_domain::{chart::Chart, id::TenantId, money::Code};

use super::entry::{Entry, Leg};

/// What kind of account it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sort {
    /// One of our chart, for money.
    Chart(Chart),
    /// Lots of an account, held at their cost.
    Lots,
    /// What an account owes, in units of credit.
    Owed,
    /// The other side of what is owed: use that nobody has paid for.
    Unpaid,
    /// What use was worth to those who share.
    Shared,
    /// The other side of what is shared.
    Sharing,
    /// Cost on its way from one account to another.
    Transit,
    /// What a lot's cost is more than its units' costs.
    Rounding,
    /// Income and expenses of earlier days.
    Earlier,
}

impl Sort {
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Chart(Chart::ProviderClearing) => ("Assets", "Clearing"),
            Self::Chart(Chart::ProviderFees) => ("Expenses", "Fees"),
            Self::Chart(Chart::Suspense) => ("Liabilities", "Suspense"),
            Self::Chart(Chart::Unapplied) => ("Liabilities", "Unapplied"),
            Self::Chart(Chart::DeferredRevenue) => ("Liabilities", "Deferred"),
            Self::Chart(Chart::Revenue) => ("Income", "Revenue"),
            Self::Chart(Chart::Breakage) => ("Income", "Breakage"),
            Self::Chart(Chart::Refunds) => ("Income", "Refunds"),
            // Units of credit never stand under their own name: they are lots, owed or shared.
            Self::Chart(
                Chart::CreditIssued
                | Chart::Credit
                | Chart::CreditOwed
                | Chart::CreditInTransit
                | Chart::CreditUsed
                | Chart::CreditLapsed
                | Chart::CreditClawedBack
                | Chart::CreditShared,
            ) => ("Equity", "Memo"),
            Self::Lots => ("Liabilities", "Credit"),
            Self::Owed => ("Assets", "Owed"),
            Self::Unpaid => ("Equity", "Unpaid-Use"),
            Self::Shared => ("Liabilities", "Shared"),
            Self::Sharing => ("Equity", "Shared-Use"),
            Self::Transit => ("Liabilities", "In-Transit"),
            Self::Rounding => ("Equity", "Rounding"),
            Self::Earlier => ("Equity", "Earlier"),
        }
    }

    /// Whether it begins at nothing in each period.
    pub(super) fn is_of_period(self) -> bool {
        matches!(self.words().0, "Income" | "Expenses")
    }
}

/// An account of the file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Account {
    pub(super) tenant: TenantId,
    pub(super) sort: Sort,
    /// Whose part of it; empty where it has no parts.
    pub(super) holder: String,
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (root, word) = self.sort.words();
        write!(f, "{root}:{}:{word}", Part(self.tenant.as_str()))?;
        if self.holder.is_empty() { Ok(()) } else { write!(f, ":{}", Part(&self.holder)) }
    }
}

/// A part of an account's name: it begins with a capital or a digit, and holds letters, digits and
/// hyphens. A hyphen begins what had to be written otherwise.
struct Part<'a>(&'a str);

impl fmt::Display for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut letters = self.0.chars();
        match letters.clone().next() {
            Some(first) if first.is_ascii_lowercase() => {
                write!(f, "{}", first.to_ascii_uppercase())?;
                letters.next();
            }
            Some(first) if first.is_ascii_digit() => {}
            Some(first) if first.is_ascii_uppercase() => f.write_str("U-")?,
            // Neither `0` nor a capital follows a hyphen anywhere else.
            _ => f.write_str("U-0")?,
        }
        letters.try_for_each(|letter| match letter {
            letter if letter.is_ascii_alphanumeric() => write!(f, "{letter}"),
            '-' => f.write_str("--"),
            '_' => f.write_str("-u"),
            '.' => f.write_str("-d"),
            ':' => f.write_str("-c"),
            '~' => f.write_str("-t"),
            // No name of ours holds any other.
            other => write!(f, "-x{:x}-", u32::from(other)),
        })
    }
}

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unit {
    /// Money.
    Money(Code),
    /// Units of credit.
    Credit(Code),
}

impl Unit {
    pub(super) const fn code(self) -> Code {
        match self {
            Self::Money(code) | Self::Credit(code) => code,
        }
    }
}

impl fmt::Display for Unit {
    /// 2 to 24 characters of which the last is a letter or a digit. No code of ours has a hyphen.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.code();
        let text = text.as_str();
        let is_odd = text.len() < 2 || text.ends_with(['.', '_']);
        match self {
            Self::Money(_) if is_odd => write!(f, "{text}-M"),
            Self::Money(_) => f.write_str(text),
            Self::Credit(_) if is_odd => write!(f, "{text}-C"),
            Self::Credit(_) => write!(f, "CREDIT-{text}"),
        }
    }
}

/// Text in quotes.
pub(super) fn quoted(text: &str) -> String {
    let plain = text.chars().filter(|letter| !letter.is_control());
    let mut quoted = String::from("\"");
    for letter in plain {
        if matches!(letter, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(letter);
    }
    quoted.push('"');
    quoted
}

/// What the file has declared so far.
#[derive(Debug, Default)]
pub(super) struct Declared {
    accounts: BTreeSet<Account>,
    units: BTreeSet<Unit>,
}

impl Declared {
    /// Declares what an entry names for the first time.
    pub(super) fn declare(
        &mut self,
        out: &mut impl Write,
        date: NaiveDate,
        entry: &Entry,
    ) -> io::Result<()> {
        for leg in entry.legs() {
            let cost = match leg {
                Leg::Lot { cost, .. } => Some(Unit::Money(cost.money)),
                Leg::Plain { .. } => None,
            };
            for unit in std::iter::once(leg.unit()).chain(cost) {
                if self.units.insert(unit) {
                    writeln!(out, "\n{date} commodity {unit}")?;
                    writeln!(out, "  code: {}", quoted(unit.code().as_str()))?;
                }
            }
            if self.accounts.insert(leg.account().clone()) {
                open(out, date, leg.account())?;
            }
        }
        Ok(())
    }
}

fn open(out: &mut impl Write, date: NaiveDate, account: &Account) -> io::Result<()> {
    writeln!(out, "\n{date} open {account}")?;
    writeln!(out, "  tenant: {}", quoted(account.tenant.as_str()))?;
    if account.holder.is_empty() {
        return Ok(());
    }
    writeln!(out, "  holder: {}", quoted(&account.holder))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(text: &str) -> String {
        Part(text).to_string()
    }

    #[test]
    fn names_are_what_beancount_takes() {
        let cases = [
            ("alice", "Alice"),
            ("Alice", "U-Alice"),
            ("01HZX", "01HZX"),
            ("cus_01HZ", "Cus-u01HZ"),
            ("a.b-c~d:e", "A-db--c-td-ce"),
            ("_", "U-0-u"),
        ];
        for (name, written) in cases {
            assert_eq!(part(name), written);
        }
    }

    #[test]
    fn no_two_names_are_written_alike() {
        let letters = ["a", "A", "u", "U", "0", "d", "-", "_", ".", ":", "~"];
        let mut names = vec![String::new()];
        let mut written = BTreeSet::new();
        for _ in 0..4 {
            names = names
                .iter()
                .flat_map(|name| letters.map(|letter| format!("{name}{letter}")))
                .collect();
            for name in &names {
                assert!(written.insert(part(name)), "{name} is written {}", part(name));
            }
        }
    }

    #[test]
    fn commodities_are_what_beancount_takes_and_none_is_written_like_another() {
        let codes = ["USD", "MSAT", "S", "A.", "A_", "C", "AC", "CREDIT.USD", "ABCDEFGHIJKLMNO."];
        let mut written = BTreeSet::new();
        for code in codes.map(|code| code.parse::<Code>().unwrap()) {
            for unit in [Unit::Money(code), Unit::Credit(code)] {
                let text = unit.to_string();
                assert!((2..=24).contains(&text.len()), "{text}");
                assert!(text.ends_with(|last: char| last.is_ascii_alphanumeric()), "{text}");
                assert!(written.insert(text.clone()), "{text}");
            }
        }
    }

    #[test]
    fn quotes_do_not_end_a_text() {
        assert_eq!(quoted("a \"b\" \\ \n c"), r#""a \"b\" \\  c""#);
    }
}
