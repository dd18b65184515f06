//! Uses of entitlements the plain slow way.

use std::collections::BTreeMap;

use crate::{
    entitlement,
    event::{Event, Recorded},
    id::Kind,
};

#[derive(Debug, Default)]
struct Uses {
    granted: Option<u32>,
    live: BTreeMap<u32, u64>,
    price: u64,
}

/// What every entitlement should hold.
#[derive(Debug, Default)]
pub(super) struct Model {
    uses: BTreeMap<String, Uses>,
}

impl Model {
    /// Compares what was said with what should have been.
    pub(super) fn check(&mut self, said: &[Recorded]) {
        for recorded in said {
            let stream = &recorded.envelope.stream;
            if let (Kind::Entitlement, Event::Entitlement(event)) = (stream.kind, &recorded.event) {
                self.entitlement(stream.id.as_str(), event);
            }
        }
    }

    fn entitlement(&mut self, id: &str, event: &entitlement::Event) {
        let sold = self.uses.entry(id.to_owned()).or_default();
        match event {
            entitlement::Event::Granted(granted) => {
                sold.granted = granted.uses;
                sold.price = granted.price.amount.units();
            }
            entitlement::Event::Used(used) => {
                sold.live.insert(used.number, used.earned.amount.units());
                let count = u32::try_from(sold.live.len()).unwrap();
                let left = sold.granted.unwrap().checked_sub(count).expect("never more than sold");
                assert_eq!(used.left, left);
            }
            entitlement::Event::Released(released) => {
                let earned = sold.live.remove(&released.number).expect("given back once");
                assert_eq!(released.earned.amount.units(), earned);
            }
            entitlement::Event::Repeated(_) | entitlement::Event::Revoked(_) => {}
        }
        let earned: u64 = sold.live.values().sum();
        let all = sold.granted == u32::try_from(sold.live.len()).ok();
        assert!(earned <= sold.price);
        assert!(!all || earned == sold.price, "all uses earn all of the price");
    }
}
