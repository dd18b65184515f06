//! Where a clock's time comes from.

use std::{
    sync::atomic::{AtomicI64, Ordering::Relaxed},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use piperoll_domain::time::Time;

#[derive(Debug)]
pub(super) enum Hand {
    System {
        started: Instant,
    },
    Manual {
        wall: AtomicI64,
        boot: AtomicI64,
    },
    /// Goes with the runtime's time; both hands can be moved against it.
    Paced {
        started: tokio::time::Instant,
        wall: AtomicI64,
        boot: AtomicI64,
    },
}

impl Hand {
    pub(super) fn system() -> Self {
        Self::System { started: Instant::now() }
    }

    pub(super) fn manual(now: Time) -> Self {
        Self::Manual { wall: AtomicI64::new(now.micros()), boot: AtomicI64::new(0) }
    }

    pub(super) fn paced(now: Time, boot_micros: i64) -> Self {
        let (wall, boot) = (AtomicI64::new(now.micros()), AtomicI64::new(boot_micros));
        Self::Paced { started: tokio::time::Instant::now(), wall, boot }
    }

    pub(super) fn wall(&self) -> i64 {
        match self {
            Self::System { .. } => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
            }
            Self::Manual { wall, .. } => wall.load(Relaxed),
            Self::Paced { started, wall, .. } => wall.load(Relaxed) + paced(*started),
        }
    }

    /// Linux counts it through a suspension; elsewhere the monotonic clock serves.
    pub(super) fn boot(&self) -> i64 {
        match self {
            Self::System { started } => since_boot(*started),
            Self::Manual { boot, .. } => boot.load(Relaxed),
            Self::Paced { started, boot, .. } => boot.load(Relaxed) + paced(*started),
        }
    }

    pub(super) fn advance(&self, wall_micros: i64, boot_micros: i64) {
        if let Self::Manual { wall, boot } | Self::Paced { wall, boot, .. } = self {
            wall.fetch_add(wall_micros, Relaxed);
            boot.fetch_add(boot_micros, Relaxed);
        }
    }
}

fn paced(since: tokio::time::Instant) -> i64 {
    i64::try_from(since.elapsed().as_micros()).unwrap_or(i64::MAX)
}

#[cfg(target_os = "linux")]
fn since_boot(_: Instant) -> i64 {
    let since = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    since.tv_sec.saturating_mul(1_000_000).saturating_add(since.tv_nsec / 1_000)
}

#[cfg(not(target_os = "linux"))]
fn since_boot(started: Instant) -> i64 {
    i64::try_from(started.elapsed().as_micros()).unwrap_or(i64::MAX)
}
