//! Several operations as one write: in one transaction, in their order, all of them or none.

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::ahead::Locks;
use super::error::MembershipError;
use super::scope::Scope;
use super::writer::Operation;
use crate::domain::change::Change;

/// Operations that are carried out together. What each came to is an `A`.
pub struct Batch<A> {
    steps: Vec<Box<dyn Step<A>>>,
}

/// One operation of several, whatever it is.
pub trait Step<A>: Send + Sync {
    /// What it is called.
    fn name(&self) -> &'static str;

    /// Whether a caller that is confined may have it done.
    fn is_bounded(&self) -> bool;

    /// Whom and what it will lock.
    fn locks(&self) -> Locks<'_>;

    /// Does it, after those before it.
    fn run<'a>(&'a self, scope: &'a mut Scope<'_>) -> BoxFuture<'a, Result<A, MembershipError>>;
}

/// What one operation of several came to.
#[derive(Debug)]
pub struct Stepped<A> {
    /// What it answers.
    pub output: A,
    /// What it took away.
    pub removals: Vec<Change>,
}

/// An operation, and what its answer is made into, so that all have the same.
struct Mapped<O, F>(O, F);

/// An operation as one of several.
pub fn step<A, O: Operation + 'static>(
    operation: O,
    map: impl Fn(O::Output) -> A + Send + Sync + 'static,
) -> Box<dyn Step<A>> {
    Box::new(Mapped(operation, map))
}

impl<A, O: Operation, F: Fn(O::Output) -> A + Send + Sync> Step<A> for Mapped<O, F> {
    fn name(&self) -> &'static str {
        O::NAME
    }

    fn is_bounded(&self) -> bool {
        O::IS_BOUNDED
    }

    fn locks(&self) -> Locks<'_> {
        self.0.locks()
    }

    fn run<'a>(&'a self, scope: &'a mut Scope<'_>) -> BoxFuture<'a, Result<A, MembershipError>> {
        let Self(operation, map) = self;
        async move { scope.carry_out(operation).await.map(map) }.boxed()
    }
}

impl<A> Batch<A> {
    /// These operations, in this order.
    pub fn new(steps: Vec<Box<dyn Step<A>>>) -> Self {
        Self { steps }
    }
}

impl<A: Send> Operation for Batch<A> {
    const NAME: &'static str = "write";
    // each of them is held against the bounds by itself
    const IS_BOUNDED: bool = true;
    type Output = Vec<Stepped<A>>;

    fn locks(&self) -> Locks<'_> {
        self.steps.iter().fold(Locks::default(), |locks, step| locks.and(step.locks()))
    }

    async fn run(&self, scope: &mut Scope<'_>) -> Result<Vec<Stepped<A>>, MembershipError> {
        // before anybody is locked for one that is refused
        if !self.steps.iter().all(|step| step.is_bounded()) {
            scope.unconfined_only()?;
        }
        scope.lock_ahead(self.locks()).await?;
        let mut done = Vec::with_capacity(self.steps.len());
        for (index, step) in self.steps.iter().enumerate() {
            let first = scope.changes.list.len();
            let ended = step.run(scope).await;
            let output = ended.map_err(|failure| failure.of_operation(index, step.name()))?;
            let removals = scope.changes.list.iter().skip(first).filter(|change| change.after.is_none());
            done.push(Stepped { output, removals: removals.cloned().collect() });
        }
        Ok(done)
    }
}
