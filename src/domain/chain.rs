//! The chain of the log: the hash of each write covers the write and the hash before it, so that none can be changed, taken
//! out or put in unseen. How it is encoded, and nothing of where it is kept. See `docs/adr/0014-chain.md`.

use std::fmt;

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::change::Change;
use super::ids::Revision;

/// The hash of a write, which stands for all of the log up to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Hash(pub [u8; 32]);

/// What a write was asked to do, by whom, and what it changed: the digest of it is taken before any lock.
#[derive(Debug, Clone, Copy)]
pub struct Content<'a> {
    /// What was asked for.
    pub operation: &'a str,
    /// On whose behalf.
    pub actor: Option<&'a str>,
    /// The service that asked.
    pub caller: Option<&'a str>,
    /// What it called its request.
    pub request_id: Option<&'a str>,
}

/// What a write gets as it is committed.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    /// Its number.
    pub revision: Revision,
    /// Its random id.
    pub id: Uuid,
    /// When, in microseconds after the year 2000, as PostgreSQL counts.
    pub committed_at: i64,
}

impl Content<'_> {
    /// The digest of a write with these changes, in the order in which they were made.
    pub fn digest(&self, changes: &[Change]) -> Hash {
        let mut encoding = Encoding::default();
        encoding.text(self.operation);
        [self.actor, self.caller, self.request_id].into_iter().for_each(|name| encoding.optional(name, Encoding::text));
        encoding.length(changes.len());
        for Change { object, name, subject, before, after } in changes {
            [object.name(), name, subject].into_iter().for_each(|text| encoding.text(text));
            [before, after].into_iter().for_each(|value| encoding.optional(value.as_ref(), Encoding::value));
        }
        Hash(Sha256::digest(encoding.0).into())
    }
}

impl Link {
    /// The hash of a write after one with that hash. The statement that appends to the log says the same in SQL.
    pub fn hash(&self, previous: Hash, content: Hash) -> Hash {
        let mut hash = Sha256::new();
        hash.update(previous.0);
        hash.update(self.revision.0.to_be_bytes());
        hash.update(self.id.as_bytes());
        hash.update(self.committed_at.to_be_bytes());
        hash.update(content.0);
        Hash(hash.finalize().into())
    }
}

/// Bytes from which what was put in can be read back in one way only: each thing says how long it is, or has one length.
#[derive(Default)]
struct Encoding(Vec<u8>);

impl Encoding {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn length(&mut self, length: usize) {
        self.bytes(&u64::try_from(length).unwrap_or(u64::MAX).to_be_bytes());
    }

    fn text(&mut self, text: &str) {
        self.length(text.len());
        self.bytes(text.as_bytes());
    }

    fn optional<T>(&mut self, value: Option<T>, encode: fn(&mut Self, T)) {
        self.bytes(&[u8::from(value.is_some())]);
        value.into_iter().for_each(|value| encode(self, value));
    }

    /// A record of the log. Its fields go by their names: PostgreSQL keeps no other order.
    fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.bytes(b"n"),
            Value::Bool(value) => self.bytes(if *value { b"t" } else { b"f" }),
            Value::Number(value) => self.tagged(b"#", &value.to_string()),
            Value::String(value) => self.tagged(b"\"", value),
            Value::Array(values) => {
                self.bytes(b"[");
                self.length(values.len());
                values.iter().for_each(|value| self.value(value));
            }
            Value::Object(fields) => {
                let mut fields: Vec<_> = fields.iter().collect();
                fields.sort_unstable_by_key(|(name, _)| *name);
                self.bytes(b"{");
                self.length(fields.len());
                for (name, value) in fields {
                    self.text(name);
                    self.value(value);
                }
            }
        }
    }

    fn tagged(&mut self, tag: &[u8], text: &str) {
        self.bytes(tag);
        self.text(text);
    }
}

