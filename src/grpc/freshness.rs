//! How fresh an answer must be: what callers ask, waited for before the answer and held against it.

use tokio::time::Instant;
use tonic::Status;

use super::v1::consistency::Requirement;
use super::{Services, errors, revision, v1};
use crate::view::{Freshness, Standing, Token, ViewError};

/// What an answer must be true at.
#[must_use]
pub(super) struct Wanted {
    least: Option<Token>,
}

impl Wanted {
    /// Holds an answer against it: the view may have started over in another history since it was waited for.
    pub(super) fn met_by(&self, answered: Token) -> Result<(), Status> {
        match self.least {
            Some(least) if least.history != answered.history => Err(errors::invalid_revision()),
            Some(least) if least.revision > answered.revision => Err(errors::view(ViewError::NotFresh)),
            _ => Ok(()),
        }
    }
}

impl Services {
    /// Waits until the view is as fresh as the caller asks.
    pub(super) async fn be_as_fresh(
        &self,
        asked: Option<&v1::Consistency>,
        deadline: impl FnOnce() -> Instant,
    ) -> Result<Wanted, Status> {
        match asked.and_then(|consistency| consistency.requirement.as_ref()) {
            None | Some(Requirement::FullyConsistent(false)) => Ok(Wanted { least: None }),
            // in a place of its own: who asks for nothing needs no room to wait in
            Some(required) => Box::pin(self.wait_for(required, deadline())).await,
        }
    }

    async fn wait_for(&self, required: &Requirement, deadline: Instant) -> Result<Wanted, Status> {
        let view = &self.inner.view;
        let (freshness, least) = match required {
            Requirement::FullyConsistent(_) => (Freshness::Full, None),
            Requirement::AtLeastAsFresh(text) => {
                let token = revision::decode(text).ok_or_else(errors::invalid_revision)?;
                if view.standing() == Standing::Silent {
                    return Err(errors::view(ViewError::NotFresh));
                }
                if token.history != view.token().history {
                    return Err(errors::invalid_revision());
                }
                (Freshness::AtLeast(token.revision), Some(token))
            }
        };
        view.wait_for(freshness, Some(deadline)).await.map_err(errors::view)?;
        Ok(Wanted { least })
    }
}
