//! Texts as SQLite's arguments want them, shared by the cells that say the same.

use std::sync::Arc;

use piperoll_projections::value::{Text, Value};
use sqlx::{Arguments, sqlite::SqliteArguments};

use super::bind;

/// How many names are kept.
const NAMES: usize = 32;
/// Longer names lie on the heap already, and are shared as they are.
const SHORT: usize = 23;

/// What has been said of late: most rows of a table name the same tenant, the same pool, the same kind.
#[derive(Default)]
pub(super) struct Words {
    /// Words of ours, each told by where it lies: the same word twice does no harm.
    words: Vec<(&'static str, Arc<str>)>,
    names: [Option<Arc<str>>; NAMES],
}

impl Words {
    pub(super) fn bind(
        &mut self,
        arguments: &mut SqliteArguments,
        cell: Option<Value>,
    ) -> Result<(), sqlx::Error> {
        let text = match &cell {
            Some(Value::Text(Text::Word(word))) => self.word(word),
            Some(Value::Text(Text::Shared(name))) if name.len() <= SHORT => self.name(name),
            _ => return bind(arguments, cell),
        };
        arguments.add(text).map_err(sqlx::Error::Encode)
    }

    fn word(&mut self, word: &'static str) -> Arc<str> {
        if let Some((_, text)) = self.words.iter().find(|(known, _)| std::ptr::eq(*known, word)) {
            return text.clone();
        }
        let text: Arc<str> = word.into();
        self.words.push((word, text.clone()));
        text
    }

    fn name(&mut self, name: &str) -> Arc<str> {
        let last = name.bytes().next_back().map_or(0, usize::from);
        let Some(slot) = self.names.get_mut((name.len().wrapping_mul(7) ^ last) % NAMES) else {
            return name.into();
        };
        match slot {
            Some(text) if **text == *name => text.clone(),
            _ => slot.insert(name.into()).clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_again_is_shared_and_what_falls_into_its_place_is_not_taken_for_it() {
        let mut words = Words::default();
        let names: Vec<String> = (0..200).map(|number| format!("account-{number}")).collect();
        for name in names.iter().chain(&names) {
            assert_eq!(*words.name(name), **name);
        }
        assert!(Arc::ptr_eq(&words.name("acme"), &words.name("acme")));
        assert!(Arc::ptr_eq(&words.word("MSAT"), &words.word("MSAT")));
        assert_eq!(*words.word("USD"), *"USD");
        assert_eq!(*words.name(""), *"");
    }
}
