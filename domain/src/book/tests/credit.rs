//! Credit the plain slow way: every lot there ever was, in lists that are sorted anew for every
//! question. It decides each wish by itself, and is then compared with what the rules made of it.

mod agrees;
mod holder;
mod metering;

use std::collections::BTreeMap;

use crate::{
    account::{self, LotMinted, Source, SourceKind},
    billing::{Billing, Mode},
    book::Book,
    event::{Event, Recorded},
    money::Money,
    operation::{ClawBack, Mint, Operation, Reserve, Spend, TransferCredit},
    payment,
    time::{Moment, Time},
};

type Refused = &'static str;

#[derive(Debug, Clone, Default)]
struct Lot {
    name: String,
    pool: String,
    commodity: String,
    expires: Option<Time>,
    age: usize,
    minted: u128,
    available: u128,
    reserved: u128,
    consumed: u128,
    expired: u128,
    lapses: u32,
    /// Whether nothing was left when it lapsed.
    ended_by_lapse: bool,
    clawed: u128,
    voided: u128,
    moved: u128,
    awaited: u128,
    indebted: u128,
    cost: Option<(String, u128)>,
    paid: bool,
    gift: bool,
    source: Option<SourceKind>,
}

impl Lot {
    /// How much of its cost has gone with what is gone.
    fn released(&self) -> u128 {
        let gone = self.minted - self.available - self.reserved;
        self.cost.as_ref().map_or(0, |(_, cost)| cost * gone / self.minted)
    }

    fn is_over(&self, moment: Moment) -> bool {
        self.expires.is_some_and(|at| !moment.rests && moment.now >= at)
    }

    /// What is left of it lapses.
    fn lapse(&mut self) {
        if self.available > 0 {
            self.lapses += 1;
            self.expired += self.available;
            self.available = 0;
            self.ended_by_lapse = self.reserved == 0;
        }
    }

    /// Its mint tells all of it, with at most one lapse, which was its end.
    fn is_forgotten(&self) -> bool {
        let odd = self.clawed + self.voided + self.moved + self.indebted;
        let told = self.lapses == 0 || self.lapses == 1 && self.ended_by_lapse;
        self.available + self.reserved == 0 && odd == 0 && told
    }
}

#[derive(Debug, Clone)]
struct Hold {
    mode: Mode,
    commodity: String,
    total: u128,
    held: Vec<(usize, u128)>,
    pool: String,
    expires: Time,
}

/// How a reservation ended: finalized at a cost, or with that for whoever finalizes it.
type End = Result<(String, u128), Refused>;

#[derive(Debug, Clone, Default)]
struct Holder {
    open: bool,
    lots: Vec<Lot>,
    holds: BTreeMap<String, Hold>,
    debts: BTreeMap<(String, String), u128>,
    /// How much of them is shared with nobody when it is repaid.
    barren: BTreeMap<(String, String), u128>,
    shared: BTreeMap<String, [u128; 3]>,
}

/// What every account should hold.
#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    accounts: BTreeMap<String, Holder>,
    owners: BTreeMap<String, String>,
    /// What was asked for when a reservation was made, with how long it lasts.
    begun: BTreeMap<String, Reserve>,
    ended: BTreeMap<String, End>,
    names: Vec<String>,
    sources: Vec<(SourceKind, String)>,
    billing: Billing,
    age: usize,
    refunded: BTreeMap<String, (u128, u128)>,
}

fn plain(money: Money) -> (String, u128) {
    (money.commodity.to_string(), money.amount.units().into())
}

impl Model {
    /// Compares what was said with what should have been.
    pub(super) fn check(
        &mut self,
        wish: &Operation,
        moment: Moment,
        said: Result<&[Recorded], &str>,
        book: &Book,
    ) {
        let mut after = self.clone();
        match after.decide(wish, moment) {
            Some(Ok(())) => assert!(said.is_ok(), "{wish:?} was refused: {said:?}"),
            Some(Err(code)) => assert_eq!(said.err(), Some(code), "{wish:?}"),
            None => after.learn(moment, said.unwrap_or_default()),
        }
        if said.is_ok() {
            *self = after;
        }
        self.agrees(book);
    }

