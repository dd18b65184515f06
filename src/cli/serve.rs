//! `piperoll serve`: the server, until it is told to stop.

use std::{ffi::OsString, io::IsTerminal as _, net::SocketAddr, path::PathBuf, sync::Arc};

use clap::Args;
use serde_json::json;
use tokio::signal;
use tracing_subscriber::EnvFilter;

use super::{error::Error, exit::Exit, output::Output};
use crate::{
    app::{App, Vars},
    config::{Config, Loaded, LogFormat, Persist, Unread, of_process, unread},
};

/// Start the server.
///
/// With no configuration it listens on 127.0.0.1:4020, keeps everything in ./piperoll-data, takes
/// play money from a Lightning node of its own and prints keys for development.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// A file of settings that differ from the defaults; see `piperoll config --defaults`.
    #[arg(long, value_name = "FILE", env = "PIPEROLL_CONFIG")]
    config: Option<PathBuf>,
    /// The data directory; wins over file and environment.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where to listen; wins over file and environment.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
}

impl Serve {
    pub(super) async fn run(self, output: Output) -> Result<Exit, Error> {
        let unread = unread(self.environment());
        let loaded = Config::load(self.config.as_deref(), self.environment(), Persist::Yes);
        // What is missing may be there under another name; nothing is logged yet.
        let loaded =
            loaded.inspect_err(|_| unread.iter().for_each(|it| output.warn(&it.to_string())));
        let Loaded { config, development } = loaded?;
        log(&config);
        if let Some(made) = development.filter(|made| made.fresh) {
            let file = made.file.display();
            tracing::warn!(%file, keys = made.keys.join(", "), "secrets for development were made");
        }
        let vars: Vars = Arc::new(|name| std::env::var(name).ok());
        let app = App::start(&config, vars).await?;
        tell(&app, &unread);
        let said = said(&app, &config, output);
        let ended = match said {
            Ok(()) => asked_to_stop(&app).await,
            Err(error) => Err(error),
        };
        tracing::info!("stopping");
        app.stop().await;
        match ended? {
            Ended::Asked => Ok(Exit::Done),
            Ended::LastWord(why) => Err(Error::Engine(why)),
        }
    }

    /// What the command line says stands above the process's environment.
    fn environment(&self) -> impl Iterator<Item = (OsString, OsString)> + use<> {
        let data = self.data.as_ref().map(|data| ("PIPEROLL_DATA", data.clone().into_os_string()));
        let listen = self.listen.map(|at| ("PIPEROLL_LISTEN", at.to_string().into()));
        let said: Vec<(OsString, OsString)> =
            data.into_iter().chain(listen).map(|(name, value)| (name.into(), value)).collect();
        let names: Vec<OsString> = said.iter().map(|(name, _)| name.clone()).collect();
        of_process().filter(move |(name, _)| !names.contains(name)).chain(said)
    }
}

/// Logs to stderr, so that stdout is for answers.
fn log(config: &Config) {
    let filter = EnvFilter::try_new(&config.log.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Colours are for people; a file or a collector would show them as noise.
    let log = log.with_ansi(std::io::stderr().is_terminal());
    let set = match config.log.format {
        LogFormat::Json => log.json().try_init(),
        LogFormat::Text => log.try_init(),
    };
    // Somebody in this process logs already; that one serves.
    drop(set);
}

/// Tells of variables that nobody reads, but for those in which a connection finds its secrets.
fn tell(app: &App, unread: &[Unread]) {
    let directory = app.service.engine().directory();
    let named: Vec<String> = directory
        .connections()
        .filter_map(|(_, connection)| connection.account.as_ref())
        .flat_map(|account| [account.key_from.clone(), account.webhook_secret_from.clone()])
        .flatten()
        .collect();
    let read = |variable: &str| {
        let name = variable.strip_suffix("_PREV").unwrap_or(variable);
        named.iter().any(|known| known == variable || known == name)
    };
    for Unread { variable, nearest } in unread.iter().filter(|it| !read(&it.variable)) {
        let nearest = nearest.as_deref();
        tracing::warn!(?variable, nearest, "a variable is set that nobody reads");
    }
}

/// Says where it is and, in development, what opens it.
fn said(app: &App, config: &Config, output: Output) -> std::io::Result<()> {
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{}", app.address);
    let metrics = app.metrics_address.map(|address| format!("http://{address}/metrics"));
    if output.is_json() {
        let keys = app.keys.as_ref();
        let line = json!({
            "url": url,
            "metrics": metrics,
            "tenant": keys.map(|keys| keys.tenant.as_str()),
            "key": keys.map(|keys| keys.key.as_str()),
            "admin_token": keys.map(|keys| keys.admin_token.as_str()),
        });
        return Output::line(&line.to_string());
    }
    Output::line(&format!("piperoll {} listens on {url}", env!("CARGO_PKG_VERSION")))?;
    Output::line(&format!("data in {}", config.data.display()))?;
    if let Some(metrics) = metrics {
        Output::line(&format!("metrics on {metrics}"))?;
    }
    let Some(keys) = &app.keys else { return Ok(()) };
    Output::line("\nFor development only; the same at every start:")?;
    Output::line(&format!("  export PIPEROLL_URL={url}"))?;
    Output::line(&format!("  export PIPEROLL_TOKEN={}", keys.key))?;
    Output::line(&format!("  export PIPEROLL_ADMIN_TOKEN={}", keys.admin_token))
}

/// Why it does not go on.
enum Ended {
    /// Ctrl-C, or what a service manager sends.
    Asked,
    /// The engine will not write any more; whoever looks after us may start us again.
    LastWord(String),
}

async fn asked_to_stop(app: &App) -> std::io::Result<Ended> {
    let mut term = signal::unix::signal(signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupted = signal::ctrl_c() => interrupted.map(|()| Ended::Asked),
        _ = term.recv() => Ok(Ended::Asked),
        why = app.service.engine().stopped() => Ok(Ended::LastWord(why)),
    }
}
