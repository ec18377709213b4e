//! What processes have used of the processor, by what Linux says of them.

use std::fs;
use std::time::Duration;

/// Processor time that each of these processes has used, with the threads that it has now. `None` for one that is not there, or
/// where the system does not say.
pub fn used(processes: &[u32]) -> Vec<Option<Duration>> {
    processes.iter().map(|process| of_threads(*process)).collect()
}

/// What processes used from one look at them to another. Those that ended in between are left out: PostgreSQL's own come and go. `None`
/// where nothing is said of any.
pub fn between(before: &[Option<Duration>], after: &[Option<Duration>]) -> Option<Duration> {
    let used = before.iter().zip(after).filter_map(|(before, after)| (*after)?.checked_sub((*before)?));
    used.reduce(|all, one| all + one)
}

/// A process with its children: a PostgreSQL server with those who serve its connections.
pub fn with_children(process: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default();
    std::iter::once(process).chain(children.split_whitespace().filter_map(|child| child.parse().ok())).collect()
}

/// Memory that a process holds, in bytes.
pub fn memory(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
}

/// The scheduler's own count, in nanoseconds: `stat` counts in hundredths of a second.
fn of_threads(process: u32) -> Option<Duration> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).ok()?;
    let mut nanos = 0;
    for thread in threads {
        // one that ended meanwhile has used what it has used
        let Ok(text) = fs::read_to_string(thread.ok()?.path().join("schedstat")) else { continue };
        nanos += text.split(' ').next()?.parse::<u64>().ok()?;
    }
    Some(Duration::from_nanos(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_works_uses_the_processor() {
        let own = [std::process::id()];
        let before = used(&own);
        let mut sum = 0_u64;
        while between(&before, &used(&own)).unwrap() < Duration::from_millis(20) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(memory(own[0]).unwrap() > 1 << 20);
        assert!(with_children(own[0]).contains(&own[0]));
    }

    #[test]
    fn a_process_that_ended_is_left_out_and_takes_no_other_with_it() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let processes = [std::process::id(), child.id()];
        let before = used(&processes);
        child.wait().unwrap();
        let after = used(&processes);
        assert!(after[0].is_some() && after[1].is_none());
        assert_eq!(between(&before, &after), between(&before[..1], &after[..1]));
        assert!(between(&before, &after).is_some());
        assert_eq!(between(&before[1..], &after[1..]), None);
        assert_eq!(between(&[], &[]), None);
    }
}
