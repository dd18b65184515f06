//! What a provider's confirmed word does to a payment.

use serde::{Deserialize, Serialize};

use crate::{
    event::Event as Fact,
    id::{ConnectionId, ReceiptId},
    money::{Amount, Money},
    payment::{
        DetailNoted, Expired, Failed, Funding, InstrumentCreated, Payment, Requested, Review,
        ReviewKind, ReviewOpened, Settled, SettlementNamed, Status, TransitionRefused, Truth,
        arrived::News,
    },
    settings::Settings,
    time::{Moment, Time},
};

/// A provider's word about one instrument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// What it says.
    pub says: Says,
    /// How we know.
    pub truth: Truth,
    /// The provider's name for this settlement, where it has one: another name is other money.
    /// Without one, `received` is the total of all that ever arrived for the payment.
    pub settlement: Option<String>,
    /// What the provider kept, if it told.
    pub fee: Option<Money>,
    /// The provider's time.
    pub provider_time: Option<Time>,
    /// The receipt it stands in.
    pub receipt: Option<ReceiptId>,
}

/// The words that providers have in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Says {
    /// The money is there; so much in all, if it tells.
    Paid {
        /// The total received so far: of the settlement that is named, else of the payment.
        received: Option<Money>,
    },
    /// It can be paid no more.
    Expired {
        /// Its own word.
        word: String,
    },
    /// It gave up.
    Failed {
        /// Its own word.
        word: String,
    },
    /// Not yet.
    Pending {
        /// Its own word, if it is a more detailed one.
        word: Option<String>,
    },
    /// It knows no such payment; with some providers only for a while.
    NotFound {},
}

impl Says {
    /// The status that the word would lead to.
    const fn aims_at(&self) -> Status {
        match self {
            Self::Paid { .. } => Status::Paid,
            Self::Expired { .. } => Status::Expired,
            Self::Failed { .. } => Status::Failed,
            Self::Pending { .. } | Self::NotFound {} => Status::Pending,
        }
    }
}

/// What a provider's word led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LedTo {
    /// The payment moved.
    Applied,
    /// We knew.
    NoEffect,
    /// No payment is known by that name yet; it will be tried again.
    Parked,
    /// The provider will be asked before anything moves.
    Asks,
    /// The machine has no such edge; recorded and counted.
    Violation,
    /// Money went to suspense and a review opened.
    Review,
    /// It was tried again for long enough; no payment of ours is meant.
    GivenUp,
}

impl Payment {
    /// What `heard` causes: facts, perhaps none, and what it all comes to.
    pub fn hear(&self, heard: &Heard, moment: Moment, settings: &Settings) -> (Vec<Fact>, LedTo) {
        let Some(request) = self.request.as_ref() else { return (vec![], LedTo::Parked) };
        let shown = self.instruments.last();
        if shown.is_none() && !self.status.is_lost() {
            return (vec![], LedTo::Parked);
        }
        let about = About { heard, request, shown, requested_at: self.requested_at };
        match &heard.says {
            Says::Paid { received } => {
                let (facts, led_to) = self.hear_paid(&about, *received);
                let ends = facts.is_empty() && self.ends_in_part(&about, moment, settings);
                if ends { expire("paid in part") } else { (facts, led_to) }
            }
            Says::Expired { word } => self.hear_expired(&about, word, moment, settings),
            Says::Failed { word } => self.hear_failed(&about, word),
            Says::Pending { word } => self.hear_pending(&about, word.as_deref()),
            Says::NotFound {} => (vec![], LedTo::NoEffect),
        }
    }

    fn hear_paid(&self, about: &About<'_>, received: Option<Money>) -> (Vec<Fact>, LedTo) {
        let price = about.request.price;
        let told = received.unwrap_or(price);
        let News { fresh, named } = self.news(about.heard.settlement.as_deref(), about.own(), told);
        let mut facts: Vec<Fact> = vec![];
        if !named.is_zero() {
            facts.push(about.named(told.with(named)).into());
        }
        if fresh.is_zero() {
            return (facts, LedTo::NoEffect);
        }
        let money = told.with(fresh);
        let (more, led_to) = if money.commodity != price.commodity {
            self.suspend(about, &[(ReviewKind::WrongAsset, money)])
        } else if self.status.is_settled() {
            self.suspend(about, &[(ReviewKind::Double, money)])
        } else {
            self.take(about, price, fresh)
        };
        facts.extend(more);
        (facts, led_to)
    }

