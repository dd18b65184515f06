//! `piperoll payments refund`: money that went back.

use clap::{Args, value_parser};
use piperoll_domain::commodity::SCALE_MAX;
use serde_json::{Value, json};

use crate::cli::{client::Target, correct::Why, error::Error, money::Of};

/// Money that went back.
#[derive(Debug, Args)]
pub(in crate::cli) struct Refund {
    #[command(flatten)]
    why: Why,
    /// The payment.
    payment: String,
    /// How much, in major units; what is paid over Lightning counts in MSAT, which has no smaller unit.
    #[arg(long, value_name = "MAJOR")]
    amount: String,
    /// Of what.
    #[arg(long, default_value = "MSAT")]
    commodity: String,
    /// How many decimal places it has. Needed only of what is neither USD nor MSAT, with a tenant's
    /// key alone: operators are told by the server. Refused where it is known to be otherwise.
    #[arg(long, value_parser = value_parser!(u8).range(..=i64::from(SCALE_MAX)))]
    scale: Option<u8>,
    /// The refund's name; made up unless given.
    #[arg(long = "refund", value_name = "REFUND")]
    name: Option<String>,
    /// Where the refund can be found.
    #[arg(long)]
    reference: Option<String>,
}

impl Refund {
    pub(super) const fn server(&self) -> &Target {
        &self.why.whose.server
    }

    pub(super) async fn ask(self) -> Result<Value, Error> {
        let of = Of { commodity: self.commodity, scale: self.scale };
        let body = json!({
            "amount": of.places(&self.why.whose.server).await?.body(&self.amount)?,
            "refund": self.name,
            "reference": self.reference,
        });
        self.why.post(&["payments", &self.payment, "refunds"], body).await
    }
}
