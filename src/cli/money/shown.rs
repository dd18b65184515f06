//! Answers as people read them: amounts in major units.

use std::collections::{BTreeMap, BTreeSet};

use piperoll_domain::{commodity::built_in, money::Code};
use serde_json::{Map, Value};

/// Commodities that were declared, with their decimal places.
pub(in crate::cli) type Declared = BTreeMap<Code, u8>;

/// Smallest units as major ones.
pub(super) fn major(units: &str, scale: u8) -> Option<String> {
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

/// Columns of rows that count in what a sum beside them counts in.
const SUMMED: [(&str, &str); 2] = [("lot_left", "amount"), ("cost_released", "cost")];

/// What an answer counts in and whose decimal places are not known here.
pub(in crate::cli) fn foreign(answer: &Value) -> BTreeSet<Code> {
    let mut found = BTreeSet::new();
    collect(answer, &mut found);
    found
}

fn collect(answer: &Value, found: &mut BTreeSet<Code>) {
    match answer {
        Value::Array(rows) => rows.iter().for_each(|row| collect(row, found)),
        Value::Object(fields) => {
            let beside = fields.get("commodity").and_then(Value::as_str);
            let above = fields.get("ceilings").and_then(Value::as_object);
            let above = above.into_iter().flat_map(|ceilings| ceilings.keys().map(String::as_str));
            let codes = beside.into_iter().chain(above).filter_map(|code| code.parse().ok());
            found.extend(codes.filter(|code| built_in(*code).is_none()));
            fields.values().for_each(|field| collect(field, found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// An answer as people read it: amounts in major units, where the places are known.
pub(in crate::cli) fn for_people(answer: &Value, declared: &Declared) -> Value {
    let mut answer = answer.clone();
    all_in_major(&mut answer, declared);
    answer
}

fn all_in_major(answer: &mut Value, declared: &Declared) {
    match answer {
        Value::Array(rows) => rows.iter_mut().for_each(|row| all_in_major(row, declared)),
        Value::Object(fields) => {
            in_major(fields, declared);
            fields.values_mut().for_each(|field| all_in_major(field, declared));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn in_major(fields: &mut Map<String, Value>, declared: &Declared) {
    let beside = fields.get("commodity").and_then(|code| scale(code, declared));
    let amounts = COLUMNS.into_iter().chain(["amount"]).map(|name| (name, beside));
    let of_sums = SUMMED.into_iter().map(|(name, sum)| {
        (name, fields.get(sum).and_then(|sum| scale(sum.get("commodity")?, declared)))
    });
    let known: Vec<_> = amounts.chain(of_sums).collect();
    for (name, scale) in known {
        if let (Some(amount), Some(scale)) = (fields.get_mut(name), scale) {
            write_major(amount, scale);
        }
    }
    // Amounts that stand under their commodity.
    if let Some(Value::Object(ceilings)) = fields.get_mut("ceilings") {
        for (code, amount) in ceilings {
            if let Some(scale) = scale(&Value::from(code.as_str()), declared) {
                write_major(amount, scale);
            }
        }
    }
}

fn scale(code: &Value, declared: &Declared) -> Option<u8> {
    let code: Code = code.as_str()?.parse().ok()?;
    built_in(code).or_else(|| declared.get(&code).copied())
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
            "entry": { "amount": { "commodity": "USD", "amount": "-7" }, "lot_left": "10000000" },
            "lot": { "commodity": "MSAT", "cost": { "commodity": "USD", "amount": "9000000" },
                "cost_released": "900000" },
            "gems": { "commodity": "GEM", "amount": "500" },
            "other": { "commodity": "EUR", "amount": "12" } });
        let gem: Code = "GEM".parse().unwrap();
        assert_eq!(foreign(&answer), [gem, "EUR".parse().unwrap()].into());
        let answer = for_people(&answer, &[(gem, 2)].into());
        assert_eq!(answer["gems"]["amount"], "5.00");
        assert_eq!(answer["entry"]["lot_left"], "10.000000");
        assert_eq!(answer["lot"]["cost_released"], "0.900000");
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