impl Hash {
    /// Reads what [`Display`](fmt::Display) wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let mut hash = [0; 32];
        // digits only: a sign would be read as part of a number
        if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        for (byte, place) in hash.iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(text.get(place..place + 2)?, 16).ok()?;
        }
        Some(Self(hash))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::domain::change::Object;

    fn change(name: &str, subject: &str, before: Option<Value>, after: Option<Value>) -> Change {
        Change { object: Object::Member, name: name.to_owned(), subject: subject.to_owned(), before, after }
    }

    const PLAIN: Content<'_> = Content { operation: "add_member", actor: None, caller: None, request_id: None };

    #[test]
    fn what_differs_is_encoded_differently_wherever_its_parts_begin_and_end() {
        let some = Some("");
        let contents = [
            PLAIN,
            Content { operation: "add_membe", actor: Some("r"), ..PLAIN },
            Content { actor: some, ..PLAIN },
            Content { caller: some, ..PLAIN },
            Content { request_id: some, ..PLAIN },
            Content { actor: Some("a"), caller: Some("b"), ..PLAIN },
            Content { actor: Some("b"), caller: Some("a"), ..PLAIN },
            Content { actor: Some("ab"), caller: some, ..PLAIN },
            Content { caller: Some("ab"), actor: some, ..PLAIN },
        ];
        let one = |before, after| vec![change("acme", "bob", before, after)];
        let (first, second) = (change("acme", "bob", None, None), change("acme", "cyd", None, None));
        let changes = [
            vec![],
            one(None, None),
            one(Some(Value::Null), None),
            one(None, Some(Value::Null)),
            one(Some(json!("null")), None),
            one(Some(json!(false)), None),
            one(Some(json!(1)), None),
            one(Some(json!("1")), None),
            one(Some(json!([1])), None),
            one(Some(json!([[1]])), None),
            one(Some(json!([1, 1])), None),
            one(Some(json!([11])), None),
            one(Some(json!({})), None),
            one(Some(json!([])), None),
            one(Some(json!({"a": {"b": 1}})), None),
            one(Some(json!({"a": {}, "b": 1})), None),
            one(Some(json!({"ab": 1})), None),
            one(Some(json!({"a": "b"})), None),
            vec![change("acmeb", "ob", None, None)],
            vec![change("acm", "ebob", None, None)],
            vec![first.clone(), second.clone()],
            vec![second, first],
        ];
        let digests: BTreeSet<_> =
            contents.iter().flat_map(|content| changes.iter().map(|changes| content.digest(changes).0)).collect();
        assert_eq!(digests.len(), contents.len() * changes.len());
    }

    #[test]
    fn the_order_of_fields_which_the_database_does_not_keep_makes_no_difference() {
        let fields = |text: &str| vec![change("acme", "bob", None, Some(serde_json::from_str(text).unwrap()))];
        let (one, other) =
            (fields(r#"{"role": "admin", "public": true}"#), fields(r#"{"public":true,"role":"admin"}"#));
        assert_eq!(PLAIN.digest(&one), PLAIN.digest(&other));
    }

    #[test]
    fn each_part_of_a_link_counts() {
        let link = Link { revision: Revision(1), id: Uuid::from_u128(1), committed_at: 1 };
        let (previous, content) = (Hash([1; 32]), Hash([2; 32]));
        let hashes = [
            link.hash(previous, content),
            link.hash(content, previous),
            Link { revision: Revision(2), ..link }.hash(previous, content),
            Link { id: Uuid::from_u128(2), ..link }.hash(previous, content),
            Link { committed_at: 2, ..link }.hash(previous, content),
        ];
        assert_eq!(hashes.iter().map(|hash| hash.0).collect::<BTreeSet<_>>().len(), hashes.len());
    }

    #[test]
    fn a_hash_is_read_as_it_was_written_and_nothing_else_is_read() {
        let hash = Hash(std::array::from_fn(|place| u8::try_from(place * 8).unwrap()));
        let text = hash.to_string();
        assert_eq!(Hash::parse(&text), Some(hash));
        let signed = text.replacen("00", "+0", 1);
        for other in
            ["", &text[1..], &format!("{text}0"), &text.replacen('0', "g", 1), &text.replacen("00", "é", 1), &signed]
        {
            assert_eq!(Hash::parse(other), None, "{other}");
        }
    }
}
