//! What a bench found, for people and for programs.

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::{Load, Machine};

/// Names and values in the order in which they were given.
#[derive(Debug, Clone, Default)]
pub struct Named(Vec<(String, Value)>);

impl Named {
    /// One more.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        self.0.push((name.into(), value.into()));
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }
}

impl Serialize for Named {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

/// What the machine could do at most, measured in the same run.
#[derive(Debug, Clone, Serialize)]
pub struct Limit {
    /// What was measured.
    pub what: &'static str,
    /// What it came to, in the unit of the figure that stands against it.
    pub value: f64,
}

/// What a bench found. A figure's unit is the last word of its name.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Which bench.
    pub bench: &'static str,
    /// Where.
    pub machine: Machine,
    /// What an answer promises.
    pub durability: &'static str,
    /// What was asked.
    pub parameters: Named,
    /// What was found.
    pub figures: Named,
    /// What could have been found at most.
    pub limit: Option<Limit>,
    /// The figure that counts, as a part of the limit.
    pub ratio: Option<f64>,
    /// What makes the figures worth less.
    pub warnings: Vec<String>,
    /// What must hold and did not. With any of these the figures are worth nothing.
    pub broken: Vec<String>,
}

impl Report {
    /// An empty one.
    pub fn new(bench: &'static str, durability: &'static str, machine: Machine) -> Self {
        let warnings = machine.warnings();
        let (parameters, figures) = (Named::default(), Named::default());
        let broken = vec![];
        let (limit, ratio) = (None, None);
        Self { bench, machine, durability, parameters, figures, limit, ratio, warnings, broken }
    }

    /// A parameter.
    pub fn asked(&mut self, name: &str, value: impl Into<Value>) {
        self.parameters.set(name, value);
    }

    /// A figure, rounded to what can be told apart.
    pub fn found(&mut self, name: impl Into<String>, value: f64) {
        self.figures.set(name, rounded(value));
    }

    /// The limit, and the figure that stands against it.
    pub fn against(&mut self, what: &'static str, limit: f64, figure: f64) {
        self.limit = Some(Limit { what, value: rounded(limit) });
        self.ratio = Some(rounded(if limit > 0.0 { figure / limit } else { 0.0 }));
    }

    /// What must hold.
    pub fn must(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.broken.push(otherwise());
        }
    }

    /// Throughput, latency and cost of a load. Whatever failed breaks the run.
    pub fn load(&mut self, name: &str, load: &Load) {
        self.found(format!("{name}_per_second"), load.per_second());
        for (of, percentile) in [("p50", 50.0), ("p99", 99.0), ("p99_9", 99.9)] {
            let micros = load.latency.value_at_percentile(percentile);
            self.found(format!("{name}_{of}_us"), float(micros));
        }
        self.found(format!("{name}_worst_us"), float(load.latency.max()));
        if let Some(cpu) = load.cpu_per_unit() {
            self.found(format!("{name}_cpu_us"), cpu.as_secs_f64() * 1e6);
        }
        if let Some(cpu) = load.cpu_outside_per_unit().filter(|cpu| !cpu.is_zero()) {
            self.found(format!("{name}_of_which_callers_cpu_us"), cpu.as_secs_f64() * 1e6);
        }
        if let Some(first) = &load.first_failure {
            self.broken
                .push(format!("{} calls of `{name}` failed; the first: {first}", load.failed));
        }
    }

    /// Whether everything held that must hold.
    pub fn is_sound(&self) -> bool {
        self.broken.is_empty()
    }

    /// The report for people: names and values.
    pub fn rows(&self) -> Vec<[String; 2]> {
        let mut rows = self.machine.rows();
        rows.push(["durability".to_owned(), self.durability.to_owned()]);
        rows.extend(self.parameters.iter().map(row));
        rows.extend(self.figures.iter().map(row));
        if let Some(limit) = &self.limit {
            rows.push([format!("limit: {}", limit.what), shown(&limit.value.into())]);
        }
        if let Some(ratio) = self.ratio {
            rows.push(["ratio".to_owned(), format!("{ratio:.2}")]);
        }
        let warnings = self.warnings.iter().map(|text| ["warning".to_owned(), text.clone()]);
        let broken = self.broken.iter().map(|text| ["BROKEN".to_owned(), text.clone()]);
        rows.into_iter().chain(warnings).chain(broken).collect()
    }
}

fn row((name, value): (&str, &Value)) -> [String; 2] {
    [name.to_owned(), shown(value)]
}

/// A value for people: large numbers in groups of three digits.
fn shown(value: &Value) -> String {
    let Some(number) = value.as_f64().filter(|_| value.is_number()) else {
        return value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    };
    let text = if number.abs() >= 100.0 { format!("{number:.0}") } else { value.to_string() };
    let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0
            && (whole.len() - at).is_multiple_of(3)
            && digit.is_ascii_digit()
            && !grouped.ends_with('-')
        {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    if rest.is_empty() || rest == "0" { grouped } else { format!("{grouped}.{rest}") }
}

fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

/// A count as a figure. Beyond 2⁵³ the last digits are lost, which no figure needs.
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a figure")]
pub const fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_for_people() {
        let shown = |value: f64| shown(&value.into());
        let cases = [
            (1_234_567.0, "1 234 567"),
            (12.5, "12.5"),
            (100.0, "100"),
            (0.45, "0.45"),
            (-4_000.0, "-4 000"),
        ];
        for (value, text) in cases {
            assert_eq!(shown(value), text);
        }
    }

    #[test]
    fn names_keep_their_order() {
        let mut named = Named::default();
        named.set("z", 1);
        named.set("a", 2.5);
        assert_eq!(serde_json::to_string(&named).unwrap(), r#"{"z":1,"a":2.5}"#);
    }
}
