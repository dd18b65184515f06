//! An account as it is written down, and what is made of it again when it is read.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Account, Lot, LotId, Rank, Reservation, Sum, Unnamed};
use crate::{
    id::{Pool, ReservationId},
    money::{Amount, Code},
};

/// What is written down, in the order of the account's own fields.
#[derive(Deserialize)]
pub(super) struct Kept {
    open: bool,
    lots: BTreeMap<LotId, Lot>,
    reservations: BTreeMap<ReservationId, Reservation>,
    debts: BTreeMap<(Code, Pool), Amount>,
    barren: BTreeMap<(Code, Pool), Amount>,
    shared: BTreeMap<Code, Sum>,
    unnamed: Unnamed,
}

impl From<Kept> for Account {
    fn from(kept: Kept) -> Self {
        let Kept { open, lots, reservations, debts, barren, shared, unnamed } = kept;
        let usable = lots.values().filter(|lot| lot.is_usable());
        let ranks = usable.flat_map(Rank::all).collect();
        let lots = lots.into_iter().collect();
        let reservations = reservations.into_iter().collect();
        Self { open, lots, reservations, debts, barren, shared, unnamed, ranks }
    }
}
