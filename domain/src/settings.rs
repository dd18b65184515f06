//! The roll's settings: whatever a decision depends on and an operator may change.

use serde::{Deserialize, Serialize};

use crate::{book::Broken, money::Amount, rejection::Rejection, wire::events};

/// All settings at once; a change carries the whole new value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How long a bare idempotency key is remembered, in days.
    pub idempotency_days: u32,
    /// How long after its expiry an unpaid invoice is still asked about before it expires here.
    pub settlement_grace_seconds: u32,
    /// How long a provider may stay silent about a pending payment before a review opens.
    pub provider_silence_seconds: u32,
    /// How long an unanswered create call is asked about before it is abandoned.
    pub create_patience_seconds: u32,
    /// The smallest invoice.
    pub invoice_min_msat: Amount,
    /// The largest invoice.
    pub invoice_max_msat: Amount,
    /// After how long the same use of an entitlement is another use.
    pub same_use_seconds: u32,
    /// How often the same use may be repeated within that time.
    pub same_use_max: u32,
    /// What happens to a tenant's billing when an account of its breaks an invariant. Settings of
    /// earlier releases do not say it.
    #[serde(default, skip_serializing_if = "OnViolation::is_alert")]
    pub on_lot_violation: OnViolation,
}

/// What happens to a tenant's billing when an account of its breaks an invariant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnViolation {
    /// Nothing but an alert.
    #[default]
    Alert,
    /// It falls back to shadow: no lot is touched any more.
    Shadow,
    /// It is switched off.
    Stop,
}

impl OnViolation {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
    const fn is_alert(&self) -> bool {
        matches!(self, Self::Alert)
    }
}

const fn amount(units: u64) -> Amount {
    match Amount::new(units) {
        Some(amount) => amount,
        None => Amount::MAX,
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            idempotency_days: 400,
            settlement_grace_seconds: 60,
            provider_silence_seconds: 24 * 60 * 60,
            create_patience_seconds: 15 * 60,
            invoice_min_msat: amount(1_000),
            invoice_max_msat: amount(10_000_000_000),
            same_use_seconds: 60,
            same_use_max: 3,
            on_lot_violation: OnViolation::Alert,
        }
    }
}

/// An operator changed the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// 1, 2, 3 …
    pub version: u32,
    /// What holds from here on.
    pub settings: Settings,
}

events!(Settings {
    /// They changed.
    Changed = "settings.changed.v1",
});

/// The settings in force and their version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InForce {
    /// 0 before the first change.
    pub version: u32,
    /// What holds.
    pub settings: Settings,
}

impl InForce {
    /// What changing to `settings` causes; the same again causes nothing.
    pub fn change(&self, settings: Settings) -> Result<Option<Changed>, Rejection> {
        if settings.invoice_min_msat > settings.invoice_max_msat {
            return Err(Rejection::SettingsContradict {
                field: "invoice_min_msat",
                what: "invoice_min_msat is above invoice_max_msat",
            });
        }
        if settings.idempotency_days == 0 {
            return Err(Rejection::SettingsContradict {
                field: "idempotency_days",
                what: "idempotency_days must not be zero: a repeat would be a second request",
            });
        }
        if settings == self.settings {
            return Ok(None);
        }
        Ok(Some(Changed { version: self.version.saturating_add(1), settings }))
    }

    /// The only applier.
    pub(crate) fn evolve(&mut self, event: &Event) -> Result<(), Broken> {
        let Event::Changed(Changed { version, settings }) = event;
        let next = self.version.saturating_add(1);
        Broken::unless(*version == next, "settings versions are gapless", next, version)?;
        *self = Self { version: *version, settings: *settings };
        Ok(())
    }
}
