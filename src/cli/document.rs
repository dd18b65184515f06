//! A body that is read from a file, because no command line could hold it.

use std::{
    fs,
    io::{self, Read as _},
    path::Path,
};

use serde_json::Value;

use super::error::{Error, file};

/// Reads JSON from a file, or from stdin for `-`.
pub(super) fn read(path: &Path) -> Result<Value, Error> {
    let text = text(path)?;
    serde_json::from_str(&text).map_err(|source| Error::NotJson { path: path.to_owned(), source })
}

/// What a file holds, or stdin for `-`.
pub(super) fn text(path: &Path) -> Result<String, Error> {
    if path == Path::new("-") {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text).map_err(file("read", path))?;
        return Ok(text);
    }
    fs::read_to_string(path).map_err(file("read", path))
}
