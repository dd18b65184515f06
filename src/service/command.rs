//! Wishes on their way to the roll: in whose name, because of what, and whose they are.

use std::time::Duration;

use piperoll_domain::{
    bytes::{Bytes, Id16},
    draft::Meta,
    event::Idempotency,
    id::TenantId,
    operation::{Command, Operation},
    rejection::Rejection,
    time::Time,
};

use crate::{
    engine::{self, Done},
    service::{Error, Principal, Service, history::Cause},
};

/// How often a fact that must not be lost is put to a busy engine, and how long between.
const INSISTENCE: (u32, Duration) = (6, Duration::from_millis(50));

impl Service {
    /// Random bytes, such as name an operation.
    pub(super) fn random<const N: usize>(&self) -> Result<Bytes<N>, Error> {
        self.settings().entropy.bytes().map_err(Error::Random)
    }

    pub(super) async fn put(
        &self,
        who: &Principal,
        operation: Operation,
        key: Option<Idempotency>,
    ) -> Result<Done, Error> {
        let wish = self.meant_by(who, operation, key).await?;
        let tenant = wish.meta.tenant.clone();
        self.engine().execute(wish).await.map_err(|error| match error {
            engine::Error::Rejected(Rejection::TenantNotFound) => Error::TenantNotFound { tenant },
            other => other.into(),
        })
    }

    /// What a caller wishes. A tenant's caller reaches its own tenant only.
    pub(super) async fn meant_by(
        &self,
        who: &Principal,
        operation: Operation,
        key: Option<Idempotency>,
    ) -> Result<Command, Error> {
        let mut operation = operation;
        self.bound(&mut operation)?;
        // Another tenant's things do not exist.
        if who.tenant().is_some_and(|own| own != whose(&operation)) {
            return Err(Error::TenantNotFound { tenant: whose(&operation).clone() });
        }
        self.name_sources(&mut operation).await?;
        Ok(meant(self.random()?, who, operation, None, key, None))
    }

    /// Puts a wish to the roll.
    pub(crate) async fn command(
        &self,
        who: &Principal,
        operation: impl Into<Operation>,
        cause: Option<Cause>,
        key: Option<Idempotency>,
    ) -> Result<Done, Error> {
        let wish = meant(self.random()?, who, operation.into(), cause, key, None);
        Ok(self.engine().execute(wish).await?)
    }

    /// Puts a wish to the roll about something that happened outside, at its own time.
    pub(super) async fn happened(
        &self,
        who: &Principal,
        operation: impl Into<Operation>,
        cause: Option<Cause>,
        at: Option<Time>,
    ) -> Result<Done, Error> {
        let wish = meant(self.random()?, who, operation.into(), cause, None, at);
        Ok(self.engine().execute(wish).await?)
    }

