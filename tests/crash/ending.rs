//! How a server ends without being asked.

use std::path::PathBuf;

use super::Chance;
use crate::{
    faults::{Before, Shim, end_whole},
    server::Server,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Only the process: what it wrote is written.
    Kill,
    /// The machine: what it had not synced may be lost, in any order.
    PowerCut,
}

/// A server that may end in either way.
pub(crate) struct Mortal {
    pub(crate) server: Server,
    pub(crate) shim: Shim,
    /// What lay on the disk when the power came, and what was told since.
    power: Option<(Before, PathBuf)>,
    cuts: u64,
}

impl Mortal {
    pub(crate) fn new(variables: &[(&str, &str)]) -> Self {
        let mut server = Server::new(variables);
        let shim = Shim::under(&mut server);
        Self { server, shim, power: None, cuts: 0 }
    }

    pub(crate) fn begin(&mut self) {
        self.power_on();
        self.server.begin();
    }

    pub(crate) async fn open(&mut self) {
        self.power_on();
        self.server.open().await;
    }

    fn power_on(&mut self) {
        if self.power.is_none() {
            let log = self.shim.tell(&mut self.server, self.cuts);
            self.power = Some((Before::of(&self.server.data()), log));
        }
    }

    pub(crate) fn end(&mut self, ending: Ending, chance: &mut Chance) {
        self.server.kill();
        if ending == Ending::Kill {
            self.power.iter().for_each(|(_, log)| end_whole(log));
            return;
        }
        self.cuts += 1;
        if let Some((before, log)) = self.power.take() {
            before.cut_power(&log, &self.server.data(), chance);
            // There is none if the process ended before it did anything.
            drop(std::fs::remove_file(log));
        }
    }
}
