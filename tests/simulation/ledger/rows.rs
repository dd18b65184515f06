//! What the views show of a lot is what its account knows of it.

use piperoll_domain::{
    account::{Account, Lot},
    event::Envelope,
};
use piperoll_projections::{change::Cell, credit::LOTS, tables::Tables};

use super::{Broken, must};

/// Each lot that the account has not forgotten.
pub(super) fn agree(views: &Tables, at: &Envelope, account: &Account) -> Result<(), Broken> {
    let rows = views.table(LOTS);
    for lot in account.lots() {
        let key = vec![(&at.tenant).into(), (&at.stream.id).into(), (&lot.place.lot).into()];
        let row = rows.and_then(|rows| rows.get(&key));
        let found: Vec<_> = row.into_iter().flatten().zip(LOTS.columns).collect();
        for (name, units) in amounts(lot) {
            let cell = found.iter().find(|(_, column)| column.name == name).map(|(cell, _)| *cell);
            let shown = matches!(cell, Some(Cell::Sum(sum)) if sum.get() == i128::from(units));
            must(shown, "the views show a lot as it is", || {
                format!("{name}: {cell:?} of {lot:?}")
            })?;
        }
    }
    Ok(())
}

fn amounts(lot: &Lot) -> [(&'static str, u64); 9] {
    [
        ("available", lot.available),
        ("reserved", lot.reserved),
        ("consumed", lot.consumed),
        ("expired", lot.expired),
        ("clawed_back", lot.clawed_back),
        ("voided", lot.voided),
        ("moved", lot.moved),
        ("awaited", lot.awaited),
        ("released", lot.released),
    ]
    .map(|(name, amount)| (name, amount.units()))
}
