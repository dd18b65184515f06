//! A roll as a beancount file whose lots another program can count: each is a position held at its
//! cost and labelled with its name, and whatever leaves it names it.
//!
//! # Shape
//! One transaction for each event that moves value, dated by the day on which it was recorded. The
//! money in it is what [`postings`](piperoll_domain::postings) says. Units of credit are held at
//! cost in the account's liability, so that they stand in place of the deferred revenue of credit.
//! The file ends with what every account must hold: of credit as the rules' own fold tells it, of
//! money as the postings add up.
//!
//! # Correctness
//! A unit's cost is a decimal that may not end, and what leaves a lot takes whole smallest units of
//! its cost along. The difference, of which nothing is left when the lot is empty, is written out
//! as a leg of its own: nothing is interpolated, and every number is exact within the 28 digits
//! that beancount counts with.

mod amounts;
mod carried;
mod dates;
mod entry;
mod legs;
mod names;
mod scope;

use std::io::{self, Write};

use piperoll_domain::{
    book::{Book, Slot, State},
    claim::Claim,
    commodity,
    event::{Event, Recorded},
    id::{Kind, LotId, Stream},
    money::Code,
};

pub use self::scope::Scope;
use self::{amounts::Scales, carried::Carried, dates::Dates, entry::Entry, names::Declared};

/// Why a history cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It could not be written.
    #[error("failed to write the export")]
    Write(#[from] io::Error),
    /// Money is of a commodity that was never declared, so nobody knows how many decimals it has.
    #[error("position {position} counts in `{code}`, which nobody declared before")]
    Commodity {
        /// Where.
        position: u64,
        /// Which.
        code: Code,
    },
    /// Its time is none of a calendar with four digits for the year.
    #[error("position {position} was recorded at a time that is no date")]
    Date {
        /// Where.
        position: u64,
    },
    /// It moves credit of a lot that its account does not know.
    #[error("position {position} moves credit of the lot `{lot}`, which its account does not know")]
    Lot {
        /// Where.
        position: u64,
        /// Which.
        lot: LotId,
    },
    /// An amount is larger than there can be.
    #[error("position {position} brings a sum beyond what can be counted")]
    TooMuch {
        /// Where.
        position: u64,
    },
}

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Transactions, without the opening ones.
    pub transactions: u64,
    /// Balances that are asserted.
    pub assertions: u64,
    /// Events that their streams had refused, by position. They move nothing.
    pub refused: Vec<u64>,
    /// Streams that are frozen at the end.
    pub frozen: Vec<Stream>,
}

/// An export under way.
pub struct Export<W> {
    out: W,
    scope: Scope,
    book: Book,
    scales: Scales,
    declared: Declared,
    dates: Dates,
    carried: Carried,
    begun: bool,
    done: Summary,
}

impl<W: Write> Export<W> {
    /// Begins a file with this title.
    pub fn begin(mut out: W, title: &str, scope: Scope) -> Result<Self, Error> {
        writeln!(out, "option \"title\" {}", names::quoted(title))?;
        writeln!(out, "option \"booking_method\" \"STRICT\"")?;
        Ok(Self {
            out,
            scope,
            book: Book::default(),
            scales: Scales::default(),
            declared: Declared::default(),
            dates: Dates::default(),
            carried: Carried::default(),
            begun: false,
            done: Summary::default(),
        })
    }

    /// One more event. False once nothing that comes later can be wanted.
    pub fn fold(&mut self, recorded: &Recorded) -> Result<bool, Error> {
        let position = recorded.envelope.position;
        let date = self.dates.date(&recorded.envelope)?;
        if self.scope.is_over(date) {
            return Ok(false);
        }
        if let Event::Commodity(commodity::Event::Declared(declared)) = &recorded.event {
            self.scales.declare(declared.code, declared.scale);
        }
        if !self.scope.is_of(&recorded.envelope) {
            return Ok(true);
        }
        if self.scope.has_begun(date) {
            self.open_once()?;
        }
        let entry = self.entry(recorded);
        if !self.take_in(recorded) {
            self.refuse(position)?;
            return Ok(true);
        }
        let entry = entry?;
        self.carried.add(&entry, position)?;
        if self.begun && !entry.is_empty() {
            self.declared.declare(&mut self.out, date, &entry)?;
            entry.write(&mut self.out, date, recorded, &self.scales)?;
            self.done.transactions += 1;
        }
        Ok(true)
    }

    /// The balances at the end.
    pub fn finish(mut self) -> Result<Summary, Error> {
        self.open_once()?;
        if let Some(date) = self.dates.end(&self.scope) {
            let expected = carried::expected(&self.book, &self.carried, &self.scales)?;
            for balance in &expected {
                balance.write(&mut self.out, date, &self.scales)?;
                self.done.assertions += 1;
            }
        }
        let frozen = self.book.frozen().map(|(stream, _)| stream.clone());
        self.done.frozen = frozen.collect();
        self.out.flush()?;
        Ok(self.done)
    }

    /// What stood before the first day that is wanted.
    fn open_once(&mut self) -> Result<(), Error> {
        if std::mem::replace(&mut self.begun, true) {
            return Ok(());
        }
        let Some(date) = self.scope.from else { return Ok(()) };
        for (tenant, entry) in carried::opening(&self.book, &mut self.carried, &self.scales)? {
            self.declared.declare(&mut self.out, date, &entry)?;
            entry.write_opening(&mut self.out, date, &tenant, &self.scales)?;
        }
        Ok(())
    }

    fn entry(&self, recorded: &Recorded) -> Result<Entry, Error> {
        let stream = &recorded.envelope.stream;
        let known = self.book.streams.get(stream).map(|slot| &slot.state);
        let account = known.and_then(|state| match state {
            State::Account(account) => Some(&**account),
            _ => None,
        });
        legs::entry(recorded, account, &self.scales)
    }

    /// Folds what is credit. False if the account refuses it, or refused one before it.
    fn take_in(&mut self, recorded: &Recorded) -> bool {
        let stream = &recorded.envelope.stream;
        if stream.kind != Kind::Account {
            return true;
        }
        let nothing = |_: &Claim| false;
        self.book.fold_some(recorded, |_| true, nothing);
        let slot: Option<&Slot> = self.book.streams.get(stream);
        slot.is_none_or(|slot| slot.frozen.is_none())
    }

    fn refuse(&mut self, position: u64) -> Result<(), Error> {
        self.done.refused.push(position);
        if self.begun {
            writeln!(
                self.out,
                "\n; position {position}: its account refused it; it moves nothing"
            )?;
        }
        Ok(())
    }
}
