//! What schemas and tables promise, whatever the events.

use std::collections::BTreeSet;

use crate::{
    SCHEMAS,
    change::{Cell, Change},
    credit::{ACCOUNTS, BALANCES, LOTS},
    diff::diff,
    reservations::RESERVATIONS,
    schema::{Breadth, Column, Kind, Stored},
    tables::{Columns, Tables, restored, stored},
    value::Value,
};

#[test]
fn every_schema_knows_its_place_and_names_nothing_twice() {
    for (index, schema) in SCHEMAS.into_iter().enumerate() {
        assert_eq!(schema.index, index, "{}", schema.name);
        let names: Vec<_> = schema.stored().map(Stored::name).collect();
        let unique: BTreeSet<_> = names.iter().collect();
        assert_eq!(unique.len(), names.len(), "{names:?}");
        assert!(schema.width() < 64, "so that 512 rows fit one statement");
        let often = schema.layout.often;
        assert!(often.iter().all(|often| names.iter().any(|name| name == often)), "{often:?}");
    }
    let names: BTreeSet<_> = SCHEMAS.iter().map(|schema| schema.name).collect();
    assert_eq!(names.len(), SCHEMAS.len());
}

#[test]
fn what_can_go_away_is_written_with_every_change_of_its_row() {
    for schema in SCHEMAS {
        let latest = |column: &Column| matches!(column.kind, Kind::Latest(_));
        let any = schema.columns.iter().any(latest);
        assert!(!any || schema.layout.often.is_empty(), "{} would keep it", schema.name);
    }
}

fn balance(account: &str, available: i128) -> Change {
    let key = ["acme", account, "USD", "general"].map(|text| Value::from(text.to_owned()));
    let available = (BALANCES.at("available"), Cell::Sum(available.into()));
    Change { table: BALANCES, key: key.to_vec(), cells: vec![available] }
}

#[test]
fn changes_of_a_row_add_up_and_later_values_hold() {
    let mut tables = Tables::default();
    let key = vec![Value::from("acme"), Value::from("a")];
    let at = ACCOUNTS.at("position");
    for position in [1_u64, 2] {
        tables.apply(balance("a", i64::MAX.into()));
        let cells = vec![(at, Cell::Last(Some(position.into())))];
        tables.apply(Change { table: ACCOUNTS, key: key.clone(), cells });
    }
    tables.apply(Change { table: ACCOUNTS, key: key.clone(), cells: vec![(at, Cell::Last(None))] });
    let account = tables.table(ACCOUNTS).unwrap().get(&key).unwrap();
    assert_eq!(account[at], Cell::Last(Some(Value::Integer(2))));
    let (_, row) = tables.table(BALANCES).unwrap().first_key_value().unwrap();
    assert_eq!(row[0], Cell::Sum((2 * i128::from(i64::MAX)).into()));
}

#[test]
fn stored_rows_are_restored() {
    let mut tables = Tables::default();
    tables.apply(balance("a", -3));
    tables.apply(balance("b", 1 << 80));
    let whole = Columns::of(BALANCES, Breadth::Whole);
    for (key, row) in tables.table(BALANCES).unwrap() {
        let mut cells = vec![];
        let told: Result<(), ()> = stored(BALANCES, &whole, key.clone(), row.clone(), |cell| {
            cells.push(cell);
            Ok(())
        });
        told.unwrap();
        assert_eq!(cells.len(), BALANCES.width());
        assert_eq!(restored(BALANCES, cells.clone()), Some((key.clone(), row.clone())));
        assert_eq!(restored(BALANCES, cells[..5].to_vec()), None);
    }
}

#[test]
fn a_difference_names_table_key_column_and_both_sides() {
    let (mut expected, mut found) = (Tables::default(), Tables::default());
    for (account, units) in [("a", 1), ("b", 2), ("d", 4)] {
        expected.apply(balance(account, units));
    }
    for (account, units) in [("b", 3), ("c", 3), ("d", 4)] {
        found.apply(balance(account, units));
    }
    let found = found.table(BALANCES).unwrap().clone();
    let told = diff(BALANCES, expected.table(BALANCES).unwrap(), found);
    let told: Vec<_> = told.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "balances [acme, a, USD, general] row: expected a row, found none",
            "balances [acme, b, USD, general] available: expected 2, found 3",
            "balances [acme, c, USD, general] row: expected none, found a row",
        ]
    );
}

#[test]
fn what_changes_often_is_written_without_the_rest_only_where_nothing_is_lost() {
    for table in [BALANCES, LOTS, RESERVATIONS] {
        let often = Columns::of(table, Breadth::Often);
        let told = |(at, column): (usize, &Column)| {
            let mut row: Vec<_> = table.columns.iter().map(|c| Cell::blank(c.kind)).collect();
            row[at] = match column.kind {
                Kind::Last(_) | Kind::Latest(_) => Cell::Last(Some(Value::Integer(0))),
                Kind::Sum | Kind::Wide => Cell::Sum((-1_i64).into()),
                Kind::Joined => Cell::Joined("more".to_owned()),
            };
            (column.name, often.tell(&row))
        };
        for (name, told) in table.columns.iter().enumerate().map(told) {
            assert_eq!(told, table.layout.often.contains(&name), "{}.{name}", table.name);
        }
    }
}