    fn decide(&mut self, wish: &Operation, moment: Moment) -> Option<Result<(), Refused>> {
        Some(match wish {
            Operation::OpenAccount(wish) => {
                self.accounts.entry(wish.account.to_string()).or_default().open = true;
                Ok(())
            }
            Operation::Mint(wish) => self.mint_by_hand(wish, moment),
            Operation::Spend(wish) => self.spend(wish, moment),
            Operation::ExpireLot(wish) => {
                self.lapse(wish.account.as_str(), wish.lot.as_str(), moment)
            }
            Operation::Reserve(wish) => self.reserve(wish, moment),
            Operation::Finalize(wish) => self.finalize(wish, moment),
            Operation::Release(wish) => self.give_back(wish, moment),
            Operation::ExpireReservation(wish) => self.time_out(wish, moment),
            Operation::ClawBack(wish) => self.claw_back(wish),
            Operation::VoidLot(wish) => self.void(wish.account.as_str(), wish.lot.as_str()),
            Operation::TransferCredit(wish) => self.transfer(wish, moment),
            Operation::ChangeBilling(wish) => {
                self.billing = wish.billing.clone();
                Ok(())
            }
            _ => return None,
        })
    }

    /// What other wishes did to credit.
    fn learn(&mut self, moment: Moment, said: &[Recorded]) {
        for recorded in said {
            match &recorded.event {
                Event::Account(account::Event::LotMinted(minted)) => {
                    self.mint(recorded.envelope.stream.id.as_str(), minted, moment);
                }
                Event::Account(account::Event::ClawedBack(clawed)) => {
                    let account = recorded.envelope.stream.id.to_string();
                    let amount = clawed.total.amount.units().into();
                    self.take_back(&account, clawed.lot.as_str(), amount);
                }
                Event::Payment(payment::Event::Refunded(refunded)) => {
                    let payment = recorded.envelope.stream.id.to_string();
                    let (sum, paid) = self.refunded.entry(payment).or_default();
                    *sum += u128::from(refunded.amount.amount.units());
                    *paid = refunded.paid.amount.units().into();
                    assert!(*sum <= *paid, "more goes back than was paid");
                }
                _ => {}
            }
        }
    }

    fn mint_by_hand(&mut self, wish: &Mint, moment: Moment) -> Result<(), Refused> {
        if wish.cost.is_some() && wish.source.kind == SourceKind::Grant {
            return Err("cost_of_gift");
        }
        if wish.expires_at.is_some_and(|at| !moment.rests && moment.now >= at) {
            return Err("mint_invalid");
        }
        let Source { kind, id } = &wish.source;
        let sold = [SourceKind::Deposit, SourceKind::Purchase];
        let known = |kind: SourceKind| self.sources.contains(&(kind, id.clone()));
        if sold.contains(kind) && sold.into_iter().any(known) {
            return Err("claim_taken");
        }
        if wish.amount.amount.is_zero() {
            return Err("amount_zero");
        }
        let lot = wish.lot.to_string();
        let here = self.accounts.get(wish.account.as_str());
        if here.is_some_and(|here| here.lots.iter().any(|l| l.name == lot && !l.is_forgotten())) {
            return Err("lot_exists");
        }
        if known(*kind) {
            return Err("claim_taken");
        }
        let Money { commodity, amount } = wish.amount;
        self.below_ceiling(commodity.as_str(), u128::from(amount.units()))?;
        if self.names.contains(&lot) {
            return Err("claim_taken");
        }
        let minted = LotMinted {
            lot: wish.lot.clone(),
            amount: wish.amount,
            source: wish.source.clone(),
            pool: wish.pool.clone(),
            expires_at: wish.expires_at,
            cost: wish.cost,
            offer: None,
            payment: None,
            reason: None,
        };
        self.mint(wish.account.as_str(), &minted, moment);
        Ok(())
    }

