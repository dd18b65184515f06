//! A transaction: what an event moves, leg by leg.

use std::io::Write;

use chrono::NaiveDate;
use piperoll_domain::{
    event::Recorded,
    id::{LotId, TenantId},
    money::Code,
};

use super::{
    Error,
    amounts::{Scales, UnitCost, decimal, finest, trimmed},
    dates::day,
    names::{Account, Sort, Unit, quoted},
};

/// One leg. Debits are positive, credits negative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Leg {
    /// Money, or units of credit that are no lot's.
    Plain {
        /// Which account.
        account: Account,
        /// In what.
        unit: Unit,
        /// In smallest units; of a rounding, in its finest decimals.
        amount: i128,
    },
    /// Units of a lot, at their cost.
    Lot {
        /// Which account's.
        account: Account,
        /// Units of what.
        code: Code,
        /// In smallest units: negative where a lot comes to be, positive where some of it goes.
        amount: i128,
        /// Its label.
        lot: LotId,
        /// What a unit of it costs.
        cost: Cost,
    },
}

/// What a unit of a lot costs, and in what. A gift costs nothing, in whatever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cost {
    /// None for a gift.
    pub(super) unit: Option<UnitCost>,
    /// In what.
    pub(super) money: Code,
}

impl Leg {
    pub(super) const fn account(&self) -> &Account {
        match self {
            Self::Plain { account, .. } | Self::Lot { account, .. } => account,
        }
    }

    pub(super) const fn unit(&self) -> Unit {
        match self {
            Self::Plain { unit, .. } => *unit,
            Self::Lot { code, .. } => Unit::Credit(*code),
        }
    }

    /// How much it adds.
    pub(super) const fn amount(&self) -> i128 {
        match self {
            Self::Plain { amount, .. } | Self::Lot { amount, .. } => *amount,
        }
    }

    fn text(&self, scales: &Scales, position: u64) -> Result<String, Error> {
        let (account, unit) = (self.account(), self.unit());
        let number = number(account.sort, unit, self.amount(), scales, position)?;
        let label = match self {
            Self::Plain { .. } => String::new(),
            Self::Lot { lot, cost: Cost { unit, money }, .. } => {
                let cost = unit.map_or_else(|| "0".to_owned(), UnitCost::text);
                format!(" {{{cost} {}, {}}}", Unit::Money(*money), quoted(lot.as_str()))
            }
        };
        Ok(format!("  {account}  {number} {unit}{label}"))
    }
}

/// An amount as it is written: with all the places of its commodity.
pub(super) fn number(
    sort: Sort,
    unit: Unit,
    amount: i128,
    scales: &Scales,
    position: u64,
) -> Result<String, Error> {
    let scale = scales.of(unit.code(), position)?;
    Ok(match sort {
        Sort::Rounding => trimmed(amount, finest(scale), scale),
        _ => decimal(amount, scale),
    })
}

/// A transaction under way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Entry {
    legs: Vec<Leg>,
    position: u64,
}

impl Entry {
    pub(super) const fn at(position: u64) -> Self {
        Self { legs: vec![], position }
    }

    pub(super) fn legs(&self) -> impl Iterator<Item = &Leg> {
        self.legs.iter()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.legs.is_empty()
    }

    /// A lot's leg, of which there may be two.
    pub(super) fn push(&mut self, leg: Leg) {
        self.legs.push(leg);
    }

    /// So much more in an account.
    pub(super) fn add(&mut self, account: Account, unit: Unit, more: i128) -> Result<(), Error> {
        if more == 0 {
            return Ok(());
        }
        let too_much = Error::TooMuch { position: self.position };
        let same = |leg: &&mut Leg| {
            matches!(leg, Leg::Plain { account: known, unit: of, .. }
                if *known == account && *of == unit)
        };
        match self.legs.iter_mut().find(same) {
            Some(Leg::Plain { amount, .. }) => {
                *amount = amount.checked_add(more).ok_or(too_much)?;
            }
            _ => self.legs.push(Leg::Plain { account, unit, amount: more }),
        }
        Ok(())
    }

    /// Writes it as what an event moved.
    pub(super) fn write(
        &self,
        out: &mut impl Write,
        date: NaiveDate,
        recorded: &Recorded,
        scales: &Scales,
    ) -> Result<(), Error> {
        let at = &recorded.envelope;
        let stream = quoted(&at.stream.to_string());
        writeln!(out, "\n{date} * {stream} {}", quoted(recorded.event.name()))?;
        writeln!(out, "  position: {}", at.position)?;
        if let Some(effective) = at.effective_at.and_then(day) {
            writeln!(out, "  effective: {effective}")?;
        }
        self.write_legs(out, scales)
    }

    /// Writes it as what stood there before.
    pub(super) fn write_opening(
        &self,
        out: &mut impl Write,
        date: NaiveDate,
        tenant: &TenantId,
        scales: &Scales,
    ) -> Result<(), Error> {
        writeln!(out, "\n{date} * {} \"opening balances\"", quoted(tenant.as_str()))?;
        self.write_legs(out, scales)
    }

    fn write_legs(&self, out: &mut impl Write, scales: &Scales) -> Result<(), Error> {
        let moves = self.legs.iter().filter(|leg| leg.amount() != 0);
        for leg in moves {
            writeln!(out, "{}", leg.text(scales, self.position)?)?;
        }
        Ok(())
    }
}

/// What an account must hold at the beginning of a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Balance {
    pub(super) account: Account,
    pub(super) unit: Unit,
    pub(super) amount: i128,
}

impl Balance {
    /// Writes it, to be met exactly.
    pub(super) fn write(
        &self,
        out: &mut impl Write,
        date: NaiveDate,
        scales: &Scales,
    ) -> Result<(), Error> {
        let Self { account, unit, amount } = self;
        let number = number(account.sort, *unit, *amount, scales, 0)?;
        Ok(writeln!(out, "{date} balance {account}  {number} ~ 0 {unit}")?)
    }
}
