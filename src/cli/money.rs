//! Amounts as people write and read them: major units with a point. The API counts smallest units.

use clap::Args;
use piperoll_domain::{
    commodity::{SCALE_MAX, built_in},
    money::Code,
};
use serde_json::{Map, Value, json};

use super::error::Error;

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
    /// How many decimal places it has, where it is neither USD nor MSAT.
    #[arg(long)]
    pub(super) scale: Option<u8>,
}

/// A text that is no amount.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotMoney {
    /// Nobody said how many places the commodity has.
    #[error("the decimal places of `{0}` are not known here: say them with --scale")]
    Scale(String),
    /// It is no amount.
    #[error("`{text}` is no amount of `{commodity}`: digits, and at most {scale} behind a point")]
    Amount {
        /// What was written.
        text: String,
        /// Of what.
        commodity: String,
        /// How many places there are.
        scale: u8,
    },
}

impl Sum {
    /// As the API wants it.
    pub(super) fn body(&self) -> Result<Value, Error> {
        Ok(self.of.body(&self.amount)?)
    }
}

impl Of {
    /// An amount as the API wants it.
    pub(super) fn body(&self, text: &str) -> Result<Value, NotMoney> {
        Ok(json!({ "commodity": self.commodity, "amount": self.units(text)?.to_string() }))
    }

    /// In smallest units.
    pub(super) fn units(&self, text: &str) -> Result<u64, NotMoney> {
        let known = scale(&self.commodity).or(self.scale).filter(|scale| *scale <= SCALE_MAX);
        let scale = known.ok_or_else(|| NotMoney::Scale(self.commodity.clone()))?;
        units(text, scale).ok_or_else(|| NotMoney::Amount {
            text: text.to_owned(),
            commodity: self.commodity.clone(),
            scale,
        })
    }
}

fn scale(commodity: &str) -> Option<u8> {
    commodity.parse::<Code>().ok().and_then(built_in)
}

/// Whole smallest units; none of what cannot be written exactly.
fn units(text: &str, scale: u8) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let places = usize::from(scale);
    let said = !whole.is_empty() && (text.len() == whole.len() || !part.is_empty());
    if !said || !digits(whole) || !digits(part) || part.len() > places {
        return None;
    }
    format!("{whole}{part:0<places$}").parse().ok()
}

/// Smallest units as major ones.
fn major(units: &str, scale: u8) -> Option<String> {
    let (sign, digits) = units.strip_prefix('-').map_or(("", units), |rest| ("-", rest));
    let places = usize::from(scale);
    if places == 0 || digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let padded = format!("{digits:0>width$}", width = places.saturating_add(1));
    let (whole, part) = padded.split_at(padded.len().saturating_sub(places));
    Some(format!("{sign}{whole}.{part}"))
}

/// Columns of rows that say their commodity beside them.
const COLUMNS: [&str; 11] = [
    "minted",
    "available",
    "reserved",
    "consumed",
    "expired",
    "clawed_back",
    "voided",
    "moved",
    "awaited",
    "owed",
    "balance",
];

/// An answer as people read it: amounts in major units, where the places are known.
pub(super) fn for_people(answer: &Value) -> Value {
    let mut answer = answer.clone();
    all_in_major(&mut answer);
    answer
}

fn all_in_major(answer: &mut Value) {
    match answer {
        Value::Array(rows) => rows.iter_mut().for_each(all_in_major),
        Value::Object(fields) => {
            in_major(fields);
            fields.values_mut().for_each(all_in_major);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn in_major(fields: &mut Map<String, Value>) {
    let commodity = fields.get("commodity").and_then(Value::as_str);
    if let Some(scale) = commodity.and_then(scale) {
        for name in COLUMNS.into_iter().chain(["amount"]) {
            if let Some(amount) = fields.get_mut(name) {
                write_major(amount, scale);
            }
        }
    }
    // Amounts that stand under their commodity.
    if let Some(Value::Object(ceilings)) = fields.get_mut("ceilings") {
        for (code, amount) in ceilings {
            if let Some(scale) = scale(code) {
                write_major(amount, scale);
            }
        }
    }
}

fn write_major(amount: &mut Value, scale: u8) {
    if let Some(written) = amount.as_str().and_then(|text| major(text, scale)) {
        *amount = written.into();
    }
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
            ("99999999999999999999", 6, None),
        ] {
            assert_eq!(units(text, scale), wanted, "{text}");
        }
    }

    #[test]
    fn answers_are_shown_in_major_units_where_the_places_are_known() {
        let answer = json!({ "charged": { "commodity": "USD", "amount": "1250000" },
            "lots": [{ "commodity": "USD", "available": "5", "balance": "-30", "lot": "7" }],
            "paid": { "commodity": "MSAT", "amount": "12" },
            "ceilings": { "USD": "1250000", "MSAT": "12", "EUR": "12" },
            "other": { "commodity": "EUR", "amount": "12" } });
        let answer = for_people(&answer);
        assert_eq!(answer["charged"]["amount"], "1.250000");
        assert_eq!(answer["lots"][0]["available"], "0.000005");
        assert_eq!(answer["lots"][0]["balance"], "-0.000030");
        assert_eq!(answer["lots"][0]["lot"], "7");
        assert_eq!(
            (&answer["paid"]["amount"], &answer["other"]["amount"]),
            (&json!("12"), &json!("12"))
        );
        let ceilings = json!({ "USD": "1.250000", "MSAT": "12", "EUR": "12" });
        assert_eq!(answer["ceilings"], ceilings);
    }

    #[test]
    fn a_commodity_of_unknown_places_wants_them_said() {
        let of = |scale| Of { commodity: "EUR".into(), scale };
        assert!(matches!(of(None).body("1"), Err(NotMoney::Scale(_))));
        assert_eq!(of(Some(2)).body("1.5").unwrap()["amount"], "150");
        assert!(of(Some(200)).body("1.5").is_err());
    }
}