    fn mint(&mut self, account: &str, minted: &LotMinted, moment: Moment) {
        self.sources.push((minted.source.kind, minted.source.id.clone()));
        let kind = minted.source.kind;
        let (commodity, amount) = plain(minted.amount);
        let lot = Lot {
            name: minted.lot.to_string(),
            pool: minted.pool.to_string(),
            commodity,
            expires: minted.expires_at,
            minted: amount,
            available: amount,
            cost: minted.cost.map(plain),
            paid: kind != SourceKind::Grant,
            gift: kind == SourceKind::Grant,
            source: Some(kind),
            ..Lot::default()
        };
        self.add(account, lot, moment);
    }

    /// A new lot, and what of it goes to debts.
    fn add(&mut self, account: &str, mut lot: Lot, moment: Moment) {
        self.age += 1;
        lot.age = self.age;
        self.names.push(lot.name.clone());
        let holder = self.accounts.entry(account.to_owned()).or_default();
        holder.open = true;
        if !lot.gift && !lot.is_over(moment) {
            let mut barren = 0;
            let mut pools = vec![lot.pool.clone()];
            if lot.pool == "general" {
                pools.extend(holder.debts.keys().map(|(_, pool)| pool.clone()));
            }
            let mut repaid = 0;
            for pool in pools {
                let key = (lot.commodity.clone(), pool);
                let owed = holder.debts.get(&key).copied().unwrap_or(0);
                let amount = owed.min(lot.available);
                lot.available -= amount;
                lot.consumed += amount;
                repaid += amount;
                holder.debts.insert(key.clone(), owed - amount);
                let unshared = holder.barren.entry(key).or_default();
                barren += amount.min(*unshared);
                *unshared -= amount.min(*unshared);
            }
            holder.share(&lot.commodity, if lot.paid { repaid - barren } else { 0 });
        }
        holder.lots.push(lot);
    }

    fn holder(&mut self, account: &str, total: u128) -> Result<&mut Holder, Refused> {
        if total == 0 {
            return Err("amount_zero");
        }
        let known = self.accounts.get_mut(account).filter(|holder| holder.open);
        known.ok_or("account_not_found")
    }

    fn spend(&mut self, wish: &Spend, moment: Moment) -> Result<(), Refused> {
        let (commodity, total) = plain(wish.total);
        if !self.billing.enabled {
            return Err("billing_off");
        }
        self.below_ceiling(&commodity, total)?;
        let order = self.order(wish.pool.as_str());
        let ended = &mut self.ended.clone();
        let holder = self.holder(wish.account.as_str(), total)?;
        holder.end_all(moment, ended);
        for (lot, amount) in
            holder.pick_all(order, &commodity, wish.pool.as_str(), total, moment)?
        {
            holder.lots[lot].available -= amount;
            holder.lots[lot].consumed += amount;
        }
        self.ended = ended.clone();
        Ok(())
    }

    fn lapse(&mut self, account: &str, lot: &str, moment: Moment) -> Result<(), Refused> {
        let Some(holder) = self.accounts.get_mut(account) else { return Ok(()) };
        let left = |l: &&mut Lot| l.name == lot && l.available + l.reserved > 0;
        let Some(lot) = holder.lots.iter_mut().find(left) else { return Ok(()) };
        if !lot.is_over(moment) {
            return Err("lot_not_expired");
        }
        lot.lapse();
        Ok(())
    }

