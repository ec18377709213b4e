//! A way in for the fuzz targets, and for nobody else: built with `--cfg fuzzing` only.

use super::pages::Seal;
use super::revision;
use crate::domain::ids::Revision;
use crate::view::Token;

/// What was taken as a revision, written again.
pub fn reread_revision(text: &str) -> Option<String> {
    revision::decode(text).map(revision::encode)
}

/// A place in a history, as callers get it.
pub fn write_revision(history: u64, revision: i64) -> String {
    revision::encode(Token { history, revision: Revision(revision) })
}

/// What a page token holds.
pub fn open_page(secret: [u8; 16], request: &[&str], token: &str) -> Option<String> {
    Seal::new(secret).open(request, token)
}

/// A page token that holds that.
pub fn seal_page(secret: [u8; 16], request: &[&str], after: &str) -> String {
    Seal::new(secret).seal(request, after)
}
