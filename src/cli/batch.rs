//! `piperoll batch`: many commands out of a file.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::{client::said, correct::Whose, document, error::Error, exit::Exit, output::Output};

/// Commands out of a file.
#[derive(Debug, Args)]
pub(super) struct Batch {
    #[command(flatten)]
    whose: Whose,
    /// Whether each is taken by itself, or all of them or none.
    #[arg(long, value_enum)]
    mode: Mode,
    /// The commands, a line of JSON each, with a key of their own; `-` for standard input.
    file: PathBuf,
}

/// How commands are taken.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Mode {
    /// Each by itself; exits with 1 if one of them is refused.
    Independent,
    /// All of them or none.
    Atomic,
}

impl Mode {
    /// The word that a body says.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Independent => "independent",
            Self::Atomic => "atomic",
        }
    }
}

impl Batch {
    pub(super) async fn run(self, output: Output) -> Result<Exit, Error> {
        let body = json!({ "mode": self.mode.as_str(), "items": items(&self.file)? });
        put(&self.whose, &["batch"], &body, output).await
    }
}

/// Puts items to the server. One that was refused by itself is told by the exit code.
pub(super) async fn put(
    whose: &Whose,
    path: &[&str],
    body: &Value,
    output: Output,
) -> Result<Exit, Error> {
    let answer = whose.post(path, body, None).await?;
    let items = answer.get("items").and_then(Value::as_array).map(Vec::as_slice);
    let items = items.unwrap_or_default();
    if output.is_json() {
        output.answer(&answer)?;
    } else {
        output.answer(&items.iter().enumerate().map(row).collect())?;
    }
    let refused = items.iter().any(|one| one.get("problem").is_some());
    Ok(if refused { Exit::Failed } else { Exit::Done })
}

/// What became of an item, as people read it.
fn row((index, item): (usize, &Value)) -> Value {
    let problem = &item["problem"];
    let because = said(problem).map_or_else(String::new, |why| {
        let code = problem["code"].as_str().unwrap_or_default();
        format!("{code}: {why}")
    });
    let replayed = item["replayed"].as_bool().unwrap_or(false);
    json!({
        "item": index,
        "status": item["status"],
        "position": item["position"],
        "replayed": if replayed { "yes" } else { "no" },
        "refused": because,
    })
}

/// The items of a file, a line of JSON each.
pub(super) fn items(path: &Path) -> Result<Vec<Value>, Error> {
    let text = document::text(path)?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let items = lines.map(serde_json::from_str).collect::<Result<_, _>>();
    items.map_err(|source| Error::NotJson { path: path.to_owned(), source })
}
