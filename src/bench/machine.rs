//! What is measured on: figures mean nothing without it.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::Path,
    time::Instant,
};

use serde::Serialize;

use super::{Error, callers::histogram, failed};

/// How often the disk is asked.
const SYNCS: u32 = 200;
/// About what a small group writes.
const WRITTEN: [u8; 4_096] = [0x5a; 4_096];
/// File systems that forget.
const IN_MEMORY: [&str; 2] = ["tmpfs", "ramfs"];

/// The machine, as far as the figures depend on it.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    /// The release that was measured.
    pub release: &'static str,
    /// Whether it was built for speed.
    pub optimised: bool,
    /// The processor.
    pub cpu: String,
    /// How many threads of it are ours.
    pub cores: usize,
    /// Memory.
    pub memory_bytes: u64,
    /// The kernel.
    pub kernel: String,
    /// The file system of the directory, and where it is mounted from.
    pub file_system: String,
    /// How long it took to write 4 KiB and sync, as a rule.
    pub fsync_p50_us: u64,
    /// And one time in a hundred.
    pub fsync_p99_us: u64,
}

impl Machine {
    /// Looks around, and measures the disk below `directory`.
    pub fn look(directory: &Path) -> Result<Self, Error> {
        let (fsync_p50_us, fsync_p99_us) = fsync(directory)?;
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        Ok(Self {
            release: env!("CARGO_PKG_VERSION"),
            optimised: !cfg!(debug_assertions),
            cpu: after(&read("/proc/cpuinfo"), "model name").unwrap_or("unknown").to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: memory(&read("/proc/meminfo")).unwrap_or(0),
            kernel: format!(
                "{} {}",
                std::env::consts::OS,
                read("/proc/sys/kernel/osrelease").trim()
            ),
            file_system: file_system(&read("/proc/self/mountinfo"), directory),
            fsync_p50_us,
            fsync_p99_us,
        })
    }

    /// What makes figures of this machine worth less.
    pub fn warnings(&self) -> Vec<String> {
        let forgets = IN_MEMORY.iter().any(|kind| self.file_system.starts_with(kind));
        let memory =
            forgets.then_some("the directory is in memory: name one on a disk with --data");
        let debug = (!self.optimised).then_some("this is a debug build");
        memory.into_iter().chain(debug).map(str::to_owned).collect()
    }

    pub(super) fn rows(&self) -> Vec<[String; 2]> {
        let gibibytes = self.memory_bytes >> 30;
        let machine =
            format!("{}, {} cores, {gibibytes} GiB, {}", self.cpu, self.cores, self.kernel);
        let disk = format!(
            "{}; fsync p50 {} us, p99 {} us",
            self.file_system, self.fsync_p50_us, self.fsync_p99_us
        );
        [("release", self.release.to_owned()), ("machine", machine), ("disk", disk)]
            .map(|(name, value)| [name.to_owned(), value])
            .into()
    }
}

/// How long a write of a page and its sync take, in microseconds: as a rule, and one in a hundred.
fn fsync(directory: &Path) -> Result<(u64, u64), Error> {
    let mut latency = histogram()?;
    let path = directory.join("fsync");
    let measured = (|| -> io::Result<()> {
        let mut file = File::create(&path)?;
        for _ in 0..SYNCS {
            let began = Instant::now();
            file.write_all(&WRITTEN)?;
            file.sync_data()?;
            latency
                .saturating_record(u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX));
        }
        fs::remove_file(&path)
    })();
    measured.map_err(failed("measure the disk"))?;
    Ok((latency.value_at_percentile(50.0), latency.value_at_percentile(99.0)))
}

/// What stands behind a name and a colon.
fn after<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':').map(|(_, value)| value.trim())
}

fn memory(meminfo: &str) -> Option<u64> {
    let (kibibytes, _) = after(meminfo, "MemTotal")?.split_once(' ')?;
    kibibytes.parse::<u64>().ok()?.checked_mul(1_024)
}

/// The mount that holds a directory: the one with the longest path above it.
fn file_system(mountinfo: &str, directory: &Path) -> String {
    let directory = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
    let mounts = mountinfo.lines().filter_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        let mounted = left.split(' ').nth(4)?;
        let mut right = right.split(' ');
        let (kind, device) = (right.next()?, right.next()?);
        directory.starts_with(mounted).then(|| (mounted.len(), format!("{kind} on {device}")))
    });
    // Of two over the same path the later one is seen.
    mounts.max_by_key(|(length, _)| *length).map_or_else(|| "unknown".to_owned(), |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_mount_is_the_one_that_counts() {
        let mounts = "22 1 254:0 / / rw - ext4 /dev/vda rw\n30 22 0:5 / /proc rw - proc proc rw";
        assert_eq!(
            file_system(mounts, Path::new("/proc/self/fd")),
            "ext4 on /dev/vda".replace("ext4 on /dev/vda", "proc on proc")
        );
        assert_eq!(file_system(mounts, Path::new("/nowhere")), "ext4 on /dev/vda");
        assert_eq!(file_system("", Path::new("/nowhere")), "unknown");
    }

    #[test]
    fn a_machine_is_described_and_its_disk_is_measured() {
        let directory = tempfile::tempdir().unwrap();
        let machine = Machine::look(directory.path()).unwrap();
        assert!(machine.cores > 0 && machine.fsync_p99_us >= machine.fsync_p50_us, "{machine:?}");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        let in_memory = Machine { file_system: "tmpfs on shm".to_owned(), ..machine };
        assert!(in_memory.warnings().iter().any(|warning| warning.contains("in memory")));
    }

    #[test]
    fn memory_is_told_in_kibibytes() {
        assert_eq!(memory("MemTotal:       16384 kB\nMemFree: 1 kB\n"), Some(16 << 20));
    }
}
