//! `piperoll payments`: look, ask the provider, decide about suspended money.

mod refund;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::json;

use self::refund::Refund;
use super::{client::Target, error::Error, exit::Exit, output::Output, paging::Paging};

/// Look at payments, ask about them, decide about money in suspense.
#[derive(Debug, Subcommand)]
pub(super) enum Payments {
    /// List payments: a tenant's own, or everybody's for an operator.
    List(List),
    /// Show one payment as it stands in the roll.
    Show(One),
    /// Ask the provider about one payment now.
    Sync(One),
    /// Record that money of a payment went back; the credit that it bought is taken back too.
    ///
    /// The money itself is sent by hand, before.
    Refund(Box<Refund>),
    /// Money that somebody has to decide about.
    #[command(subcommand)]
    Review(Review),
}

/// Which payments.
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    server: Target,
    /// Where they stand: requested, unknown, pending, paid, consumed, expired, failed, abandoned.
    #[arg(long)]
    status: Option<String>,
    /// Asked for at least so long ago, such as 15m.
    #[arg(long, value_name = "TIME")]
    older_than: Option<String>,
    /// Concerning this account.
    #[arg(long)]
    account: Option<String>,
    /// Through this provider account.
    #[arg(long)]
    connection: Option<String>,
    /// By the caller's own name for them.
    #[arg(long)]
    reference: Option<String>,
    #[command(flatten)]
    page: Paging,
}

/// One payment.
#[derive(Debug, Args)]
pub(super) struct One {
    #[command(flatten)]
    server: Target,
    /// Its name.
    payment: String,
}

/// Money that somebody has to decide about.
#[derive(Debug, Subcommand)]
pub(super) enum Review {
    /// List what is open.
    List(Open),
    /// Take the money for what was promised.
    Apply(Decide),
    /// Say that the money went back; pay it back first.
    Refund(Decide),
    /// Say that there is nothing to do, where no money is in suspense.
    Dismiss(Decide),
}

/// Open reviews.
#[derive(Debug, Args)]
pub(super) struct Open {
    #[command(flatten)]
    server: Target,
    #[command(flatten)]
    page: Paging,
}

/// A decision.
#[derive(Debug, Args)]
pub(super) struct Decide {
    #[command(flatten)]
    server: Target,
    /// The payment.
    payment: String,
    /// The review's number within the payment.
    number: u32,
    /// Whose payment it is, where an operator decides.
    #[arg(long)]
    tenant: Option<String>,
    /// Why. Plain text that stays for ever; no personal data.
    #[arg(long)]
    reason: String,
    /// Where the refund can be found.
    #[arg(long)]
    reference: Option<String>,
    /// Makes asking again safe; made up unless given.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

#[derive(Debug, Clone, Copy)]
enum Action {
    Apply,
    Refund,
    Dismiss,
}

impl Payments {
    fn server(&self) -> &Target {
        match self {
            Self::List(list) => &list.server,
            Self::Show(one) | Self::Sync(one) => &one.server,
            Self::Refund(refund) => refund.server(),
            Self::Review(Review::List(open)) => &open.server,
            Self::Review(Review::Apply(one) | Review::Refund(one) | Review::Dismiss(one)) => {
                &one.server
            }
        }
    }

    pub(super) async fn run(self, output: Output) -> Result<Exit, Error> {
        let server = self.server().clone();
        let answer = match self {
            Self::List(list) => list.ask().await?,
            Self::Show(One { server, payment }) => {
                server.tenant().get(&["v1", "payments", &payment], &[]).await?
            }
            Self::Sync(One { server, payment }) => {
                let path = ["v1", "payments", &payment, "sync"];
                server.tenant().write(Method::POST, &path, None, None).await?
            }
            Self::Refund(refund) => refund.ask().await?,
            Self::Review(Review::List(open)) => open.ask().await?,
            Self::Review(Review::Apply(decide)) => decide.ask(Action::Apply).await?,
            Self::Review(Review::Refund(decide)) => decide.ask(Action::Refund).await?,
            Self::Review(Review::Dismiss(decide)) => decide.ask(Action::Dismiss).await?,
        };
        output.amounts(&server, &answer).await?;
        Ok(Exit::Done)
    }
}

impl List {
    async fn ask(self) -> Result<serde_json::Value, Error> {
        let query = self.page.behind([
            ("status", self.status),
            ("older_than", self.older_than),
            ("account", self.account),
            ("connection", self.connection),
            ("reference", self.reference),
        ]);
        Ok(if self.server.is_tenant() {
            self.server.tenant().get(&["v1", "payments"], &query).await?
        } else {
            self.server.operator().get(&["api", "payments"], &query).await?
        })
    }
}

impl Open {
    async fn ask(self) -> Result<serde_json::Value, Error> {
        let query = self.page.behind([]);
        Ok(if self.server.is_tenant() {
            self.server.tenant().get(&["v1", "reviews"], &query).await?
        } else {
            self.server.operator().get(&["v1", "admin", "reviews"], &query).await?
        })
    }
}

impl Decide {
    async fn ask(self, action: Action) -> Result<serde_json::Value, Error> {
        let action = match action {
            Action::Apply => "apply",
            Action::Refund => "refund",
            Action::Dismiss => "dismiss",
        };
        let mut body = json!({ "action": action, "reason": self.reason });
        if let Some(reference) = self.reference {
            body["reference"] = reference.into();
        }
        let (number, key) = (self.number.to_string(), self.idempotency_key.as_deref());
        let review = ["reviews", &self.payment, &number];
        Ok(if let Some(tenant) = &self.tenant {
            let path = [&["v1", "admin", "tenants", tenant], &review[..]].concat();
            self.server.operator().write(Method::POST, &path, Some(&body), key).await?
        } else {
            let path = [&["v1"], &review[..]].concat();
            self.server.tenant().write(Method::POST, &path, Some(&body), key).await?
        })
    }
}
