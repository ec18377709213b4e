//! Reads the caller file: nobody may anything that it does not list. What it can't mean is refused with the line and what
//! mends it; no text of it that could be a secret is repeated.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use serde::Deserialize;
use toml::Spanned;

use super::{Caller, Callers, Entry, Scope, Scopes, keys};
use crate::domain::bounds::Bounds;
use crate::domain::names::Username;

/// The longest name of a caller.
const LONGEST_NAME: usize = 64;

/// Why a file is no caller file, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct CallerFileError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: CallerFileProblem,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallerFileProblem {
    /// Not TOML, or not of the expected shape.
    #[error("{0}")]
    Syntax(String),
    /// A file without a caller lets nobody in.
    #[error("names no caller; begin one with `[[caller]]`")]
    Empty,
    /// A name that no caller can have.
    #[error("`name` must be 1 to 64 letters, digits, `.`, `_` or `-`")]
    BadName,
    /// A scope that there is none of.
    #[error("`{0}` is no scope; there are: check, read, write, admin, audit")]
    UnknownScope(String),
    /// A caller that may do nothing.
    #[error("`scopes` is empty; list what `{0}` may: check, read, write, admin, audit")]
    NoScope(String),
    /// Nothing that makes it known.
    #[error("nothing makes `{0}` known; add `keys` (`rolegate key new {0}` makes one), `certificate` or `jwt_subject`")]
    Unknowable(String),
    /// A key's hash that is none. The text is not repeated: it may be a key.
    #[error("an entry of `keys` is no hash of a key; `rolegate key new {0}` prints what to write here")]
    BadKey(String),
    /// A name that no certificate is matched by.
    #[error(
        "`certificate` must be one DNS name without `*`, or one URI, as the certificate has it as a subject alternative name"
    )]
    BadCertificate,
    /// A subject that no token is matched by.
    #[error("`jwt_subject` must not be empty")]
    BadSubject,
    /// A confinement to nothing, or to what no account can be called.
    #[error(
        "`organizations` must list names of organizations or users; leave it out where `{0}` is not to be confined"
    )]
    BadOrganizations(String),
    /// Twice the same.
    #[error("{what} stands here for the second time; `{first}` on line {line} has it already")]
    Twice { what: &'static str, first: String, line: usize },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    caller: Vec<Spanned<CallerTable>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CallerTable {
    name: Spanned<String>,
    scopes: Spanned<Vec<Spanned<String>>>,
    organizations: Option<Spanned<Vec<String>>>,
    #[serde(default)]
    keys: Vec<Spanned<String>>,
    certificate: Option<Spanned<String>>,
    jwt_subject: Option<Spanned<String>>,
}

impl Callers {
    /// Reads a caller file.
    ///
    /// # Errors
    /// When the text is no TOML, names a scope or field that there is none of, or one thing twice, or means nothing.
    pub fn parse(text: &str) -> Result<Self, CallerFileError> {
        let mut reader = Reader { text, seen: BTreeMap::new() };
        let file: File = toml::from_str(text).map_err(|error| {
            let problem = CallerFileProblem::Syntax(without_secrets(error.message()));
            reader.error(&error.span().unwrap_or_default(), problem)
        })?;
        if file.caller.is_empty() {
            return Err(reader.error(&(0..0), CallerFileProblem::Empty));
        }
        let mut callers = Self::default();
        for table in file.caller {
            reader.caller(table, &mut callers)?;
        }
        Ok(callers)
    }
}

struct Reader<'a> {
    text: &'a str,
    /// What stood in the file already: in which role, and for which caller, on which line.
    seen: BTreeMap<(&'static str, String), (String, usize)>,
}

