//! Amounts as people write and read them: major units with a point. The API counts smallest units.

mod shown;

use clap::{Args, value_parser};
use piperoll_domain::{
    commodity::{SCALE_MAX, built_in},
    money::{Amount, Code},
};
use serde_json::{Value, json};

pub(super) use self::shown::{Declared, for_people, foreign};
use super::{
    client::{Scale, Target},
    error::Error,
};

/// An amount, in major units.
#[derive(Debug, Args)]
pub(super) struct Sum {
    /// How much, in major units with a point: 1.25 USD is 1250000 micro. MSAT has no smaller unit.
    #[arg(long, value_name = "MAJOR")]
    pub(super) amount: String,
    #[command(flatten)]
    pub(super) of: Of,
}

/// What an amount is counted in.
#[derive(Debug, Args)]
pub(super) struct Of {
    /// Of what: USD, MSAT, or a commodity that was declared.
    #[arg(long, default_value = "USD")]
    pub(super) commodity: String,
    /// How many decimal places it has. Needed only of what is neither USD nor MSAT, with a tenant's
    /// key alone: operators are told by the server. Refused where it is known to be otherwise.
    #[arg(long, value_parser = value_parser!(u8).range(..=i64::from(SCALE_MAX)))]
    pub(super) scale: Option<u8>,
}

/// What amounts are counted in, with its decimal places.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places {
    commodity: Code,
    scale: u8,
}

/// A text that is no amount.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotMoney {
    /// It is the code of nothing.
    #[error(
        "`{0}` is no commodity: capital letters, digits, `.` and `_`, at most 16, a letter first"
    )]
    Code(String),
    /// Nobody declared it.
    #[error("`{0}` was never declared; operators do it with `piperoll commodities declare`")]
    Undeclared(Code),
    /// Nobody said how many places the commodity has.
    #[error("only operators are told the decimal places of `{0}`: say them with --scale")]
    Scale(Code),
    /// What was said is not so.
    #[error("`{commodity}` has {known} decimal places, and --scale says {said}")]
    OtherScale {
        /// Of what.
        commodity: Code,
        /// How many there are.
        known: u8,
        /// How many were said.
        said: u8,
    },
    /// It is no amount.
    #[error("`{text}` is no amount of `{commodity}`: digits, and at most {scale} behind a point")]
    Amount {
        /// What was written.
        text: String,
        /// Of what.
        commodity: Code,
        /// How many places there are.
        scale: u8,
    },
    /// It is more than can be counted.
    #[error("`{text}` of `{commodity}` is too large: {most} is the most that there can be")]
    TooLarge {
        /// What was written.
        text: String,
        /// Of what.
        commodity: Code,
        /// The largest amount.
        most: String,
    },
}

impl Sum {
    /// As the API wants it.
    pub(super) async fn body(&self, server: &Target) -> Result<Value, Error> {
        Ok(self.of.places(server).await?.body(&self.amount)?)
    }
}

impl Of {
    /// With its decimal places: as they are known here, as the server tells them, or as they were
    /// said. What was said and is known to be otherwise would make another amount, and is refused.
    pub(super) async fn places(&self, server: &Target) -> Result<Places, Error> {
        let commodity: Code =
            self.commodity.parse().map_err(|_| NotMoney::Code(self.commodity.clone()))?;
        let known = match built_in(commodity) {
            Some(scale) => Scale::Known(scale),
            None => server.scale(commodity).await?,
        };
        Ok(Places { commodity, scale: agreed(commodity, known, self.scale)? })
    }
}

/// Whether a commodity needs no declaration.
pub(super) fn is_built_in(commodity: &str) -> bool {
    commodity.parse().ok().and_then(built_in).is_some()
}

/// The scale that is known and the one that was said, as one.
fn agreed(commodity: Code, known: Scale, said: Option<u8>) -> Result<u8, NotMoney> {
    match (known, said) {
        (Scale::Undeclared, _) => Err(NotMoney::Undeclared(commodity)),
        (Scale::Untold, said) => said.ok_or(NotMoney::Scale(commodity)),
        (Scale::Known(known), Some(said)) if known != said => {
            Err(NotMoney::OtherScale { commodity, known, said })
        }
        (Scale::Known(known), _) => Ok(known),
    }
}

