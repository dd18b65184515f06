//! The command line: a noun, a verb, an exit code that scripts can trust.

mod accounts;
mod anomalies;
mod batch;
mod bench;
mod billing;
mod cache;
mod campaigns;
mod client;
mod clock;
mod commodities;
mod completions;
mod config;
mod connections;
mod correct;
mod demo;
mod dlq;
mod document;
mod duties;
mod error;
mod events;
mod exit;
mod export;
mod keys;
mod lots;
mod migrate;
mod money;
mod offers;
mod offline;
mod openapi;
mod output;
mod paging;
mod payments;
mod place;
mod readiness;
mod rebuild;
mod reconcile;
mod replay;
mod reservations;
mod sandbox;
mod serve;
mod settings;
mod tenant;
#[cfg(test)]
mod tests;
mod transfers;
mod verify;
mod workers;

use clap::{Parser, Subcommand};

pub use self::exit::Exit;
use self::{error::Error, output::Output};

/// The ledger under APIs that charge: one append-only, hash-chained roll of money events.
#[derive(Debug, Parser)]
#[command(name = "piperoll", version, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = exit::HELP)]
pub struct Cli {
    /// Answer in JSON, for programs.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    noun: Noun,
}

#[derive(Debug, Subcommand)]
enum Noun {
    /// Start the server.
    Serve(serve::Serve),
    /// Watch a payment become credit, the server be killed in the middle, and all of it be proven.
    Demo(demo::Demo),
    /// Fold a history anew and print, or compare, everything that it adds up to.
    Replay(replay::Replay),
    /// Build the views anew from the roll.
    ///
    /// No server may hold the data directory meanwhile; with --remote a running one does it itself.
    Rebuild(rebuild::Rebuild),
    /// Prove that the roll, the index and every row of the views are what they must be.
    ///
    /// Works beside a running server and changes nothing. Says the first position or row that is
    /// broken, and exits with 7.
    Verify(verify::Verify),
    /// Print the events of a roll, one line of JSON each.
    Events(events::Events),
    /// Write the roll in the words of other programs.
    #[command(subcommand)]
    Export(export::Export),
    /// Look at payments, ask about them, decide about money in suspense.
    #[command(subcommand)]
    Payments(payments::Payments),
    /// Look at accounts and give credit by hand.
    #[command(subcommand)]
    Accounts(accounts::Accounts),
    /// Credit set aside before the work, and charged after it.
    #[command(subcommand)]
    Reservations(reservations::Reservations),
    /// An account's lots: look at them, take them back.
    #[command(subcommand)]
    Lots(lots::Lots),
    /// Credit moved between accounts of a tenant.
    #[command(subcommand)]
    Transfers(transfers::Transfers),
    /// Put many commands of a tenant to the roll, out of a file.
    Batch(batch::Batch),
    /// Credit that is given away out of a budget: plan, begin, pause, end, grant.
    #[command(subcommand)]
    Campaigns(campaigns::Campaigns),
    /// What is sold: publish, look at, withdraw.
    #[command(subcommand)]
    Offers(offers::Offers),
    /// Provider accounts: declare, look at, retire.
    #[command(subcommand)]
    Connections(connections::Connections),
    /// The roll's settings: look, change.
    #[command(subcommand)]
    Settings(settings::Settings),
    /// How a tenant bills: look, change; who shares in what is used.
    #[command(subcommand)]
    Billing(billing::Billing),
    /// What amounts are counted in: declare, look at.
    #[command(subcommand)]
    Commodities(commodities::Commodities),
    /// Broken invariants: accept them.
    #[command(subcommand)]
    Anomalies(anomalies::Anomalies),
    /// What is still owed: look at it, or close it by hand.
    #[command(subcommand)]
    Duties(duties::Duties),
    /// Dead letters: duties that were refused.
    #[command(subcommand)]
    Dlq(dlq::Dlq),
    /// What works in the background: look, pause, resume.
    #[command(subcommand)]
    Workers(workers::Workers),
    /// Whether something may become stricter: the checklist before a billing mode.
    #[command(subcommand)]
    Readiness(readiness::Readiness),
    /// Formats of the stores: where they stand.
    #[command(subcommand)]
    Migrate(migrate::Migrate),
    /// Cached balances: there are none.
    #[command(subcommand)]
    Cache(cache::Cache),
    /// Compare with the outside, and the ledger with itself.
    #[command(subcommand)]
    Reconcile(reconcile::Reconcile),
    /// The play-money provider of development.
    #[command(subcommand)]
    Sandbox(sandbox::Sandbox),
    /// Tenants: open, list.
    #[command(subcommand)]
    Tenant(tenant::Tenant),
    /// API keys of a tenant: issue, list, revoke.
    #[command(subcommand)]
    Keys(keys::Keys),
    /// The clock that the writer goes by.
    #[command(subcommand)]
    Clock(clock::Clock),
    /// Measure how fast it is, beside what this machine could do in the same run.
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Print the settings in force, secrets as fingerprints only.
    Config(config::Show),
    /// Print the description of the API, OpenAPI 3.1.
    Openapi(openapi::Openapi),
    /// Print completions for a shell.
    Completions(completions::Completions),
    /// Write the manual pages.
    Man(completions::Man),
}

