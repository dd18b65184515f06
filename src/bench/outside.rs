//! Those who ask from outside: threads and a poll of their own, on the same cores as the server.

use tokio::runtime::{Builder, Runtime};

use super::{Caller, Error, Load, Plan, closed_loop, failed};

/// What their threads are called, so that their processor time can be told from the server's.
pub(super) const THREADS: &str = "bench-outside";

/// A runtime of their own.
#[derive(Debug)]
pub struct Outside(Option<Runtime>);

impl Outside {
    /// Starts as many threads as there are cores.
    pub fn start() -> Result<Self, Error> {
        let runtime = Builder::new_multi_thread().thread_name(THREADS).enable_all().build();
        runtime.map(Some).map(Self).map_err(failed("start those who ask"))
    }

    /// Lets callers ask until the plan is over.
    pub async fn ask<C: Caller>(
        &self,
        plan: Plan,
        caller: impl Fn(usize) -> C + Send + 'static,
    ) -> Result<Load, Error> {
        self.run(closed_loop(plan, caller)).await?
    }

    /// Does something out there.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Error> {
        let runtime = self.0.as_ref().ok_or("it is gone").map_err(failed("ask from outside"))?;
        runtime.spawn(work).await.map_err(failed("ask from outside"))
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        // Whoever drops it may be asynchronous, and must not wait.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
