//! `piperoll billing`: how a tenant bills, and who shares in what is used.

mod shares;

use clap::{Args, Subcommand, ValueEnum, value_parser};
use piperoll_domain::commodity::SCALE_MAX;
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    client::{self, Target},
    error::Error,
    exit::Exit,
    money::{Of, is_built_in},
    output::Output,
};

/// How a tenant bills: look, change; who shares in what is used.
#[derive(Debug, Subcommand)]
pub(super) enum Billing {
    /// Show how a tenant bills.
    Show(Whose),
    /// How strictly credit is demanded.
    #[command(subcommand)]
    Mode(ModeVerb),
    /// Say how billing fares: the mode, broken lots, drift, debts, rates, and what is wrong. Exits with
    /// 7 where something is.
    Doctor(Whose),
    /// Change parts of how a tenant bills; what is not said stays.
    Set(Box<Set>),
    /// Who shares in what is used: propose, approve, reject, hasten, list.
    #[command(subcommand)]
    Shares(shares::Shares),
}

/// The mode's verbs.
#[derive(Debug, Subcommand)]
pub(super) enum ModeVerb {
    /// Change the mode. Holds at once, for reservations made from then on; those that are open keep
    /// theirs. A stricter mode is refused unless `piperoll readiness billing` holds.
    Set(SetMode),
}

/// A tenant.
#[derive(Debug, Args)]
pub(super) struct Whose {
    #[command(flatten)]
    server: Target,
    /// Whose billing.
    #[arg(long, default_value = "default")]
    tenant: String,
}

/// A mode.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Mode {
    /// What would have happened is recorded; nothing is charged.
    Shadow,
    /// Use is charged; what credit is missing becomes a debt.
    Soft,
    /// Without credit nothing is reserved, and nothing is charged beyond it.
    Live,
}

impl Mode {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Shadow => "shadow",
            Self::Soft => "soft",
            Self::Live => "live",
        }
    }
}

/// A mode that shall hold.
#[derive(Debug, Args)]
pub(super) struct SetMode {
    #[command(flatten)]
    whose: Whose,
    /// The mode.
    mode: Mode,
    /// Why. Plain text that stays for ever; no personal data.
    #[arg(long)]
    reason: String,
    /// Why the mode becomes stricter though its checklist does not hold. Is recorded too.
    #[arg(long, value_name = "REASON")]
    r#override: Option<String>,
}

/// What shall be otherwise.
#[derive(Debug, Args)]
pub(super) struct Set {
    #[command(flatten)]
    whose: Whose,
    /// Whether anything is reserved and charged.
    #[arg(long, value_name = "BOOLEAN")]
    enabled: Option<bool>,
    /// How long a reservation lasts where nobody says otherwise.
    #[arg(long, value_name = "SECONDS")]
    reserve_ttl: Option<u32>,
    /// What an estimate is multiplied by before it is reserved, in ten-thousandths.
    #[arg(long, value_name = "BPS")]
    safety_multiplier: Option<u32>,
    /// The most that one reservation, charge or credit by hand may come to, in major units, such as USD=100000;
    /// `USD=none` for no bound of the tenant's own. USD stays bound by the server's environment
    /// (`BILLING_CEILING_MICRO`), and the lower of both counts. May be repeated.
    #[arg(long, value_name = "COMMODITY=MAJOR", value_parser = ceiling)]
    ceiling: Vec<(String, Option<String>)>,
    /// How many decimal places a ceiling's commodity has. Needed only of what is neither USD nor MSAT,
    /// by whoever is no operator. Refused where it is known to be otherwise.
    #[arg(long, value_parser = value_parser!(u8).range(..=i64::from(SCALE_MAX)))]
    scale: Option<u8>,
    /// In which order lots are used where this pool is asked for: `pool-expiry-age.v1`, which holds
    /// unless said, or `pool-age.v1`; `POOL=none` for what holds unless said. May be repeated.
    #[arg(long, value_name = "POOL=ORDER", value_parser = order)]
    order: Vec<(String, Option<String>)>,
    /// Whether credit that was given, not sold, is shared out too when it is used.
    #[arg(long, value_name = "BOOLEAN")]
    share_gifts: Option<bool>,
    /// How long after its approval a rule of shares waits before it holds.
    #[arg(long, value_name = "SECONDS")]
    shares_cooldown: Option<u32>,
    /// Why. Plain text that stays for ever; no personal data.
    #[arg(long)]
    reason: String,
}

fn ceiling(text: &str) -> Result<(String, Option<String>), String> {
    let (code, amount) = text.split_once('=').ok_or("write it as COMMODITY=MAJOR")?;
    Ok((code.to_owned(), (amount != "none").then(|| amount.to_owned())))
}