/// Parses, does, and says how it went. One error, told once with its causes.
pub async fn run() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help goes to stdout and mistakes to stderr; nobody can be told if that fails.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Done };
        }
    };
    let output = Output::new(cli.json);
    match cli.noun.run(output).await {
        Ok(exit) => exit,
        Err(error) => {
            let exit = error.exit();
            output.error(&error, exit);
            exit
        }
    }
}

impl Noun {
    async fn run(self, output: Output) -> Result<Exit, Error> {
        match self {
            Self::Serve(verb) => verb.run(output).await,
            Self::Demo(verb) => verb.run().await,
            Self::Replay(verb) => verb.run(),
            Self::Rebuild(verb) => verb.run(output).await,
            Self::Verify(verb) => verb.run(output).await,
            Self::Events(verb) => verb.run().await,
            Self::Export(verb) => verb.run(output).await,
            Self::Payments(verb) => verb.run(output).await,
            Self::Accounts(verb) => verb.run(output).await,
            Self::Reservations(verb) => verb.run(output).await,
            Self::Lots(verb) => verb.run(output).await,
            Self::Transfers(verb) => verb.run(output).await,
            Self::Batch(verb) => verb.run(output).await,
            Self::Campaigns(verb) => verb.run(output).await,
            Self::Offers(verb) => verb.run(output).await,
            Self::Connections(verb) => verb.run(output).await,
            Self::Settings(verb) => verb.run(output).await,
            Self::Billing(verb) => verb.run(output).await,
            Self::Commodities(verb) => verb.run(output).await,
            Self::Anomalies(verb) => verb.run(output).await,
            Self::Duties(verb) => verb.run(output).await,
            Self::Dlq(verb) => verb.run(output).await,
            Self::Workers(verb) => verb.run(output).await,
            Self::Readiness(verb) => verb.run(output).await,
            Self::Migrate(verb) => verb.run(output).await,
            Self::Cache(verb) => verb.run(output),
            Self::Reconcile(verb) => verb.run(output).await,
            Self::Sandbox(verb) => verb.run(output).await,
            Self::Tenant(verb) => verb.run(output).await,
            Self::Keys(verb) => verb.run(output).await,
            Self::Clock(verb) => verb.run(output).await,
            Self::Bench(verb) => verb.run(output).await,
            Self::Config(verb) => verb.run(output),
            Self::Openapi(verb) => verb.run(),
            Self::Completions(verb) => verb.run(),
            Self::Man(verb) => verb.run(),
        }
    }
}
