//! How many files, and so connections, this process may have open: as many as the system lets it have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::{debug, warn};

/// Files besides connections of callers and of the database: standard streams, the listener, the event queue, what is read.
const OTHERS: u64 = 64;

/// Raises the limit as far as it goes, and returns how many connections fit beside so many files: at most what is asked for.
pub fn room_for(connections: u32, besides: u64) -> usize {
    let most = raised();
    let wanted = u64::from(connections);
    let room = most.map_or(wanted, |most| most.saturating_sub(besides + OTHERS).clamp(1, wanted));
    if room < wanted {
        warn!(room, "fewer connections than --max-connections: the process may have no more files open (ulimit -n)");
    }
    usize::try_from(room).unwrap_or(usize::MAX)
}

/// The limit, as high as it may be; `None`: there is none.
fn raised() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let before = current?;
    let raised = Rlimit { current: maximum, maximum };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => maximum,
        Err(error) => {
            debug!(%error, "failed to raise the limit of open files");
            Some(before)
        }
    }
}
