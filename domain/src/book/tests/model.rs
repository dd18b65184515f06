//! Credit and uses the plain slow way: lists, sorted anew for every question.

use std::collections::BTreeMap;

use crate::{
    account::{self, LotExpired, LotMinted},
    entitlement,
    event::{Event, Recorded},
    id::Kind,
    operation::{Operation, Spend},
    time::{Moment, Time},
};

#[derive(Debug, Clone)]
struct Lot {
    name: String,
    pool: String,
    commodity: String,
    expires_at: Option<Time>,
    seq: u64,
    minted: u128,
    left: u128,
    cost: u128,
    released: u128,
}

impl Lot {
    /// Takes `amount` out, and says which share of the cost goes with it.
    fn take(&mut self, amount: u128) -> u128 {
        self.left -= amount;
        let through = self.cost * (self.minted - self.left) / self.minted;
        let share = through - self.released;
        self.released = through;
        share
    }
}

#[derive(Debug, Default)]
struct Uses {
    granted: Option<u32>,
    live: BTreeMap<u32, u64>,
    price: u64,
}

/// What every account and entitlement should hold.
#[derive(Debug, Default)]
pub(super) struct Model {
    lots: BTreeMap<String, Vec<Lot>>,
    uses: BTreeMap<String, Uses>,
}

impl Model {
    /// Compares what was said with what should have been.
    pub(super) fn check(&mut self, wish: &Operation, moment: Moment, said: Option<&[Recorded]>) {
        if let Operation::Spend(spend) = wish {
            self.spend(spend, moment, said);
            return;
        }
        for recorded in said.unwrap_or_default() {
            let stream = &recorded.envelope.stream;
            match (stream.kind, &recorded.event) {
                (Kind::Account, Event::Account(event)) => {
                    self.account(stream.id.as_str(), event, recorded.envelope.position);
                }
                (Kind::Entitlement, Event::Entitlement(event)) => {
                    self.entitlement(stream.id.as_str(), event);
                }
                _ => {}
            }
        }
    }

    fn account(&mut self, account: &str, event: &account::Event, position: u64) {
        let lots = self.lots.entry(account.to_owned()).or_default();
        match event {
            account::Event::Opened(_) => {}
            account::Event::LotMinted(minted) => lots.push(lot(minted, position)),
            account::Event::LotExpired(LotExpired { part, .. }) => {
                let lot = lots.iter_mut().find(|lot| lot.name == part.lot.as_str()).unwrap();
                assert_eq!(lot.left, u128::from(part.amount.units()), "all of it lapses");
                let share = lot.take(lot.left);
                let released = part.cost.map_or(0, |cost| u128::from(cost.amount.units()));
                assert_eq!((released, lot.released), (share, lot.cost), "all of the cost has gone");
            }
            account::Event::Spent(_) => panic!("only a spend spends"),
        }
    }

    fn spend(&mut self, spend: &Spend, moment: Moment, said: Option<&[Recorded]>) {
        let known = self.lots.get(spend.account.as_str()).cloned();
        let mut wanted = u128::from(spend.total.amount.units());
        let pools = [spend.pool.as_str(), "general"];
        let rank = |lot: &Lot| pools.iter().position(|pool| *pool == lot.pool);
        let mut lots = known.clone().unwrap_or_default();
        lots.sort_by_key(|lot| {
            (rank(lot), lot.expires_at.is_none(), lot.expires_at, lot.seq, lot.name.clone())
        });
        let mut parts = vec![];
        for lot in &mut lots {
            let over = lot.expires_at.is_some_and(|at| !moment.rests && moment.now >= at);
            let fits = rank(lot).is_some() && lot.commodity == spend.total.commodity.as_str();
            if wanted == 0 || lot.left == 0 || !fits {
                continue;
            }
            let amount = if over { lot.left } else { wanted.min(lot.left) };
            let share = lot.take(amount);
            parts.push((lot.name.clone(), over, amount, share));
            wanted -= if over { 0 } else { amount };
        }
        let possible = known.is_some() && wanted == 0 && !spend.total.amount.is_zero();
        let Some(said) = said else {
            assert!(!possible, "{spend:?} was refused: {parts:?}");
            return;
        };
        assert!(possible, "{spend:?} was accepted, short of {wanted}");
        self.lots.insert(spend.account.to_string(), lots);
        let mut expected: Vec<_> = parts.iter().filter(|part| part.1).cloned().collect();
        expected.extend(parts.into_iter().filter(|part| !part.1));
        assert_eq!(said.iter().flat_map(moved).collect::<Vec<_>>(), expected);
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

fn lot(minted: &LotMinted, seq: u64) -> Lot {
    Lot {
        name: minted.lot.to_string(),
        pool: minted.pool.to_string(),
        commodity: minted.amount.commodity.to_string(),
        expires_at: minted.expires_at,
        seq,
        minted: minted.amount.amount.units().into(),
        left: minted.amount.amount.units().into(),
        cost: minted.cost.map_or(0, |cost| cost.amount.units().into()),
        released: 0,
    }
}

/// The parts of a movement: lot, whether it lapsed, amount, share of the cost.
fn moved(recorded: &Recorded) -> Vec<(String, bool, u128, u128)> {
    let Event::Account(event) = &recorded.event else { panic!("{recorded:?}") };
    let (parts, lapsed) = match event {
        account::Event::Spent(spent) => (&spent.parts[..], false),
        account::Event::LotExpired(lapsed) => (std::slice::from_ref(&lapsed.part), true),
        account::Event::Opened(_) | account::Event::LotMinted(_) => panic!("{event:?}"),
    };
    let cost = |part: &account::Part| part.cost.map_or(0, |cost| cost.amount.units().into());
    let moved = |part: &account::Part| {
        (part.lot.to_string(), lapsed, part.amount.units().into(), cost(part))
    };
    parts.iter().map(moved).collect()
}
