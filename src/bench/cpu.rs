//! How much processor time this process has used.

use std::time::Duration;

/// Linux counts in hundredths of a second, whatever its own tick.
const TICK_MS: u64 = 10;

/// Time in the program and in the kernel for it, of all threads; none where the system does not say.
pub(super) fn used() -> Option<Duration> {
    parse(&std::fs::read_to_string("/proc/self/stat").ok()?)
}

/// The same, of the threads that are called this only.
pub(super) fn used_by(threads: &str) -> Option<Duration> {
    let mut sum = Duration::ZERO;
    for task in std::fs::read_dir("/proc/self/task").ok()? {
        let task = task.ok()?.path();
        // A thread may end meanwhile.
        let Ok(name) = std::fs::read_to_string(task.join("comm")) else { continue };
        if name.trim_end() == threads {
            let stat = std::fs::read_to_string(task.join("stat")).unwrap_or_default();
            sum = sum.saturating_add(parse(&stat).unwrap_or_default());
        }
    }
    Some(sum)
}

fn parse(stat: &str) -> Option<Duration> {
    // The second field is a name in parentheses, and may hold anything.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(Duration::from_millis((user + system) * TICK_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_in_parentheses_may_hold_anything() {
        let stat = "7 (a) b) R 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20";
        assert_eq!(parse(stat), Some(Duration::from_secs(2)));
    }
}
