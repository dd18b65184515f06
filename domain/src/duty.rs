//! Duties: what the roll says is still owed. One fact opens one, another closes it.

mod of_letter;

use serde::{Deserialize, Serialize};

use crate::{
    account::{
        self, DebtRepaid, LotExpired, LotMinted, LotReceived, LotVoided, Part, Reserved,
        ShadowFinalized, ShadowReleased, ShadowReserved, Spent, TransferredOut,
    },
    campaign,
    event::{Event, Recorded},
    id::{Item, Stream},
    letter, payment, receipt, roll,
    time::Time,
};

/// What kind of thing is owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An invoice for a payment that was asked for, or the word that there will be none.
    Create,
    /// The truth about a payment whose invoice can still be paid.
    Sweep,
    /// The end of a payment that nobody paid.
    Expire,
    /// What a paid payment promised.
    Fulfil,
    /// The payment that a parked receipt speaks of, or the provider's answer about a hint.
    Match,
    /// The lapse of a lot.
    Lapse,
    /// The end of a reservation that nobody ended.
    Return,
    /// Another attempt at a duty that was refused.
    Retry,
    /// A person's decision about a duty that is tried no more.
    ManualReview,
    /// The end of a campaign whose time is over.
    End,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Create,
        Self::Sweep,
        Self::Expire,
        Self::Fulfil,
        Self::Match,
        Self::Lapse,
        Self::Return,
        Self::Retry,
        Self::ManualReview,
        Self::End,
    ];

    /// Whether a duty of this kind is opened once and never again, whatever it is called: the name
    /// of a reservation is taken for ever.
    pub const fn is_opened_once(self) -> bool {
        matches!(self, Self::Return)
    }

    /// The word that metrics and commands use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Sweep => "sweep",
            Self::Expire => "expire",
            Self::Fulfil => "fulfil",
            Self::Match => "match",
            Self::Lapse => "lapse",
            Self::Return => "return",
            Self::Retry => "retry",
            Self::ManualReview => "manual_review",
            Self::End => "end",
        }
    }

    /// What sort of operation it is, in the words of the runbooks where they have one.
    pub const fn operation_type(self) -> &'static str {
        match self {
            Self::Fulfil => "deposit",
            Self::Match => "webhook",
            Self::Create | Self::Sweep | Self::Expire => "reconciliation",
            Self::Lapse | Self::Return | Self::Retry | Self::ManualReview | Self::End => {
                self.as_str()
            }
        }
    }

    /// Whether it is a dead letter that owes it.
    pub const fn is_of_letter(self) -> bool {
        matches!(self, Self::Retry | Self::ManualReview)
    }

    /// How long after the fact that opens it, it is due at most; none where its time is told from
    /// outside or asked for by a caller.
    pub const fn wait_max_seconds(self) -> Option<u32> {
        match self {
            Self::Create => Some(CREATE_AFTER_SECONDS),
            Self::Sweep | Self::Fulfil | Self::Match | Self::ManualReview => Some(0),
            Self::Retry => Some(letter::WAIT_MAX_SECONDS),
            Self::Expire | Self::Lapse | Self::Return | Self::End => None,
        }
    }
}

/// Names a duty: at most one of a kind is open for each stream and item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Name {
    /// What kind.
    pub kind: Kind,
    /// About which aggregate.
    pub stream: Stream,
    /// About which part of it, where it may have several.
    pub item: Option<Item>,
}

/// Something that is owed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duty {
    /// Its name.
    pub name: Name,
    /// When it is due.
    pub due: Time,
    /// Position of the fact that opened it.
    pub opener: u64,
}

/// What a fact does to what is owed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Something is owed from here on.
    Open(Duty),
    /// It is owed no more.
    Close(Name),
}

/// How long after an invoice was asked for its absence is somebody's duty.
const CREATE_AFTER_SECONDS: u32 = 30;

/// What a fact does to what is owed. Frozen for each event version once released.
pub fn duties(recorded: &Recorded, into: &mut Vec<Change>) {
    let on = On(recorded);
    match &recorded.event {
        Event::Payment(event) => of_payment(event, on, into),
        Event::Receipt(receipt::Event::Recorded(heard)) => into.extend(on.of_receipt(heard.led_to)),
        Event::Receipt(receipt::Event::Matched(matched)) => {
            into.push(on.close(Kind::Match));
            into.extend(on.of_receipt(matched.led_to));
        }
        Event::Account(event) => of_account(event, on, into),
        Event::Letter(event) => into.extend(of_letter::changes(event, &recorded.envelope)),
        Event::Campaign(event) => of_campaign(event, on, into),
        Event::Roll(roll::Event::DutyWaived(waived)) => {
            let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == waived.duty);
            let name = |kind| on.name(kind, waived.item.clone().map(Item::from));
            into.extend(kind.map(name).map(Change::Close));
        }
        Event::Receipt(receipt::Event::Refused(_))
        | Event::Roll(_)
        | Event::Commodity(_)
        | Event::Settings(_)
        | Event::Tenant(_)
        | Event::Connection(_)
        | Event::Offer(_)
        | Event::Entitlement(_)
        | Event::Billing(_)
        | Event::Grantee(_) => {}
    }
}

