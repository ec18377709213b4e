//! What must run for as long as the service does. Whichever of it ends unasked, by a panic mostly, ends the service: one that is up
//! and does not do its work would never be started again.

use std::future::{self, Future};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use tokio::runtime::Builder;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::JoinMap;

use super::ServeError;

/// Tasks, by what each of them is. Dropped, they are ended at once, and not in order.
pub(super) struct Tasks {
    tasks: JoinMap<&'static str, ()>,
    /// For those on threads of their own: a thread can't be aborted.
    dropped: CancellationToken,
    _dropped: DropGuard,
}

impl Tasks {
    pub(super) fn new() -> Self {
        let dropped = CancellationToken::new();
        Self { tasks: JoinMap::new(), dropped: dropped.clone(), _dropped: dropped.drop_guard() }
    }

    /// Runs one beside the others.
    pub(super) fn spawn(&mut self, what: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(what, task);
    }

    /// Runs one on a thread and in a runtime of its own.
    ///
    /// # Errors
    /// When the system gives no more threads or files.
    pub(super) fn spawn_apart(
        &mut self,
        what: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let dropped = self.dropped.clone();
        self.tasks.spawn_blocking(what, move || {
            // what a panic left half done is looked at by nobody: it goes on below
            let ended = catch_unwind(AssertUnwindSafe(|| runtime.block_on(dropped.run_until_cancelled(task))));
            // a host name that is being resolved must not hold the end up
            runtime.shutdown_background();
            if let Err(panic) = ended {
                resume_unwind(panic);
            }
        });
        Ok(())
    }

    /// Waits until one of them has ended, before they are told to: the service can't go on. Cancel-safe.
    pub(super) async fn first_end(&mut self) -> ServeError {
        match self.tasks.join_next().await {
            Some((what, ended)) => ServeError::Ended { what, cause: ended.err() },
            None => future::pending().await,
        }
    }

    /// Waits until all have ended that were told to.
    pub(super) async fn all_ended(mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    const FAULT: &str = "a fault for the test";

    async fn fault() {
        tokio::task::yield_now().await;
        panic!("{FAULT}");
    }

    /// What the end of one comes to, beside one that goes on.
    async fn end(begin: impl FnOnce(&mut Tasks)) -> String {
        let mut tasks = Tasks::new();
        tasks.spawn("what goes on", future::pending());
        begin(&mut tasks);
        let ended = tasks.first_end().await;
        format!("{ended}: {}", ended.source().map(ToString::to_string).unwrap_or_default())
    }

    #[tokio::test]
    async fn whatever_ends_unasked_is_told_with_what_it_said() {
        let ends = [
            (end(|tasks| tasks.spawn("the task", fault())).await, FAULT),
            (end(|tasks| tasks.spawn_apart("the task", fault()).unwrap()).await, FAULT),
            (end(|tasks| tasks.spawn("the task", async {})).await, ""),
            (end(|tasks| tasks.spawn_apart("the task", async {}).unwrap()).await, ""),
        ];
        for (said, cause) in ends {
            assert!(said.contains("the task has ended") && said.contains("start it again"), "{said}");
            assert!(said.contains(cause), "{said}");
        }
    }

    #[tokio::test]
    async fn tasks_that_are_dropped_end() {
        let (mut tasks, ended) = (Tasks::new(), [CancellationToken::new(), CancellationToken::new()]);
        let [beside, apart] = ended.clone().map(|ended| {
            let guard = ended.drop_guard();
            async move {
                let _guard = guard;
                future::pending().await
            }
        });
        tasks.spawn("beside", beside);
        tasks.spawn_apart("apart", apart).unwrap();
        drop(tasks);
        for ended in ended {
            ended.cancelled().await;
        }
    }
}
