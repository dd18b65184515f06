//! Operations: every wish that may be put to the roll. A wish decides over the whole book; what it
//! says lands together or not at all.

mod anomaly;
mod batch;
mod bill;
mod campaign;
mod correct;
mod credit;
mod fulfil;
mod govern;
mod hear;
mod letter;
mod meter;
mod pay;
mod sell;
#[cfg(test)]
mod tests;
mod work;

pub use anomaly::{AcknowledgeAnomaly, NoteAnomaly};
pub use batch::{Batch, Item, Wish};
pub use bill::{ApproveShares, ChangeBilling, HastenShares, ProposeShares, RejectShares};
pub use campaign::{
    ActivateCampaign, CompleteCampaign, CreateCampaign, ExpireCampaign, GrantCredit, PauseCampaign,
};
pub use correct::{ClawBack, RefundPayment, TransferCredit, VoidLot};
pub use credit::{ExpireLot, Mint, MintUnnamed, OpenAccount, Spend};
pub use fulfil::{BY_PROVIDER, Fulfil, PAYMENTS, ResolveReview};
pub use govern::{
    ChangeSettings, CorrectClock, DeclareCommodity, DeclareConnection, EnableFeature,
    FinishReconciliation, IssueKey, OpenRoll, OpenSeededTenant, OpenTenant, PublishOffer,
    RetireConnection, RevokeKey, StartWriter, WaiveDuty, WithdrawOffer,
};
pub use hear::{
    AnswerReceipt, HearStatus, MatchReceipt, NoteSilence, ReceiveWebhook, RefuseReceipts,
};
pub use letter::{EndAttempt, OpenLetter, ResolveLetter, RetryLetter, TakeLetter};
pub use meter::{ExpireReservation, Finalize, Release, Reserve};
pub use pay::{
    AbandonPayment, Purpose, RecordCreateFailed, RecordCreateUnknown, RecordInstrument,
    RequestPayment,
};
pub use sell::{ReleaseUse, RevokeEntitlement, UseEntitlement};
pub use work::SwitchWorkers;

use crate::{
    claim::Claim,
    draft::{Decided, Draft, Memory, Meta, Stop},
    rejection::Rejection,
    time::Moment,
};

/// A wish and who has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Who asks, and what it belongs to.
    pub meta: Meta,
    /// What is wished for.
    pub operation: Operation,
}

macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident($type:ty),)+) => {
        /// What is wished for.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Operation {
            $($(#[$doc])* $name($type),)+
        }

        $(impl From<$name> for Operation {
            fn from(wish: $name) -> Self {
                Self::$name(wish.into())
            }
        })+

        impl Operation {
            /// Its name in logs and metrics.
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$name(_) => stringify!($name),)+ }
            }

            fn decide<'a>(&'a self, draft: &mut Draft<'a>) -> Result<(), Stop> {
                match self { $(Self::$name(wish) => wish.decide(draft),)+ }
            }
        }
    };
}

