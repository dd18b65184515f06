//! The shape of a table: its key, its columns, and how two changes of one cell become one.

/// What may stand in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// A signed 64-bit number.
    Integer,
    /// UTF-8.
    Text,
}

/// How two changes of one cell become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The later one holds; empty until the first.
    Last(Type),
    /// The later one holds, also where it says that there is nothing. Only for what every change of a
    /// row says: silence empties it.
    Latest(Type),
    /// They add up. The rules keep the sum within 64 bits; where history broke them it stops at
    /// the end of the range.
    Sum,
    /// They add up, beyond 64 bits if need be: nothing bounds the sum of many lots.
    /// Stored as two columns; see [`crate::wide`].
    Wide,
    /// They stand one behind the other, as text: many small things that are read together cost one
    /// row.
    Joined,
}

/// A column that is no part of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// How changes compose.
    pub kind: Kind,
}

/// How the rows of a table lie, and how changes of them are written; what they say is the same.
#[derive(Debug, PartialEq, Eq)]
pub struct Layout {
    /// Whether rows stand in the order in which they came and are found by key through an index, and
    /// not in the order of their keys. For long rows under random names: a new one then touches the end
    /// of the table, and of the rest only a page of the far smaller index.
    pub grows: bool,
    /// The columns that most changes of a row that is there already are about: such changes are written
    /// without the others, and leave the orders alone that do not ask for these. None: all together.
    pub often: &'static [&'static str],
}

/// Rows stand in the order of their keys, and are written whole.
pub(crate) const BY_KEY: Layout = Layout { grows: false, often: &[] };

/// Which columns of a row are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breadth {
    /// All of them.
    Whole,
    /// The key, and those that change often.
    Often,
}

/// A table.
#[derive(Debug, PartialEq, Eq)]
pub struct Schema {
    /// Its name.
    pub name: &'static str,
    /// Its place in [`crate::SCHEMAS`].
    pub index: usize,
    /// What names a row; never empty cells.
    pub key: &'static [(&'static str, Type)],
    /// The other columns.
    pub columns: &'static [Column],
    /// How rows lie, and how changes of them are written.
    pub layout: Layout,
    /// Further orders in which rows are found, as SQL: name, then what stands behind `ON table`.
    pub indexes: &'static [(&'static str, &'static str)],
}

pub(crate) const fn integer(name: &'static str) -> Column {
    Column { name, kind: Kind::Last(Type::Integer) }
}

pub(crate) const fn latest_integer(name: &'static str) -> Column {
    Column { name, kind: Kind::Latest(Type::Integer) }
}

pub(crate) const fn text(name: &'static str) -> Column {
    Column { name, kind: Kind::Last(Type::Text) }
}

pub(crate) const fn sum(name: &'static str) -> Column {
    Column { name, kind: Kind::Sum }
}

pub(crate) const fn joined(name: &'static str) -> Column {
    Column { name, kind: Kind::Joined }
}

pub(crate) const fn wide(name: &'static str) -> Column {
    Column { name, kind: Kind::Wide }
}

impl Schema {
    /// The place of a column. Asked at compile time, so that a misspelt one does not compile.
    #[expect(clippy::panic, reason = "only ever evaluated by the compiler")]
    #[expect(clippy::arithmetic_side_effects, reason = "only ever evaluated by the compiler")]
    pub(crate) const fn at(&self, name: &str) -> usize {
        let mut index = 0;
        while index < self.columns.len() {
            if same(self.columns[index].name.as_bytes(), name.as_bytes()) {
                return index;
            }
            index += 1;
        }
        panic!("no column of that name")
    }

    /// Every column as it is stored, the key first.
    pub fn stored(&self) -> impl Iterator<Item = Stored> {
        let key = self.key.iter().map(|(name, kind)| Stored::Key(name, *kind));
        let columns = self.columns.iter().flat_map(|Column { name, kind }| match kind {
            Kind::Last(kind) => [Some(Stored::Last(name, *kind)), None],
            Kind::Latest(kind) => [Some(Stored::Latest(name, *kind)), None],
            Kind::Sum => [Some(Stored::Sum(name)), None],
            Kind::Joined => [Some(Stored::Joined(name)), None],
            Kind::Wide => [Some(Stored::Low(name)), Some(Stored::Over(name))],
        });
        key.chain(columns.flatten())
    }

    /// How many columns are stored.
    pub fn width(&self) -> usize {
        self.stored().count()
    }

    /// At which breadths rows are written.
    pub fn breadths(&self) -> impl Iterator<Item = Breadth> {
        let often = (!self.layout.often.is_empty()).then_some(Breadth::Often);
        std::iter::once(Breadth::Whole).chain(often)
    }

    /// Whether a column is written at a breadth.
    pub fn holds(&self, breadth: Breadth, column: &str) -> bool {
        breadth == Breadth::Whole || self.layout.often.contains(&column)
    }

    /// The columns that are written at a breadth, the key first.
    pub fn written(&self, breadth: Breadth) -> impl Iterator<Item = Stored> {
        self.stored().filter(move |stored| match *stored {
            Stored::Key(..) => true,
            Stored::Last(name, _)
            | Stored::Latest(name, _)
            | Stored::Sum(name)
            | Stored::Low(name)
            | Stored::Over(name)
            | Stored::Joined(name) => self.holds(breadth, name),
        })
    }
}

#[expect(clippy::arithmetic_side_effects, reason = "only ever evaluated by the compiler")]
const fn same(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let mut index = 0;
    while index < left.len() {
        if left[index] != right[index] {
            return false;
        }
        index += 1;
    }
    true
}

/// A column as it is stored, by the name of the column it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// Of the key.
    Key(&'static str, Type),
    /// A last value.
    Last(&'static str, Type),
    /// A last value, or that there is none.
    Latest(&'static str, Type),
    /// A sum.
    Sum(&'static str),
    /// The low part of a wide sum.
    Low(&'static str),
    /// The rest of a wide sum.
    Over(&'static str),
    /// Texts, one behind the other.
    Joined(&'static str),
}