impl Places {
    /// An amount as the API wants it.
    pub(super) fn body(self, text: &str) -> Result<Value, NotMoney> {
        let amount = self.units(text)?.to_string();
        Ok(json!({ "commodity": self.commodity.as_str(), "amount": amount }))
    }

    /// In smallest units.
    pub(super) fn units(self, text: &str) -> Result<u64, NotMoney> {
        let Self { commodity, scale } = self;
        let text = text.to_owned();
        let Some(digits) = digits(&text, scale) else {
            return Err(NotMoney::Amount { text, commodity, scale });
        };
        // What is left to be wrong with digits is their number.
        let amount = digits.parse().ok().and_then(Amount::new);
        let too_large = || NotMoney::TooLarge { text, commodity, most: most(scale) };
        amount.map(Amount::units).ok_or_else(too_large)
    }
}

/// The largest amount, as people write it.
fn most(scale: u8) -> String {
    let units = Amount::MAX.units().to_string();
    shown::major(&units, scale).unwrap_or(units)
}

/// The digits of whole smallest units; none of what cannot be written exactly.
fn digits(text: &str, scale: u8) -> Option<String> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let all = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let places = usize::from(scale);
    let said = !whole.is_empty() && (text.len() == whole.len() || !part.is_empty());
    if !said || !all(whole) || !all(part) || part.len() > places {
        return None;
    }
    Some(format!("{whole}{part:0<places$}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn major_units_become_smallest_ones_exactly_or_not_at_all() {
        for (text, scale, wanted) in [
            ("1.25", 6, Some(1_250_000)),
            ("0.000001", 6, Some(1)),
            ("7", 6, Some(7_000_000)),
            ("7", 0, Some(7)),
            ("0", 6, Some(0)),
            ("0.0000001", 6, None),
            ("7.0", 0, None),
            ("1.", 6, None),
            (".5", 6, None),
            ("", 6, None),
            ("-1", 6, None),
            ("1e3", 6, None),
            ("1,5", 6, None),
        ] {
            let units = Places { commodity: Code::USD, scale }.units(text);
            assert!(matches!(
                (&units, wanted),
                (Ok(_), Some(_)) | (Err(NotMoney::Amount { .. }), None)
            ));
            assert_eq!(units.ok(), wanted, "{text}");
        }
    }

    #[test]
    fn an_amount_that_cannot_be_counted_is_told_as_too_large() {
        for (text, scale) in
            [("99999999999999999999", 0), ("9223372036854.775808", 6), ("9223372036854775808", 0)]
        {
            let told = Places { commodity: Code::USD, scale }.units(text);
            assert!(matches!(told, Err(NotMoney::TooLarge { .. })), "{text}");
        }
        let most = Places { commodity: Code::USD, scale: 6 }.units("9223372036854.775807");
        assert_eq!(most.unwrap(), Amount::MAX.units());
        let told = Places { commodity: Code::USD, scale: 6 }.units("9223372036855").unwrap_err();
        assert!(told.to_string().contains("9223372036854.775807 is the most"), "{told}");
    }

    #[test]
    fn a_scale_that_was_said_never_overrules_one_that_is_known() {
        let gem: Code = "GEM".parse().unwrap();
        let of = |known, said| agreed(gem, known, said);
        assert!(matches!(of(Scale::Untold, None), Err(NotMoney::Scale(_))));
        assert!(matches!(of(Scale::Untold, Some(2)), Ok(2)));
        assert!(matches!(of(Scale::Known(2), None), Ok(2)));
        assert!(matches!(of(Scale::Known(2), Some(2)), Ok(2)));
        assert!(matches!(of(Scale::Known(2), Some(6)), Err(NotMoney::OtherScale { .. })));
        assert!(matches!(of(Scale::Undeclared, Some(2)), Err(NotMoney::Undeclared(_))));
        assert_eq!(Places { commodity: gem, scale: 2 }.body("1.5").unwrap()["amount"], "150");
    }
}