    /// Money for a payment that is not settled: enough, too little, too much, too late.
    ///
    /// What arrives in parts waits in suspense until the parts come to the price.
    fn take(&self, about: &About<'_>, price: Money, fresh: Amount) -> (Vec<Fact>, LedTo) {
        let pending = self.status == Status::Pending;
        let parts = if pending { self.parts(price) } else { vec![] };
        let waiting = parts.iter().filter_map(|part| part.opened.money);
        let missing = waiting.fold(price.amount, |left, part| left.saturating_sub(part.amount));
        let Some(surplus) = fresh.checked_sub(missing) else {
            return self.suspend(about, &[(ReviewKind::Short, price.with(fresh))]);
        };
        let over = (ReviewKind::Over, price.with(surplus));
        let more = if surplus.is_zero() { vec![] } else { vec![over] };
        if !pending {
            let late = [(ReviewKind::Late, price)];
            return self.suspend(about, &[&late[..], &more].concat());
        }
        let mut facts: Vec<Fact> = parts.iter().map(|part| part.completed().into()).collect();
        facts.push(about.settled(price, missing, surplus).into());
        facts.extend(self.suspend(about, &more).0);
        (facts, LedTo::Applied)
    }

    fn hear_expired(
        &self,
        about: &About<'_>,
        word: &str,
        moment: Moment,
        settings: &Settings,
    ) -> (Vec<Fact>, LedTo) {
        let asked = about.heard.truth == Truth::Status;
        if self.status == Status::Pending {
            if asked && about.is_past(moment, settings) {
                return expire(word);
            }
            return (vec![], if asked { LedTo::NoEffect } else { LedTo::Asks });
        }
        self.refuse_unless_lost(about)
    }

    /// Whether too little arrived, all of it has left suspense again, and no more can come: the
    /// provider will say so for ever, and the payment ends as if nobody had paid.
    fn ends_in_part(&self, about: &About<'_>, moment: Moment, settings: &Settings) -> bool {
        let asked = about.heard.truth == Truth::Status;
        let mut arrived = self.reviews.iter().filter(|review| review.opened.money.is_some());
        let some = arrived.clone().next().is_some();
        let left = some && arrived.all(|review| review.resolved.is_some());
        asked && left && self.status == Status::Pending && about.is_past(moment, settings)
    }

    fn hear_failed(&self, about: &About<'_>, word: &str) -> (Vec<Fact>, LedTo) {
        if self.status == Status::Pending {
            let failed = Failed { reason: "provider".to_owned(), detail: word.to_owned() };
            return (vec![failed.into()], LedTo::Applied);
        }
        self.refuse_unless_lost(about)
    }

    fn hear_pending(&self, about: &About<'_>, word: Option<&str>) -> (Vec<Fact>, LedTo) {
        if self.status != Status::Pending {
            return self.refuse_unless_lost(about);
        }
        match word {
            Some(word) if self.detail.as_deref() != Some(word) => {
                (vec![DetailNoted { word: word.to_owned() }.into()], LedTo::Applied)
            }
            _ => (vec![], LedTo::NoEffect),
        }
    }

    /// A word that would take the machine back: nothing where it ended without money, else a
    /// violation that is recorded.
    fn refuse_unless_lost(&self, about: &About<'_>) -> (Vec<Fact>, LedTo) {
        if !self.status.is_settled() {
            return (vec![], LedTo::NoEffect);
        }
        let refused = TransitionRefused {
            from: self.status,
            to: about.heard.says.aims_at(),
            truth: about.heard.truth,
            receipt: about.heard.receipt.clone(),
        };
        (vec![refused.into()], LedTo::Violation)
    }

