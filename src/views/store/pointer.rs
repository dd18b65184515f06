//! The pointer file that names the generation in force, and the files it may name.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use super::Error;

const POINTER: &str = "views.current";

/// A generation's file.
pub(super) fn file(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("views-{number}.db"))
}

fn number_of(name: &str) -> Option<u64> {
    let name = name.strip_suffix("-wal").or_else(|| name.strip_suffix("-shm")).unwrap_or(name);
    let name = name.strip_suffix("-journal").unwrap_or(name);
    name.strip_prefix("views-")?.strip_suffix(".db")?.parse().ok()
}

/// What the pointer says of a generation.
fn name(number: u64) -> String {
    format!("views-{number}.db\n")
}

/// Whether there is a pointer, whatever it says.
pub(super) fn is_there(directory: &Path) -> bool {
    directory.join(POINTER).exists()
}

/// The generation in force; none if there is none, or if the pointer says nothing that we know.
pub(super) fn read(directory: &Path) -> Result<Option<u64>, Error> {
    let path = directory.join(POINTER);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(number_of(text.trim_end()).filter(|number| text == name(*number))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(None),
        Err(source) => Err(Error::File { path, source }),
    }
}

/// Puts a generation in force. Whoever reads the pointer sees the old one or the new one.
pub(super) fn write(directory: &Path, number: u64) -> Result<(), Error> {
    let (path, next) = (directory.join(POINTER), directory.join("views.next"));
    let written = || -> io::Result<()> {
        let mut file = File::create(&next)?;
        file.write_all(name(number).as_bytes())?;
        file.sync_all()?;
        fs::rename(&next, &path)?;
        File::open(directory)?.sync_all()
    };
    written().map_err(|source| Error::File { path: path.clone(), source })
}

/// The number of the next generation: above every file there is, so that none is ever used twice.
pub(super) fn next(directory: &Path) -> Result<u64, Error> {
    let named = read(directory)?.unwrap_or(0);
    let highest = generations(directory)?.into_iter().map(|(number, _)| number).max();
    Ok(highest.unwrap_or(0).max(named).saturating_add(1))
}

/// Removes every generation but one.
pub(super) fn sweep(directory: &Path, keep: Option<u64>) -> Result<(), Error> {
    for (number, path) in generations(directory)? {
        if Some(number) != keep {
            remove(&path)?;
        }
    }
    Ok(())
}

/// Removes a generation's file and what SQLite keeps beside it.
pub(in crate::views) fn remove(path: &Path) -> Result<(), Error> {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        match fs::remove_file(&name) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(Error::File { path: name.into(), source });
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

fn generations(directory: &Path) -> Result<Vec<(u64, PathBuf)>, Error> {
    let failed = |source| Error::File { path: directory.to_owned(), source };
    let mut found = vec![];
    for entry in fs::read_dir(directory).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if let Some(number) = name.to_str().and_then(number_of) {
            found.push((number, file(directory, number)));
        }
    }
    Ok(found)
}