operations! {
    /// Open the roll.
    OpenRoll(OpenRoll),
    /// Begin to write.
    StartWriter(StartWriter),
    /// Say what the time is.
    CorrectClock(CorrectClock),
    /// Let a new kind of duty or claim hold.
    EnableFeature(EnableFeature),
    /// Note a broken invariant.
    NoteAnomaly(NoteAnomaly),
    /// Accept a broken invariant.
    AcknowledgeAnomaly(AcknowledgeAnomaly),
    /// Close a duty by hand.
    WaiveDuty(WaiveDuty),
    /// Remember a sweep.
    FinishReconciliation(FinishReconciliation),
    /// Declare a commodity.
    DeclareCommodity(DeclareCommodity),
    /// Change the settings.
    ChangeSettings(ChangeSettings),
    /// Open a tenant.
    OpenTenant(OpenTenant),
    /// Open a tenant that bills in some way from the beginning.
    OpenSeededTenant(Box<OpenSeededTenant>),
    /// Hand out a key.
    IssueKey(IssueKey),
    /// Stop a key.
    RevokeKey(RevokeKey),
    /// Name a provider account.
    DeclareConnection(DeclareConnection),
    /// Stop using a provider account.
    RetireConnection(RetireConnection),
    /// Put an offer up for sale.
    PublishOffer(PublishOffer),
    /// Sell an offer no more.
    WithdrawOffer(WithdrawOffer),
    /// Ask to be paid.
    RequestPayment(Box<RequestPayment>),
    /// Remember an invoice.
    RecordInstrument(Box<RecordInstrument>),
    /// Remember that there will be no invoice.
    RecordCreateFailed(RecordCreateFailed),
    /// Remember that an answer was lost.
    RecordCreateUnknown(RecordCreateUnknown),
    /// Give up on a lost answer.
    AbandonPayment(AbandonPayment),
    /// Take in a webhook.
    ReceiveWebhook(Box<ReceiveWebhook>),
    /// Find a parked receipt's payment.
    MatchReceipt(MatchReceipt),
    /// Take in what a provider answered about a hint.
    AnswerReceipt(AnswerReceipt),
    /// Remember attempts that proved nothing.
    RefuseReceipts(Box<RefuseReceipts>),
    /// Take in what a provider answered.
    HearStatus(HearStatus),
    /// Remember a provider's silence.
    NoteSilence(NoteSilence),
    /// Give what was promised.
    Fulfil(Fulfil),
    /// Decide about suspended money.
    ResolveReview(ResolveReview),
    /// Open an account.
    OpenAccount(OpenAccount),
    /// Give credit.
    Mint(Box<Mint>),
    /// Give credit whose source nobody names.
    MintUnnamed(Box<MintUnnamed>),
    /// Use credit.
    Spend(Spend),
    /// Let a lot lapse.
    ExpireLot(ExpireLot),
    /// Set credit aside.
    Reserve(Box<Reserve>),
    /// Charge what work cost.
    Finalize(Box<Finalize>),
    /// Give back what was set aside.
    Release(Release),
    /// End a reservation whose time is over.
    ExpireReservation(ExpireReservation),
    /// Give money back.
    RefundPayment(Box<RefundPayment>),
    /// Take credit back.
    ClawBack(Box<ClawBack>),
    /// Take a lot that should never have been.
    VoidLot(VoidLot),
    /// Move credit to another account.
    TransferCredit(Box<TransferCredit>),
    /// Change how a tenant bills.
    ChangeBilling(Box<ChangeBilling>),
    /// Want other shares.
    ProposeShares(ProposeShares),
    /// Agree to other shares.
    ApproveShares(ApproveShares),
    /// Do not agree to other shares.
    RejectShares(RejectShares),
    /// Let other shares hold at once.
    HastenShares(HastenShares),
    /// Plan to give credit away.
    CreateCampaign(Box<CreateCampaign>),
    /// Let a campaign give.
    ActivateCampaign(ActivateCampaign),
    /// Let a campaign give nothing for a while.
    PauseCampaign(PauseCampaign),
    /// End a campaign.
    CompleteCampaign(CompleteCampaign),
    /// End a campaign whose time is over.
    ExpireCampaign(ExpireCampaign),
    /// Give credit out of a campaign's budget.
    GrantCredit(GrantCredit),
    /// Use an entitlement.
    UseEntitlement(UseEntitlement),
    /// Give a use back.
    ReleaseUse(ReleaseUse),
    /// End an entitlement.
    RevokeEntitlement(RevokeEntitlement),
    /// Leave a refused duty to a letter.
    OpenLetter(OpenLetter),
    /// Take a letter's turn.
    TakeLetter(TakeLetter),
    /// Say what became of an attempt.
    EndAttempt(EndAttempt),
    /// Try a letter again.
    RetryLetter(RetryLetter),
    /// End a letter by a person's word.
    ResolveLetter(ResolveLetter),
    /// Pause workers, or let them work again.
    SwitchWorkers(SwitchWorkers),
    /// Several wishes at once.
    Batch(Batch),
}

impl Command {
    /// What the wish comes to now, over `memory`, if its first fact stands at `next`.
    pub fn decide(&self, memory: &dyn Memory, moment: Moment, next: u64) -> Result<Decided, Stop> {
        let mut draft = Draft::new(memory, &self.meta, moment, next);
        self.operation.decide(&mut draft)?;
        draft.finish()
    }

    /// A claim that it takes unless it is refused, where its wish alone says which: whoever has to
    /// hash it may do so ahead.
    pub fn takes(&self) -> Option<Claim> {
        if let Operation::Reserve(reserve) = &self.operation {
            Some(reserve.takes())
        } else if let Operation::Finalize(finalize) = &self.operation {
            Some(finalize.takes())
        } else if let Operation::Release(release) = &self.operation {
            Some(release.takes())
        } else {
            None
        }
    }
}

/// A reason that a person gave: 1 to 500 characters, none of them a control character.
fn must_be_reason(reason: &str) -> Result<(), Rejection> {
    let length = (1..=500).contains(&reason.chars().count());
    let plain = !reason.trim().is_empty() && !reason.chars().any(char::is_control);
    if length && plain { Ok(()) } else { Err(Rejection::ReasonNeeded) }
}