    fn suspend(&self, about: &About<'_>, why: &[(ReviewKind, Money)]) -> (Vec<Fact>, LedTo) {
        let first = u32::try_from(self.reviews.len()).unwrap_or(u32::MAX).saturating_add(1);
        let numbered = (first..).zip(why);
        let reviews = numbered.map(|(n, (kind, money))| about.review(n, *kind, *money).into());
        (reviews.collect(), LedTo::Review)
    }

    /// What a provider's day of silence about a pending payment causes.
    pub fn note_silence(&self, truth: Truth) -> Option<ReviewOpened> {
        let request = self.request.as_ref()?;
        let shown = Some(self.instruments.last()?);
        let known = |review: &Review| {
            review.opened.kind == ReviewKind::ProviderSilent && review.resolved.is_none()
        };
        if self.status != Status::Pending || self.reviews.iter().any(known) {
            return None;
        }
        let heard = Heard {
            says: Says::NotFound {},
            truth,
            settlement: None,
            fee: None,
            provider_time: None,
            receipt: None,
        };
        let about = About { heard: &heard, request, shown, requested_at: self.requested_at };
        let number = u32::try_from(self.reviews.len()).unwrap_or(u32::MAX).saturating_add(1);
        let review = about.review(number, ReviewKind::ProviderSilent, request.price);
        Some(ReviewOpened { money: None, ..review })
    }
}

fn expire(word: &str) -> (Vec<Fact>, LedTo) {
    (vec![Expired { word: word.to_owned() }.into()], LedTo::Applied)
}

/// What is being heard, and about what.
struct About<'a> {
    heard: &'a Heard,
    request: &'a Requested,
    /// The invoice, unless the payment ended before there was one.
    shown: Option<&'a (Time, InstrumentCreated)>,
    requested_at: Time,
}

impl About<'_> {
    /// Whether the invoice's time and the grace after it are over.
    fn is_past(&self, moment: Moment, settings: &Settings) -> bool {
        let expiry = self.shown.map_or(Time::MAX, |(_, shown)| shown.expires_at);
        moment.is_past(expiry.plus_seconds(settings.settlement_grace_seconds))
    }

    /// The provider's name for the payment itself.
    fn own(&self) -> &str {
        self.shown.map_or("", |(_, shown)| &shown.provider_id)
    }

    fn provider_id(&self) -> String {
        self.heard.settlement.clone().unwrap_or_else(|| self.own().to_owned())
    }

    fn instrument(&self) -> u32 {
        self.shown.map_or(0, |(_, shown)| shown.number)
    }

    fn connection(&self) -> ConnectionId {
        let connection = self.shown.map_or(&self.request.connection, |(_, one)| &one.connection);
        connection.clone()
    }

    fn named(&self, money: Money) -> SettlementNamed {
        SettlementNamed {
            provider_id: self.provider_id(),
            money,
            truth: self.heard.truth,
            receipt: self.heard.receipt.clone(),
        }
    }

    /// `arrived` completes the price; the parts before it lay in suspense.
    fn settled(&self, price: Money, arrived: Amount, surplus: Amount) -> Settled {
        let whole = arrived == price.amount;
        let arrived = price.with(arrived);
        Settled {
            instrument: self.instrument(),
            requested: price,
            received: price.with(price.amount.checked_add(surplus).unwrap_or(Amount::MAX)),
            fee: self.heard.fee,
            funding: if whole { Funding::Received {} } else { Funding::Completed { arrived } },
            truth: self.heard.truth,
            connection: self.connection(),
            provider_id: self.provider_id(),
            provider_time: self.heard.provider_time,
            receipt: self.heard.receipt.clone(),
            challenged_at: self.shown.map_or(self.requested_at, |(at, _)| *at),
            rate: None,
        }
    }

    fn review(&self, number: u32, kind: ReviewKind, money: Money) -> ReviewOpened {
        ReviewOpened {
            number,
            kind,
            money: Some(money),
            requested: self.request.price,
            instrument: self.instrument(),
            truth: self.heard.truth,
            connection: self.connection(),
            provider_id: self.provider_id(),
            provider_time: self.heard.provider_time,
            receipt: self.heard.receipt.clone(),
        }
    }
}
