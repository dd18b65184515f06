//! Numbers: whole smallest units as decimals, and what one unit of a lot costs.

use std::collections::BTreeMap;

use piperoll_domain::{
    account::Lot,
    commodity::BUILT_IN,
    money::{Amount, Code, Money},
};

use super::{Error, entry::Cost};

/// How many decimals a unit's cost may have beyond those of the money: with 19 digits of an amount
/// they are 27, and beancount counts with 28.
const SPARE: u8 = 8;
/// The most digits that a lot at its cost may have.
const DIGITS_MAX: u32 = 27;
/// The fewest decimals that a rounding is counted in: as many as a commodity may have.
const FINEST: u8 = 12;

/// How many decimals each commodity has.
#[derive(Debug)]
pub(super) struct Scales(BTreeMap<Code, u8>);

impl Default for Scales {
    fn default() -> Self {
        Self(BUILT_IN.into())
    }
}

impl Scales {
    pub(super) fn declare(&mut self, code: Code, scale: u8) {
        self.0.entry(code).or_insert(scale);
    }

    pub(super) fn of(&self, code: Code, position: u64) -> Result<u8, Error> {
        self.0.get(&code).copied().ok_or(Error::Commodity { position, code })
    }
}

/// In how many decimals roundings of a money are counted.
pub(super) fn finest(scale: u8) -> u8 {
    scale.saturating_add(SPARE).max(FINEST)
}

/// What one whole unit of a lot costs: `coefficient` ÷ 10^`decimals`, rounded down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UnitCost {
    coefficient: i128,
    decimals: u8,
    /// Decimals of the lot's units and of the money.
    scale: u8,
    money: u8,
}

impl UnitCost {
    /// Of so many smallest units, each 10^-`scale`, that cost so much money together.
    pub(super) fn of((cost, money): (Amount, u8), (minted, scale): (Amount, u8)) -> Self {
        let most = money.saturating_add(SPARE).saturating_sub(scale);
        let (cost, minted) = (i128::from(cost.signed()), i128::from(minted.signed()).max(1));
        let fits = |decimals: u8| {
            let up = power(scale.saturating_add(decimals).saturating_sub(money));
            let down = power(money.saturating_sub(scale.saturating_add(decimals)));
            let coefficient = cost.checked_mul(up)?.checked_div(minted.checked_mul(down)?)?;
            let all = coefficient.checked_mul(minted)?;
            (all < 10_i128.pow(DIGITS_MAX)).then_some((coefficient, decimals))
        };
        // What has too many digits costs nothing here, and is all of it a rounding.
        let found = (0..=most).rev().find_map(fits).unwrap_or_default();
        let (mut coefficient, mut decimals) = found;
        while decimals > 0 && coefficient % 10 == 0 {
            coefficient /= 10;
            decimals -= 1;
        }
        Self { coefficient, decimals, scale, money }
    }

    /// What so many smallest units weigh, in the finest decimals of the money.
    pub(super) fn weight(self, units: Amount) -> Option<i128> {
        let weight = self.coefficient.checked_mul(i128::from(units.signed()))?;
        let has = self.scale.saturating_add(self.decimals);
        weight.checked_mul(power(finest(self.money).saturating_sub(has)))
    }

    /// As a decimal.
    pub(super) fn text(self) -> String {
        decimal(self.coefficient, self.decimals)
    }
}

/// What a unit of a lot costs.
pub(super) fn cost_of(lot: &Lot, scales: &Scales, position: u64) -> Result<Cost, Error> {
    cost(lot.place.commodity, lot.minted, lot.cost, scales, position)
}

/// What a unit costs where so many cost so much together.
pub(super) fn cost(
    code: Code,
    minted: Amount,
    cost: Option<Money>,
    scales: &Scales,
    position: u64,
) -> Result<Cost, Error> {
    let Some(cost) = cost else { return Ok(Cost { unit: None, money: code }) };
    let money = (cost.amount, scales.of(cost.commodity, position)?);
    let unit = UnitCost::of(money, (minted, scales.of(code, position)?));
    Ok(Cost { unit: Some(unit), money: cost.commodity })
}

