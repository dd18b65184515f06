//! `piperoll serve`: the server, until it is told to stop.

use std::{path::PathBuf, sync::Arc};

use clap::Args;
use tokio::signal;
use tracing_subscriber::EnvFilter;

use super::{error::Error, exit::Exit, output::Output};
use crate::{
    app::{App, Keys},
    config::{Config, Log, LogFormat, Persist, of_process},
};

/// Run the server until it is told to stop.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// A file of settings that differ from the defaults.
    #[arg(long, value_name = "FILE", env = "PIPEROLL_CONFIG")]
    config: Option<PathBuf>,
}

impl Serve {
    pub(super) async fn run(self, output: Output) -> Result<Exit, Error> {
        let loaded = Config::load(self.config.as_deref(), of_process(), Persist::Yes)?;
        log(&loaded.config.log)?;
        let others = |name: &str| {
            let mut named = of_process().filter(|(variable, _)| variable == name);
            named.next().and_then(|(_, value)| value.into_string().ok())
        };
        let app = App::start(&loaded.config, Arc::new(others)).await?;
        output.note(&format!("listening on {}", app.address));
        if let Some(keys) = &app.keys {
            greet(keys, output);
        }
        told_to_stop().await;
        app.stop().await;
        Ok(Exit::Done)
    }
}

/// Development keys are no secrets: they are what a newcomer needs next.
fn greet(keys: &Keys, output: Output) {
    output.note(&format!("development keys of tenant `{}`:", keys.tenant));
    output.note(&format!("  export PIPEROLL_TOKEN={}", keys.key));
    output.note(&format!("  export PIPEROLL_ADMIN_TOKEN={}", keys.admin_token));
}

fn log(log: &Log) -> Result<(), Error> {
    let filter = EnvFilter::try_new(&log.filter)?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Whoever runs several in one process has a log already.
    let _ = match log.format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    Ok(())
}

/// Ends with the first signal that asks for it: Ctrl-C, or `SIGTERM` where there is one.
async fn told_to_stop() {
    #[cfg(unix)]
    {
        let terminate = signal::unix::signal(signal::unix::SignalKind::terminate());
        if let Ok(mut terminate) = terminate {
            tokio::select! {
                _ = signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    // Without a signal to wait for there is none to miss.
    let _ = signal::ctrl_c().await;
}
