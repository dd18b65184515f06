//! What a provider's confirmed word does to a payment.

use serde::{Deserialize, Serialize};

use crate::{
    event::Event as Fact,
    id::ReceiptId,
    money::{Amount, Money},
    payment::{
        DetailNoted, Expired, Failed, Funding, InstrumentCreated, Payment, Requested, ReviewKind,
        ReviewOpened, Settled, Status, TransitionRefused, Truth,
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
    /// The provider's name for this settlement, where it has one: another name is another payment.
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
        /// The total received so far.
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
        let (Some(request), Some((challenged_at, instrument))) =
            (self.request.as_ref(), self.instruments.last())
        else {
            return (vec![], LedTo::Parked);
        };
        let about = About { heard, request, instrument, challenged_at: *challenged_at };
        match &heard.says {
            Says::Paid { received } => self.hear_paid(&about, *received),
            Says::Expired { word } => self.hear_expired(&about, word, moment, settings),
            Says::Failed { word } => self.hear_failed(&about, word),
            Says::Pending { word } => self.hear_pending(&about, word.as_deref()),
            Says::NotFound {} => (vec![], LedTo::NoEffect),
        }
    }

    fn hear_paid(&self, about: &About<'_>, received: Option<Money>) -> (Vec<Fact>, LedTo) {
        let price = about.request.price;
        let total = received.unwrap_or(price);
        if self.knows_settlement(about.heard.settlement.as_deref()) {
            return (vec![], LedTo::NoEffect);
        }
        if total.commodity != price.commodity {
            return self.suspend(about, &[(ReviewKind::WrongAsset, total)]);
        }
        let known = self.received(price);
        let another = about.heard.settlement.is_some();
        let news = if another { total.amount } else { total.amount.saturating_sub(known) };
        if news.is_zero() {
            return (vec![], LedTo::NoEffect);
        }
        if self.status.is_settled() {
            return self.suspend(about, &[(ReviewKind::Double, price.with(news))]);
        }
        self.take(about, price, news)
    }

    /// Money for a payment that is not settled: enough, too little, too much, too late.
    fn take(&self, about: &About<'_>, price: Money, news: Amount) -> (Vec<Fact>, LedTo) {
        let Some(surplus) = news.checked_sub(price.amount) else {
            return self.suspend(about, &[(ReviewKind::Short, price.with(news))]);
        };
        let over = (ReviewKind::Over, price.with(surplus));
        let more = if surplus.is_zero() { vec![] } else { vec![over] };
        if self.status == Status::Pending {
            let settled = about.settled(price.with(news));
            let (reviews, _) = self.suspend(about, &more);
            let facts = std::iter::once(settled.into()).chain(reviews).collect();
            return (facts, LedTo::Applied);
        }
        let late = [(ReviewKind::Late, price)];
        self.suspend(about, &[&late[..], &more].concat())
    }

    fn hear_expired(
        &self,
        about: &About<'_>,
        word: &str,
        moment: Moment,
        settings: &Settings,
    ) -> (Vec<Fact>, LedTo) {
        let deadline = about.instrument.expires_at.plus_seconds(settings.settlement_grace_seconds);
        let asked = about.heard.truth == Truth::Status;
        if self.status == Status::Pending {
            if asked && moment.is_past(deadline) {
                return (vec![Expired { word: word.to_owned() }.into()], LedTo::Applied);
            }
            return (vec![], if asked { LedTo::NoEffect } else { LedTo::Asks });
        }
        self.refuse_unless_lost(about)
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

    fn knows_settlement(&self, settlement: Option<&str>) -> bool {
        let Some(settlement) = settlement else { return false };
        let settled = self.settled.iter().map(|settled| &settled.provider_id);
        let reviewed = self.reviews.iter().map(|review| &review.opened.provider_id);
        settled.chain(reviewed).any(|known| known == settlement)
    }

    /// What a provider's day of silence about a pending payment causes.
    pub fn note_silence(&self, truth: Truth) -> Option<ReviewOpened> {
        let request = self.request.as_ref()?;
        let (challenged_at, instrument) = self.instruments.last()?;
        let known = |review: &crate::payment::Review| {
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
        let about = About { heard: &heard, request, instrument, challenged_at: *challenged_at };
        let number = u32::try_from(self.reviews.len()).unwrap_or(u32::MAX).saturating_add(1);
        let review = about.review(number, ReviewKind::ProviderSilent, request.price);
        Some(ReviewOpened { money: None, ..review })
    }
}

/// What is being heard, and about what.
struct About<'a> {
    heard: &'a Heard,
    request: &'a Requested,
    instrument: &'a InstrumentCreated,
    challenged_at: Time,
}

impl About<'_> {
    fn provider_id(&self) -> String {
        self.heard.settlement.clone().unwrap_or_else(|| self.instrument.provider_id.clone())
    }

    fn settled(&self, received: Money) -> Settled {
        Settled {
            instrument: self.instrument.number,
            requested: self.request.price,
            received,
            fee: self.heard.fee,
            funding: Funding::Received {},
            truth: self.heard.truth,
            connection: self.instrument.connection.clone(),
            provider_id: self.provider_id(),
            provider_time: self.heard.provider_time,
            receipt: self.heard.receipt.clone(),
            challenged_at: self.challenged_at,
            rate: None,
        }
    }

    fn review(&self, number: u32, kind: ReviewKind, money: Money) -> ReviewOpened {
        ReviewOpened {
            number,
            kind,
            money: Some(money),
            requested: self.request.price,
            instrument: self.instrument.number,
            truth: self.heard.truth,
            connection: self.instrument.connection.clone(),
            provider_id: self.provider_id(),
            provider_time: self.heard.provider_time,
            receipt: self.heard.receipt.clone(),
        }
    }
}