/// So much money, in its finest decimals.
pub(super) fn fine(amount: Amount, money: u8) -> Option<i128> {
    i128::from(amount.signed()).checked_mul(power(finest(money).saturating_sub(money)))
}

impl Cost {
    /// How much more than their weight so many units cost, in the money's finest decimals.
    pub(super) fn excess(self, cost: Option<Money>, units: Amount) -> Option<i128> {
        let Some(unit) = self.unit else { return Some(0) };
        let cost = cost.map_or(Amount::ZERO, |cost| cost.amount);
        fine(cost, unit.money)?.checked_sub(unit.weight(units)?)
    }
}

fn power(of: u8) -> i128 {
    10_i128.checked_pow(u32::from(of)).unwrap_or(i128::MAX)
}

/// Smallest units as a decimal.
pub(super) fn decimal(units: i128, scale: u8) -> String {
    let scale = usize::from(scale);
    let sign = if units < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", units.unsigned_abs(), width = scale + 1);
    let (whole, rest) = digits.split_at(digits.len().saturating_sub(scale));
    if rest.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{rest}") }
}

/// The same without zeros at the end, but with as many decimals as the money has.
pub(super) fn trimmed(units: i128, scale: u8, money: u8) -> String {
    let (mut units, mut scale) = (units, scale);
    while scale > money && units % 10 == 0 {
        units /= 10;
        scale -= 1;
    }
    decimal(units, scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(cost: u64, money: u8, minted: u64, scale: u8) -> UnitCost {
        let amount = |units| Amount::new(units).unwrap();
        UnitCost::of((amount(cost), money), (amount(minted), scale))
    }

    #[test]
    fn decimals_have_all_their_places() {
        let cases = [(0, 0, "0"), (5, 6, "0.000005"), (-1_234_567, 6, "-1.234567"), (42, 0, "42")];
        for (units, scale, text) in cases {
            assert_eq!(decimal(units, scale), text);
        }
        assert_eq!(trimmed(1_500_000_000_000, 12, 6), "1.500000");
        assert_eq!(trimmed(1_000_000_000_001, 12, 6), "1.000000000001");
    }

    #[test]
    fn a_unit_costs_what_can_be_written_and_the_rest_is_an_excess() {
        assert_eq!(unit(1_000_000, 6, 10_000, 0).text(), "0.0001");
        assert_eq!(unit(5_000_000, 6, 5_000_000, 6).text(), "1");
        assert_eq!(unit(0, 6, 7, 0).text(), "0");
        let third = unit(10, 6, 3, 0);
        assert_eq!(third.text(), "0.00000333333333");
        let amount = |units| Amount::new(units).unwrap();
        // 3 × 0.00000333333333 is a little less than 0.000010.
        let cost = Cost { unit: Some(third), money: Code::USD };
        let usd = |units| Some(Money { commodity: Code::USD, amount: amount(units) });
        assert_eq!(cost.excess(usd(10), amount(3)), Some(1));
        assert_eq!(cost.excess(usd(3), amount(1)), Some(-33_333_333));
    }

    #[test]
    fn nothing_overflows_and_nothing_has_more_than_28_digits() {
        let most = i64::MAX.unsigned_abs();
        for money in 0..=12 {
            for scale in 0..=12 {
                for (cost, minted) in [(1, most), (most, 1), (most, most), (most, 3), (7, 9)] {
                    let unit = unit(cost, money, minted, scale);
                    let all = Amount::new(minted).unwrap();
                    let weight = unit.weight(all).unwrap();
                    let cost_of_all = fine(Amount::new(cost).unwrap(), money).unwrap();
                    let excess = cost_of_all - weight;
                    assert!(excess >= 0 && weight >= 0, "{cost} {money} {minted} {scale}");
                    let digits = (unit.coefficient * i128::from(minted)).to_string().len();
                    assert!(digits <= 27, "{cost} {money} {minted} {scale}: {digits}");
                }
            }
        }
    }
}