fn order(text: &str) -> Result<(String, Option<String>), String> {
    let (pool, order) = text.split_once('=').ok_or("write it as POOL=ORDER")?;
    Ok((pool.to_owned(), (order != "none").then(|| order.to_owned())))
}

impl Billing {
    fn server(&self) -> &Target {
        match self {
            Self::Show(whose) | Self::Doctor(whose) => &whose.server,
            Self::Mode(ModeVerb::Set(set)) => &set.whose.server,
            Self::Set(set) => &set.whose.server,
            Self::Shares(verb) => verb.server(),
        }
    }

    pub(super) async fn run(self, output: Output) -> Result<Exit, Error> {
        let server = self.server().clone();
        let answer = match self {
            Self::Show(whose) => whose.show().await?,
            Self::Doctor(whose) => return whose.doctor(output).await,
            Self::Mode(ModeVerb::Set(SetMode { whose, mode, reason, r#override })) => {
                let change = |billing: &mut Value| billing["mode"] = mode.as_str().into();
                whose.change(&reason, r#override.as_deref(), change).await?
            }
            Self::Set(set) => set.ask().await?,
            Self::Shares(verb) => verb.ask().await?,
        };
        output.amounts(&server, &answer).await?;
        Ok(Exit::Done)
    }
}

impl Whose {
    fn path<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        [&["v1", "admin", "tenants", &self.tenant, "billing"], more].concat()
    }

    async fn show(&self) -> Result<Value, client::Error> {
        self.server.operator().get(&self.path(&[]), &[]).await
    }

    /// Looks at something about how it bills.
    pub(super) async fn look(
        &self,
        what: &str,
        query: &[(&str, Option<String>)],
    ) -> Result<Value, client::Error> {
        self.server.operator().get(&self.path(&[what]), query).await
    }

    async fn doctor(&self, output: Output) -> Result<Exit, Error> {
        let answer = self.look("doctor", &[]).await?;
        output.amounts(&self.server, &answer).await?;
        let healthy = answer["healthy"].as_bool().unwrap_or(false);
        Ok(if healthy { Exit::Done } else { Exit::AuditFailed })
    }

    /// Changes what holds; refused if somebody else changed it meanwhile.
    async fn change(
        &self,
        reason: &str,
        overruling: Option<&str>,
        change: impl FnOnce(&mut Value),
    ) -> Result<Value, client::Error> {
        let mut held = self.show().await?;
        change(&mut held["billing"]);
        let mut body = json!({
            "billing": held["billing"],
            "version": held["version"],
            "reason": reason,
        });
        if let Some(overruling) = overruling {
            body["override"] = overruling.into();
        }
        self.server.operator().write(Method::PUT, &self.path(&[]), Some(&body), None).await
    }
}

impl Set {
    async fn ask(self) -> Result<Value, Error> {
        let ceilings = self.ceilings().await?;
        let change = |billing: &mut Value| self.adjust(billing, ceilings);
        Ok(self.whose.change(&self.reason, None, change).await?)
    }

    /// In smallest units.
    async fn ceilings(&self) -> Result<Vec<(String, Option<String>)>, Error> {
        let mut ceilings = vec![];
        for (commodity, major) in &self.ceiling {
            let of = Of { commodity: commodity.clone(), scale: self.said_of(commodity) };
            let units = match major {
                Some(major) => Some(of.places(&self.whose.server).await?.units(major)?),
                None => None,
            };
            ceilings.push((of.commodity, units.map(|units| units.to_string())));
        }
        Ok(ceilings)
    }

    /// What `--scale` says of one of several commodities: it means those that are not built in, if
    /// there are any.
    fn said_of(&self, commodity: &str) -> Option<u8> {
        let only_built_in = self.ceiling.iter().all(|(commodity, _)| is_built_in(commodity));
        self.scale.filter(|_| only_built_in || !is_built_in(commodity))
    }

    fn adjust(&self, billing: &mut Value, ceilings: Vec<(String, Option<String>)>) {
        let said = [
            ("enabled", self.enabled.map(Value::from)),
            ("reserve_ttl_seconds", self.reserve_ttl.map(Value::from)),
            ("safety_multiplier_bps", self.safety_multiplier.map(Value::from)),
            ("share_gifts", self.share_gifts.map(Value::from)),
            ("shares_cooldown_seconds", self.shares_cooldown.map(Value::from)),
        ];
        for (name, value) in said {
            if let Some(value) = value {
                billing[name] = value;
            }
        }
        put(&mut billing["ceilings"], ceilings);
        put(&mut billing["orders"], self.order.clone());
    }
}

/// Puts what is said under its name, and takes out what shall be as it is unless said.
fn put(into: &mut Value, said: Vec<(String, Option<String>)>) {
    let Some(into) = into.as_object_mut() else { return };
    for (name, value) in said {
        match value {
            Some(value) => into.insert(name, value.into()),
            None => into.remove(&name),
        };
    }
}