    /// Puts a wish to the roll that says what was done outside: a busy engine is asked again.
    pub(crate) async fn insist(
        &self,
        who: &Principal,
        operation: impl Into<Operation>,
        cause: Option<Cause>,
    ) -> Result<Done, Error> {
        let wish = meant(self.random()?, who, operation.into(), cause, None, None);
        let (most, mut pause) = INSISTENCE;
        for _ in 1..most {
            match self.engine().execute(wish.clone()).await {
                Err(engine::Error::Busy | engine::Error::NotWritten) => {}
                answer => return Ok(answer?),
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        Ok(self.engine().execute(wish).await?)
    }
}

fn meant(
    id: Id16,
    who: &Principal,
    operation: Operation,
    cause: Option<Cause>,
    idempotency: Option<Idempotency>,
    effective_at: Option<Time>,
) -> Command {
    let meta = Meta {
        operation: id,
        tenant: whose(&operation).clone(),
        actor: who.actor(),
        correlation: cause.map_or(id, |cause| cause.correlation),
        causation: cause.map(|cause| cause.causation),
        idempotency,
        effective_at,
    };
    Command { meta, operation }
}

/// Whose streams a wish writes, as far as it can be told before it is decided.
#[expect(clippy::too_many_lines, reason = "a table, a line a wish")]
fn whose(operation: &Operation) -> &TenantId {
    match operation {
        Operation::RequestPayment(wish) => &wish.tenant,
        Operation::RecordInstrument(wish) => &wish.tenant,
        Operation::RecordCreateFailed(wish) => &wish.tenant,
        Operation::RecordCreateUnknown(wish) => &wish.tenant,
        Operation::AbandonPayment(wish) => &wish.tenant,
        Operation::HearStatus(wish) => &wish.tenant,
        Operation::NoteSilence(wish) => &wish.tenant,
        Operation::Fulfil(wish) => &wish.tenant,
        Operation::ResolveReview(wish) => &wish.tenant,
        Operation::OpenAccount(wish) => &wish.tenant,
        Operation::Mint(wish) => &wish.tenant,
        Operation::MintUnnamed(wish) => &wish.mint.tenant,
        Operation::Spend(wish) => &wish.tenant,
        Operation::ExpireLot(wish) => &wish.tenant,
        Operation::Reserve(wish) => &wish.tenant,
        Operation::Finalize(wish) => &wish.tenant,
        Operation::Release(wish) => &wish.tenant,
        Operation::ExpireReservation(wish) => &wish.tenant,
        Operation::RefundPayment(wish) => &wish.tenant,
        Operation::ClawBack(wish) => &wish.tenant,
        Operation::VoidLot(wish) => &wish.tenant,
        Operation::TransferCredit(wish) => &wish.tenant,
        Operation::ChangeBilling(wish) => &wish.tenant,
        Operation::ProposeShares(wish) => &wish.tenant,
        Operation::ApproveShares(wish) => &wish.tenant,
        Operation::RejectShares(wish) => &wish.tenant,
        Operation::HastenShares(wish) => &wish.tenant,
        Operation::CreateCampaign(wish) => &wish.tenant,
        Operation::ActivateCampaign(wish) => &wish.tenant,
        Operation::PauseCampaign(wish) => &wish.tenant,
        Operation::CompleteCampaign(wish) => &wish.tenant,
        Operation::ExpireCampaign(wish) => &wish.tenant,
        Operation::GrantCredit(wish) => &wish.tenant,
        Operation::UseEntitlement(wish) => &wish.tenant,
        Operation::ReleaseUse(wish) => &wish.tenant,
        Operation::RevokeEntitlement(wish) => &wish.tenant,
        Operation::Batch(wish) => &wish.tenant,
        Operation::OpenTenant(wish) => &wish.tenant,
        Operation::OpenSeededTenant(wish) => &wish.open.tenant,
        Operation::IssueKey(wish) => &wish.tenant,
        Operation::RevokeKey(wish) => &wish.tenant,
        Operation::PublishOffer(wish) => &wish.tenant,
        Operation::WithdrawOffer(wish) => &wish.tenant,
        Operation::AcknowledgeAnomaly(wish) => &wish.stream.tenant,
        Operation::NoteAnomaly(wish) => &wish.stream.tenant,
        Operation::MatchReceipt(wish) => &wish.stream.tenant,
        Operation::AnswerReceipt(wish) => &wish.stream.tenant,
        Operation::WaiveDuty(wish) => &wish.name.stream.tenant,
        Operation::OpenLetter(wish) => &wish.duty.stream.tenant,
        Operation::TakeLetter(wish) => &wish.tenant,
        Operation::EndAttempt(wish) => &wish.tenant,
        Operation::RetryLetter(wish) => &wish.tenant,
        Operation::ResolveLetter(wish) => &wish.tenant,
        Operation::OpenRoll(_)
        | Operation::StartWriter(_)
        | Operation::CorrectClock(_)
        | Operation::EnableFeature(_)
        | Operation::FinishReconciliation(_)
        | Operation::DeclareCommodity(_)
        | Operation::ChangeSettings(_)
        | Operation::SwitchWorkers(_)
        | Operation::DeclareConnection(_)
        | Operation::RetireConnection(_)
        | Operation::ReceiveWebhook(_)
        | Operation::RefuseReceipts(_) => roll(),
    }
}

fn roll() -> &'static TenantId {
    static ROLL: std::sync::LazyLock<TenantId> = std::sync::LazyLock::new(TenantId::roll);
    &ROLL
}
