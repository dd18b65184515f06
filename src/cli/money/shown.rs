//! Answers as people read them: amounts in major units.

use piperoll_domain::{commodity::built_in, money::Code};
use serde_json::{Map, Value};

fn scale(commodity: &str) -> Option<u8> {
    commodity.parse::<Code>().ok().and_then(built_in)
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
pub(in crate::cli) fn for_people(answer: &Value) -> Value {
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
    use serde_json::json;

    use super::*;

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
}