    fn claw_back(&mut self, wish: &ClawBack) -> Result<(), Refused> {
        let account = wish.account.to_string();
        let holder = self.accounts.get(&account).ok_or("lot_not_found")?;
        let lot = holder.lots.iter().find(|lot| lot.name == wish.lot.as_str());
        let lot = lot.ok_or("lot_not_found")?;
        let most =
            lot.available + lot.reserved - lot.awaited + lot.consumed + lot.moved - lot.indebted;
        if wish.amount.is_none() && most == 0 {
            return Err("lot_empty");
        }
        let amount = wish.amount.map_or(most, |amount| amount.units().into());
        if amount == 0 {
            return Err("amount_zero");
        }
        if amount > most {
            return Err("clawback_exceeds");
        }
        self.take_back(&account, wish.lot.as_str(), amount);
        Ok(())
    }

    fn take_back(&mut self, account: &str, lot: &str, amount: u128) {
        let holder = self.accounts.get_mut(account).unwrap();
        let lot = holder.lots.iter_mut().find(|known| known.name == lot).unwrap();
        let now = amount.min(lot.available);
        let wait = (amount - now).min(lot.reserved - lot.awaited);
        let debt = amount - now - wait;
        assert!(debt <= lot.consumed + lot.moved - lot.indebted, "only what is gone is owed");
        let used = debt.min(lot.consumed.saturating_sub(lot.indebted));
        lot.available -= now;
        lot.clawed += now;
        lot.awaited += wait;
        lot.indebted += debt;
        let (key, paid) = ((lot.commodity.clone(), lot.pool.clone()), lot.paid);
        *holder.debts.entry(key.clone()).or_default() += debt;
        let fruitful = if paid { holder.unshare(&key.0, used) } else { used };
        *holder.barren.entry(key).or_default() += debt - fruitful;
    }

    fn void(&mut self, account: &str, lot: &str) -> Result<(), Refused> {
        let holder = self.accounts.get_mut(account).ok_or("lot_not_found")?;
        let lot = holder.lots.iter_mut().find(|known| known.name == lot).ok_or("lot_not_found")?;
        if lot.reserved > 0 {
            return Err("lot_reserved");
        }
        if lot.available == 0 {
            return Err("lot_empty");
        }
        lot.voided += lot.available;
        lot.available = 0;
        Ok(())
    }

    fn transfer(&mut self, wish: &TransferCredit, moment: Moment) -> Result<(), Refused> {
        let (commodity, total) = plain(wish.total);
        if wish.from == wish.to {
            return Err("account_same");
        }
        let order = self.order(wish.pool.as_str());
        let mut ended = self.ended.clone();
        let holder = self.holder(wish.from.as_str(), total)?;
        holder.end_all(moment, &mut ended);
        let picked = holder.pick_all(order, &commodity, wish.pool.as_str(), total, moment)?;
        let mut arriving = vec![];
        for (number, (lot, amount)) in (1..).zip(picked) {
            let lot = &mut holder.lots[lot];
            let before = lot.released();
            lot.available -= amount;
            lot.moved += amount;
            let cost = lot.cost.clone().map(|(code, _)| (code, lot.released() - before));
            arriving.push(Lot {
                name: format!("{}.{number}", wish.transfer),
                pool: lot.pool.clone(),
                commodity: commodity.clone(),
                expires: lot.expires,
                minted: amount,
                available: amount,
                cost,
                paid: lot.paid,
                gift: lot.gift,
                source: Some(SourceKind::TransferIn),
                ..Lot::default()
            });
        }
        let known = |l: &Lot| self.names.contains(&l.name);
        if arriving.iter().any(known) {
            let here = self.accounts.get(wish.to.as_str());
            let lives = |l: &Lot| {
                here.is_some_and(|h| h.lots.iter().any(|k| k.name == l.name && !k.is_forgotten()))
            };
            return Err(if arriving.iter().any(lives) { "lot_exists" } else { "claim_taken" });
        }
        for lot in arriving {
            self.add(wish.to.as_str(), lot, moment);
        }
        self.ended = ended;
        Ok(())
    }
}
