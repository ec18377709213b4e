//! Who calls the service, and what each caller may: read from a file, looked up by what a caller proves.
//!
//! Pure. How a connection proves a certificate, and where files come from, is not known here; nor is any RPC.

mod file;
pub mod keys;
mod signatures;
pub mod tokens;

use std::collections::HashMap;
use std::sync::Arc;

use blake3::Hash;

use crate::domain::bounds::Bounds;
use crate::domain::names::NameKey;

pub use file::{CallerFileError, CallerFileProblem};

/// What a caller may be trusted with. None includes another, but that who may write in its own right may also name an actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Ask whether a user may do something.
    Check,
    /// Read who there is, and who may do what.
    Read,
    /// Write on behalf of an actor, who must be allowed to.
    Write,
    /// Write in its own right.
    Admin,
    /// Read the log of changes.
    Audit,
}

/// Some scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Scopes(u8);

/// A caller that is known. Cheap to clone. Two are the same if the file says the same of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller(Arc<Entry>);

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    name: String,
    scopes: Scopes,
    bounds: Option<Bounds>,
}

/// All callers, by what makes them known.
#[derive(Debug, Default)]
pub struct Callers {
    by_key: HashMap<String, (Hash, Caller), foldhash::fast::RandomState>,
    by_certificate: HashMap<String, Caller>,
    by_subject: HashMap<String, Caller>,
    count: usize,
}

impl Scope {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Check, Self::Read, Self::Write, Self::Admin, Self::Audit];

    /// What it is called in the file and in errors.
    pub fn name(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
            Self::Audit => "audit",
        }
    }

    /// The scope of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|scope| scope.name() == text)
    }
}

impl Scopes {
    fn add(&mut self, scope: Scope) {
        self.0 |= 1 << scope as u8;
    }

    fn has(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8) != 0
    }
}

impl Caller {
    /// What it is called in the file.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether the file lists this scope for it, or one that includes it.
    pub fn may(&self, scope: Scope) -> bool {
        self.0.scopes.has(scope) || (scope == Scope::Write && self.0.scopes.has(Scope::Admin))
    }

    /// What it is confined to, where it is.
    pub fn bounds(&self) -> Option<&Bounds> {
        self.0.bounds.as_ref()
    }

    /// The accounts that it is confined to, where it is.
    pub fn confined_to(&self) -> Option<&[NameKey]> {
        self.bounds().map(Bounds::accounts)
    }
}

impl Callers {
    /// The caller that a bearer key belongs to.
    pub fn by_key(&self, key: &str) -> Option<&Caller> {
        // the hash is taken whether or not there is such an id, and compared in constant time
        let presented = keys::hash(key);
        let (hash, caller) = self.by_key.get(keys::id(key)?)?;
        (*hash == presented).then_some(caller)
    }

    /// The caller that the names of a certificate belong to; none where they belong to several.
    pub fn by_certificate<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Option<&Caller> {
        let mut found: Option<&Caller> = None;
        for caller in names.into_iter().filter_map(|name| self.by_certificate.get(name)) {
            if found.is_some_and(|other| !Arc::ptr_eq(&other.0, &caller.0)) {
                return None;
            }
            found = Some(caller);
        }
        found
    }

    /// The caller that the subject of a token belongs to.
    pub fn by_subject(&self, subject: &str) -> Option<&Caller> {
        self.by_subject.get(subject)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether some of them are known by a certificate.
    pub fn need_certificates(&self) -> bool {
        !self.by_certificate.is_empty()
    }

    /// Whether some of them are known by a token.
    pub fn need_tokens(&self) -> bool {
        !self.by_subject.is_empty()
    }
}