impl Reader<'_> {
    fn caller(&mut self, table: Spanned<CallerTable>, callers: &mut Callers) -> Result<(), CallerFileError> {
        let header = table.span();
        let table = table.into_inner();
        let name = table.name.get_ref().clone();
        if !is_name(&name) {
            return Err(self.error(&table.name.span(), CallerFileProblem::BadName));
        }
        self.only_once("the name", &name, &name, &table.name.span())?;
        let scopes = self.scopes(&name, table.scopes)?;
        let bounds = table.organizations.map(|names| self.bounds(&name, &names)).transpose()?;
        if table.keys.is_empty() && table.certificate.is_none() && table.jwt_subject.is_none() {
            return Err(self.error(&header, CallerFileProblem::Unknowable(name)));
        }
        let caller = Caller(Arc::new(Entry { name: name.clone(), scopes, bounds }));
        for entry in table.keys {
            let span = entry.span();
            let parsed = keys::parse_entry(entry.get_ref());
            let (id, hash) = parsed.ok_or_else(|| self.error(&span, CallerFileProblem::BadKey(name.clone())))?;
            self.only_once("the key", id, &name, &span)?;
            callers.by_key.insert(id.to_owned(), (hash, caller.clone()));
        }
        if let Some(certificate) = table.certificate {
            let wanted = self.certificate(&certificate)?;
            self.only_once("the certificate's name", &wanted, &name, &certificate.span())?;
            callers.by_certificate.insert(wanted, caller.clone());
        }
        if let Some(subject) = table.jwt_subject {
            if subject.get_ref().is_empty() {
                return Err(self.error(&subject.span(), CallerFileProblem::BadSubject));
            }
            self.only_once("the subject", subject.get_ref(), &name, &subject.span())?;
            callers.by_subject.insert(subject.into_inner(), caller);
        }
        callers.count += 1;
        Ok(())
    }

    fn scopes(&self, name: &str, listed: Spanned<Vec<Spanned<String>>>) -> Result<Scopes, CallerFileError> {
        let span = listed.span();
        let mut scopes = Scopes::default();
        for text in listed.into_inner() {
            let scope = Scope::parse(text.get_ref());
            let unknown = || CallerFileProblem::UnknownScope(without_secrets(text.get_ref()));
            scopes.add(scope.ok_or_else(|| self.error(&text.span(), unknown()))?);
        }
        if scopes == Scopes::default() {
            return Err(self.error(&span, CallerFileProblem::NoScope(name.to_owned())));
        }
        Ok(scopes)
    }

    fn bounds(&self, name: &str, listed: &Spanned<Vec<String>>) -> Result<Bounds, CallerFileError> {
        let accounts = listed.get_ref().iter().map(|account| Username::parse(account).map(|account| account.key()));
        let accounts: Vec<_> = accounts.collect::<Result<_, _>>().unwrap_or_default();
        if accounts.is_empty() {
            return Err(self.error(&listed.span(), CallerFileProblem::BadOrganizations(name.to_owned())));
        }
        Ok(Bounds::new(accounts))
    }

    /// What a certificate's names are compared with: a URI as it is, a DNS name in lower case.
    fn certificate(&self, wanted: &Spanned<String>) -> Result<String, CallerFileError> {
        let text = wanted.get_ref();
        let is_uri = text.contains("://");
        let in_dns = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-' || byte == b'_';
        let fits = is_uri || (!text.is_empty() && text.bytes().all(in_dns));
        if !fits {
            return Err(self.error(&wanted.span(), CallerFileProblem::BadCertificate));
        }
        Ok(if is_uri { text.clone() } else { text.to_ascii_lowercase() })
    }

    fn only_once(
        &mut self,
        what: &'static str,
        text: &str,
        caller: &str,
        at: &Range<usize>,
    ) -> Result<(), CallerFileError> {
        let line = self.line(at);
        match self.seen.insert((what, text.to_owned()), (caller.to_owned(), line)) {
            None => Ok(()),
            Some((first, line)) => Err(self.error(at, CallerFileProblem::Twice { what, first, line })),
        }
    }

    fn line(&self, at: &Range<usize>) -> usize {
        let before = self.text.bytes().take(at.start);
        before.filter(|byte| *byte == b'\n').count().saturating_add(1)
    }

    fn error(&self, at: &Range<usize>, problem: CallerFileProblem) -> CallerFileError {
        CallerFileError { line: self.line(at), problem }
    }
}

/// What the parser says, unless it repeats what may be a key.
fn without_secrets(message: &str) -> String {
    let secret = keys::is_key(message) || message.contains("rolegate_");
    if secret { "is not of the expected shape".to_owned() } else { message.chars().take(200).collect() }
}

fn is_name(name: &str) -> bool {
    let in_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(in_name)
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
