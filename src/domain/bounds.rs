//! What a caller of the service is confined to: accounts by name, and whatever hangs off them.

use std::sync::Arc;

use super::names::NameKey;

/// The accounts that a confined caller may ask about and change. Cheap to clone; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds(Arc<[NameKey]>);

impl Bounds {
    /// Bounds around these accounts, and all that they own.
    pub fn new(accounts: Vec<NameKey>) -> Self {
        Self(accounts.into())
    }

    /// Whether an account lies within. Names are few: a walk is as quick as anything.
    pub fn contains(&self, account: &NameKey) -> bool {
        self.0.contains(account)
    }

    /// The accounts.
    pub fn accounts(&self) -> &[NameKey] {
        &self.0
    }
}
