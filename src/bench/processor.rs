//! What processes have used of the processor, by what Linux says of them.

use std::fs;
use std::time::Duration;

/// Processor time that these processes have used, with the threads that they have now. `None` where the system does not say.
pub fn used(processes: &[u32]) -> Option<Duration> {
    processes.iter().map(|process| of_threads(*process)).sum()
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
        let before = used(&own).unwrap();
        let mut sum = 0_u64;
        while used(&own).unwrap() < before + Duration::from_millis(20) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(memory(own[0]).unwrap() > 1 << 20);
        assert!(with_children(own[0]).contains(&own[0]));
    }
}
