//! Credit on its way: what leaves an account by a transfer arrives, whole, in the same commodity.

use std::collections::BTreeMap;

use piperoll_domain::{
    account::{Event as Fact, LotReceived, TransferredOut},
    event::{Event, Recorded},
    id::{TenantId, TransferId},
    money::{Code, Money},
};

use super::{
    book::Part,
    report::{Finding, Tally},
};

/// What of each transfer is still on its way. One that has arrived is forgotten.
#[derive(Debug, Default)]
pub(super) struct Transit {
    under_way: BTreeMap<(TenantId, TransferId, Code), Way>,
}

/// How much left and did not arrive, or arrived and had not left, and where that began.
#[derive(Debug)]
struct Way {
    position: u64,
    amount: i128,
}

impl Transit {
    /// One more event: a transfer's two ends stand in two streams, so its own name says whose part
    /// it is.
    pub(super) fn event(&mut self, recorded: &Recorded, part: Part, tally: &mut Tally) {
        let Event::Account(fact) = &recorded.event else { return };
        match fact {
            Fact::TransferredOut(TransferredOut { transfer, total, .. })
                if part.holds(transfer.as_str()) =>
            {
                tally.count();
                self.add(recorded, transfer, *total, 1);
            }
            Fact::LotReceived(LotReceived { transfer, amount, .. })
                if part.holds(transfer.as_str()) =>
            {
                self.add(recorded, transfer, *amount, -1);
            }
            _ => {}
        }
    }

    fn add(&mut self, recorded: &Recorded, transfer: &TransferId, of: Money, sign: i128) {
        let at = &recorded.envelope;
        let key = (at.tenant.clone(), transfer.clone(), of.commodity);
        let begun = || Way { position: at.position, amount: 0 };
        let way = self.under_way.entry(key.clone()).or_insert_with(begun);
        way.amount = way.amount.saturating_add(sign.saturating_mul(of.amount.units().into()));
        if way.amount == 0 {
            self.under_way.remove(&key);
        }
    }

    /// What is on its way at the end has been lost, or came from nowhere: the two ends of a transfer
    /// are appended together.
    pub(super) fn conclude(self, tally: &mut Tally) {
        for ((tenant, transfer, commodity), Way { position, amount }) in self.under_way {
            let what = format!("{tenant}: what leaves by transfer {transfer} arrives");
            let found = format!("{amount} {commodity} under way");
            tally.found(Finding::new(&what, "nothing under way", found).at(position));
        }
    }
}
