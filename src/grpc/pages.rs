//! Pages of lists: their size, and the tokens that lead from one to the next, sealed and bound to their request.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tonic::Status;

use super::errors;
use crate::access;
use crate::membership::Page;

const DEFAULT_SIZE: i32 = 50;
const LARGEST_SIZE: i32 = 1_000;
const SEAL_BYTES: usize = 16;

/// Seals page tokens, so that only ours are taken, each for its own request.
pub(super) struct Seal {
    key: [u8; 32],
}

/// A list request: where it goes on, and what its tokens are bound to.
pub(super) struct Paging<'a> {
    seal: &'a Seal,
    request: Vec<&'a str>,
    after: String,
    size: usize,
}

impl Seal {
    pub(super) fn new(secret: [u8; 16]) -> Self {
        Self { key: blake3::derive_key("rolegate 2026 page tokens", &secret) }
    }

    fn sign(&self, request: &[&str], after: &str) -> [u8; SEAL_BYTES] {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        for part in request.iter().chain([&after]) {
            // with its length, so that no two requests read the same
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        let mut seal = [0; SEAL_BYTES];
        hasher.finalize_xof().fill(&mut seal);
        seal
    }

    /// Seals what the page before ended with, for that request.
    pub(super) fn seal(&self, request: &[&str], after: &str) -> String {
        let mut token = self.sign(request, after).to_vec();
        token.extend_from_slice(after.as_bytes());
        URL_SAFE_NO_PAD.encode(token)
    }

    /// What was sealed for that request; `None` where it was not.
    pub(super) fn open(&self, request: &[&str], token: &str) -> Option<String> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (seal, after) = bytes.split_first_chunk::<SEAL_BYTES>()?;
        let after = std::str::from_utf8(after).ok()?;
        (*seal == self.sign(request, after)).then(|| after.to_owned())
    }
}

impl<'a> Paging<'a> {
    /// Reads the paging fields of a list request. `request` is all else that it says, its own name first.
    pub(super) fn new(seal: &'a Seal, request: Vec<&'a str>, size: i32, token: &str) -> Result<Self, Status> {
        let size = match size {
            0 => DEFAULT_SIZE,
            1..=LARGEST_SIZE => size,
            _ => return Err(errors::invalid_field("page_size", "must be between 1 and 1,000, or 0 for 50")),
        };
        let after = if token.is_empty() {
            String::new()
        } else {
            seal.open(&request, token).ok_or_else(errors::invalid_page_token)?
        };
        Ok(Self { seal, request, after, size: usize::try_from(size).unwrap_or_default() })
    }

    /// What to read: one more than the page holds, to learn whether there is another.
    pub(super) fn page(&self) -> Page<'_> {
        Page { after: &self.after, size: i64::try_from(self.size).unwrap_or(i64::MAX).saturating_add(1) }
    }

    /// Cuts what was read to the page, and makes the token for the next one.
    pub(super) fn cut<T>(&self, mut rows: Vec<T>, key: impl Fn(&T) -> String) -> (Vec<T>, String) {
        if rows.len() <= self.size {
            return (rows, String::new());
        }
        rows.truncate(self.size);
        let last = rows.last().map(key).unwrap_or_default();
        let token = self.token(&last);
        (rows, token)
    }

    /// A page of a list that knows by itself whether there is another; `key` reads what the page before wrote as its last.
    pub(super) fn filled<K>(&self, key: impl FnOnce(&str) -> Option<K>) -> Result<access::Page<K>, Status> {
        let last = self.after.split_once(' ').map(|(_, last)| key(last).ok_or_else(errors::invalid_page_token));
        Ok(access::Page { after: last.transpose()?, size: self.size })
    }

    /// The token for the page that comes after a key, in a list about what the names of the request stood for. Refuses a
    /// token that was given when they stood for something else.
    pub(super) fn go_on(&self, about: &str, next: Option<String>) -> Result<String, Status> {
        match self.after.split_once(' ') {
            Some((before, _)) if before != about => Err(errors::invalid_page_token()),
            _ => Ok(next.map(|last| self.token(&format!("{about} {last}"))).unwrap_or_default()),
        }
    }

    /// The token for the page that comes after a key.
    fn token(&self, after: &str) -> String {
        self.seal.seal(&self.request, after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_only_its_own_request() {
        let seal = Seal::new([7; 16]);
        let paging = Paging::new(&seal, vec!["users", "a", "bc"], 2, "").unwrap();
        let (rows, token) = paging.cut(vec!["ann", "bob", "cy"], ToString::to_string);
        assert_eq!(rows, ["ann", "bob"]);
        let next = Paging::new(&seal, vec!["users", "a", "bc"], 2, &token).unwrap();
        assert_eq!(next.page().after, "bob");
        assert!(Paging::new(&seal, vec!["users", "ab", "c"], 2, &token).is_err(), "glued fields differ");
        assert!(Paging::new(&Seal::new([8; 16]), vec!["users", "a", "bc"], 2, &token).is_err(), "another database");
        let mut bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            let changed = URL_SAFE_NO_PAD.encode(&bytes);
            assert!(Paging::new(&seal, vec!["users", "a", "bc"], 2, &changed).is_err(), "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn a_page_that_ends_the_list_has_no_token() {
        let seal = Seal::new([7; 16]);
        let paging = Paging::new(&seal, vec!["users"], 2, "").unwrap();
        assert_eq!(paging.cut(vec!["ann", "bob"], ToString::to_string).1, "");
        for size in [-1, 1_001] {
            assert!(Paging::new(&seal, vec!["users"], size, "").is_err());
        }
    }
}
