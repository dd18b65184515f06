//! The one place that prints: answers to stdout, progress and errors to stderr.

use std::{
    collections::BTreeSet,
    io::{self, ErrorKind, IsTerminal as _, Write},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use serde_json::Value;

use super::{
    client::{Scale, Target},
    error::Error,
    exit::Exit,
    money::{Declared, for_people, foreign},
};
use crate::audit::Progress;

/// How answers are given.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    json: bool,
}

impl Output {
    pub(super) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether a program reads the answer.
    pub(super) const fn is_json(self) -> bool {
        self.json
    }

    /// Something to write many lines to.
    pub(super) fn stream() -> Stream {
        Stream(io::BufWriter::new(io::stdout()))
    }

    /// One line. A reader that went away has seen enough.
    pub(super) fn line(text: &str) -> io::Result<()> {
        let mut stream = Self::stream();
        enough(stream.line(text).and_then(|()| stream.finish()))
    }

    /// A document, as JSON.
    pub(super) fn document(value: &impl Serialize) -> io::Result<()> {
        Self::line(&serde_json::to_string_pretty(value)?)
    }

    /// An answer of the server's: as it came for programs, for people in columns and with amounts of
    /// what is built in in major units.
    pub(super) fn answer(self, value: &Value) -> io::Result<()> {
        self.tell(value, &Declared::new())
    }

    /// The same, with all amounts in major units: the server tells the places of what was declared.
    pub(super) async fn amounts(self, server: &Target, value: &Value) -> io::Result<()> {
        let mut declared = Declared::new();
        let asked = if self.json { BTreeSet::new() } else { foreign(value) };
        for code in asked {
            // What was done is done: an answer that nobody can write better is told as it came.
            if let Ok(Scale::Known(scale)) = server.scale(code).await {
                declared.insert(code, scale);
            } else {
                let what = "are in its smallest units: nobody tells its decimal places here";
                self.warn(&format!("amounts of {code} {what}"));
            }
        }
        self.tell(value, &declared)
    }

    fn tell(self, value: &Value, declared: &Declared) -> io::Result<()> {
        if self.json {
            return Self::document(value);
        }
        let mut stream = Self::stream();
        let told =
            shown(&for_people(value, declared)).iter().try_for_each(|line| stream.line(line));
        enough(told.and_then(|()| stream.finish()))?;
        if let Some(next) = value.get("next").and_then(Value::as_str) {
            self.warn(&format!("there is more: go on with --after {next}"));
        }
        Ok(())
    }

    /// What went wrong, once, with its causes; for programs with all that the server said of it.
    pub(super) fn error(self, error: &Error, exit: Exit) {
        let first: &dyn std::error::Error = error;
        let causes: Vec<String> = std::iter::successors(Some(first), |cause| cause.source())
            .map(ToString::to_string)
            .collect();
        let text = if self.json {
            let mut told = serde_json::json!({ "error": causes, "exit": exit.code() });
            if let Some(problem) = error.problem() {
                told["problem"] = problem.clone();
            }
            told.to_string()
        } else {
            format!("error: {}", causes.join("\n  because: "))
        };
        // There is nobody else to tell.
        let _ = writeln!(io::stderr(), "{text}");
    }

    /// What somebody should know beside the answer.
    pub(super) fn warn(self, what: &str) {
        let text = if self.json {
            serde_json::json!({ "warning": what }).to_string()
        } else {
            format!("warning: {what}")
        };
        // There is nobody else to tell.
        let _ = writeln!(io::stderr(), "{text}");
    }

    /// A bar on stderr, where somebody is looking.
    pub(super) fn bar(self) -> Bar {
        let watched = !self.json && io::stderr().is_terminal();
        let target =
            if watched { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        let words = "{msg:>14} {wide_bar} {human_pos} of {human_len}, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(words) {
            bar.set_style(style);
        }
        Bar(bar)
    }
}

/// Lines on their way to stdout.
pub(super) struct Stream(io::BufWriter<io::Stdout>);

impl Stream {
    /// One more line.
    pub(super) fn line(&mut self, text: &str) -> io::Result<()> {
        self.0.write_all(text.as_bytes())?;
        self.0.write_all(b"\n")
    }

    /// Makes sure that all of it is out.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Whether whoever read has closed the pipe, as `head` does.
pub(super) fn is_closed(error: &io::Error) -> bool {
    error.kind() == ErrorKind::BrokenPipe
}

/// A reader that closed the pipe has seen what it wanted.
pub(super) fn enough(told: io::Result<()>) -> io::Result<()> {
    told.or_else(|error| if is_closed(&error) { Ok(()) } else { Err(error) })
}

/// How far something is.
pub(super) struct Bar(ProgressBar);

impl Progress for Bar {
    fn step(&self, check: &'static str, done: u64, of: u64) {
        self.0.set_length(of);
        self.0.set_position(done);
        self.0.set_message(check);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// JSON for people: a list as a table, an object as its fields.
pub(super) fn shown(value: &Value) -> Vec<String> {
    match value {
        Value::Array(rows) => table(rows),
        Value::Object(fields) => match fields.get("items").and_then(Value::as_array) {
            Some(rows) if rows.iter().all(Value::is_object) => table(rows),
            _ => fields.iter().flat_map(|(name, value)| field(name, value)).collect(),
        },
        other => vec![cell(other)],
    }
}

fn field(name: &str, value: &Value) -> Vec<String> {
    match value {
        Value::Object(_) | Value::Array(_) if cell(value).len() > 60 => {
            let inner = shown(value).into_iter().map(|line| format!("  {line}"));
            std::iter::once(format!("{name}:")).chain(inner).collect()
        }
        other => vec![format!("{name}: {}", cell(other))],
    }
}

/// A value in one line.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Object(fields) => match (fields.get("amount"), fields.get("commodity")) {
            (Some(amount), Some(commodity)) if fields.len() == 2 => {
                format!("{} {}", cell(amount), cell(commodity))
            }
            _ => value.to_string(),
        },
        Value::Bool(_) | Value::Number(_) | Value::Array(_) => value.to_string(),
    }
}

fn table(rows: &[Value]) -> Vec<String> {
    let Some(Value::Object(first)) = rows.first() else {
        return rows.iter().map(cell).collect();
    };
    let names: Vec<&String> = first.keys().collect();
    let head = names.iter().map(|name| (*name).clone()).collect();
    let of = |row: &Value| {
        names.iter().map(|name| cell(row.get(*name).unwrap_or(&Value::Null))).collect()
    };
    let lines: Vec<Vec<String>> = std::iter::once(head).chain(rows.iter().map(of)).collect();
    columns(&lines)
}

/// Lines of cells, each column as wide as its widest cell.
pub(super) fn columns(lines: &[Vec<String>]) -> Vec<String> {
    let count = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..count).map(|column| width(column).unwrap_or(0)).collect();
    let line = |cells: &Vec<String>| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    lines.iter().map(line).collect()
}