fn of_payment(event: &payment::Event, on: On<'_>, into: &mut Vec<Change>) {
    match event {
        payment::Event::Requested(_) => {
            into.push(on.open(Kind::Create, on.at().plus_seconds(CREATE_AFTER_SECONDS)));
        }
        payment::Event::InstrumentCreated(created) => into.extend([
            on.close(Kind::Create),
            on.open(Kind::Sweep, on.at()),
            on.open(Kind::Expire, created.expires_at),
        ]),
        payment::Event::Abandoned(_) => into.push(on.close(Kind::Create)),
        payment::Event::Failed(_) => {
            into.extend([Kind::Create, Kind::Sweep, Kind::Expire].map(|kind| on.close(kind)));
        }
        payment::Event::Expired(_) => {
            into.extend([Kind::Sweep, Kind::Expire].map(|kind| on.close(kind)));
        }
        payment::Event::Settled(_) => {
            into.extend([Kind::Sweep, Kind::Expire].map(|kind| on.close(kind)));
            into.push(on.open(Kind::Fulfil, on.at()));
        }
        payment::Event::Consumed(_) => into.push(on.close(Kind::Fulfil)),
        payment::Event::OutcomeUnknown(_)
        | payment::Event::DetailNoted(_)
        | payment::Event::SettlementNamed(_)
        | payment::Event::ReviewOpened(_)
        | payment::Event::ReviewResolved(_)
        | payment::Event::Refunded(_)
        | payment::Event::TransitionRefused(_) => {}
    }
}

fn of_account(event: &account::Event, on: On<'_>, into: &mut Vec<Change>) {
    match event {
        account::Event::LotMinted(LotMinted { lot, expires_at, .. })
        | account::Event::LotReceived(LotReceived { lot, expires_at, .. }) => {
            into.extend(expires_at.map(|due| on.open_item(Kind::Lapse, lot, due)));
        }
        account::Event::Spent(Spent { parts, .. }) => into.extend(on.emptied(parts)),
        account::Event::LotExpired(LotExpired { part, .. })
        | account::Event::LotVoided(LotVoided { part, .. })
        | account::Event::DebtRepaid(DebtRepaid { part, .. }) => into.extend(on.emptied([part])),
        account::Event::ClawedBack(clawed) => into.extend(on.emptied(&clawed.part)),
        account::Event::TransferredOut(TransferredOut { debits, .. }) => {
            into.extend(on.emptied(debits.iter().map(|debit| &debit.part)));
        }
        account::Event::Reserved(Reserved { reservation, expires_at, .. })
        | account::Event::ShadowReserved(ShadowReserved { reservation, expires_at, .. }) => {
            into.push(on.open_item(Kind::Return, reservation, *expires_at));
        }
        account::Event::Finalized(said) => {
            into.extend(on.emptied(said.parts.iter().chain(&said.clawed_back)));
            into.push(on.close_item(Kind::Return, &said.reservation));
        }
        account::Event::Released(said) => {
            into.extend(on.emptied(&said.clawed_back));
            into.push(on.close_item(Kind::Return, &said.reservation));
        }
        account::Event::ShadowFinalized(ShadowFinalized { reservation, .. })
        | account::Event::ShadowReleased(ShadowReleased { reservation, .. }) => {
            into.push(on.close_item(Kind::Return, reservation));
        }
        account::Event::Opened(_) => {}
    }
}

/// A campaign that has an end owes it, whether or not it ever began.
fn of_campaign(event: &campaign::Event, on: On<'_>, into: &mut Vec<Change>) {
    match event {
        campaign::Event::Created(created) => {
            into.extend(created.terms.ends_at.map(|due| on.open(Kind::End, due)));
        }
        campaign::Event::Completed(_) | campaign::Event::Expired(_) => {
            into.push(on.close(Kind::End));
        }
        campaign::Event::Activated(_)
        | campaign::Event::Paused(_)
        | campaign::Event::BudgetSpent(_)
        | campaign::Event::ThresholdReached(_) => {}
    }
}

#[derive(Clone, Copy)]
struct On<'a>(&'a Recorded);

impl<'a> On<'a> {
    /// A receipt is owed an answer while it is parked, or a hint that nobody asked about.
    fn of_receipt(self, led_to: payment::LedTo) -> Option<Change> {
        let open = matches!(led_to, payment::LedTo::Parked | payment::LedTo::Asks);
        open.then(|| self.open(Kind::Match, self.at()))
    }

    /// Nothing can lapse of lots that are empty.
    fn emptied(self, parts: impl IntoIterator<Item = &'a Part>) -> impl Iterator<Item = Change> {
        let empty = parts.into_iter().filter(|part| part.left.is_zero());
        empty.map(move |part| self.close_item(Kind::Lapse, &part.lot))
    }

    fn open_item(self, kind: Kind, item: impl Into<Item>, due: Time) -> Change {
        let name = self.name(kind, Some(item.into()));
        Change::Open(Duty { name, due, opener: self.0.envelope.position })
    }

    fn close_item(self, kind: Kind, item: impl Into<Item>) -> Change {
        Change::Close(self.name(kind, Some(item.into())))
    }

    fn at(self) -> Time {
        self.0.envelope.recorded_at
    }

    fn name(self, kind: Kind, item: Option<Item>) -> Name {
        Name { kind, stream: self.0.envelope.stream.clone(), item }
    }

    fn open(self, kind: Kind, due: Time) -> Change {
        Change::Open(Duty { name: self.name(kind, None), due, opener: self.0.envelope.position })
    }

    fn close(self, kind: Kind) -> Change {
        Change::Close(self.name(kind, None))
    }
}
