//! Bearer keys: `rolegate_<id>_<secret>`. Only a hash of one is kept.
//!
//! The secret has 256 bits of randomness, so nobody finds it by trying, and a quick hash does: a slow one protects what people
//! think of. The id is no secret; it tells keys apart in the file, and finds the hash to compare with.

use blake3::Hash;

const PREFIX: &str = "rolegate_";
const ID_BYTES: usize = 4;
const SECRET_BYTES: usize = 32;

/// A new key. It shows itself nowhere but where it is asked to.
pub struct NewKey {
    id: String,
    secret: String,
}

impl NewKey {
    /// A key out of random bytes.
    pub fn from_random(id: [u8; ID_BYTES], secret: [u8; SECRET_BYTES]) -> Self {
        Self { id: hex(&id), secret: hex(&secret) }
    }

    /// The key itself: what the caller presents, to be shown once.
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}_{}", self.id, self.secret)
    }

    /// What stands for it in the caller file.
    pub fn entry(&self) -> String {
        format!("{}:{}", self.id, hash(&self.reveal()))
    }
}

/// Whether a bearer token is, or is meant to be, a key.
pub fn is_key(token: &str) -> bool {
    token.starts_with(PREFIX)
}

/// The id in a key.
pub(super) fn id(key: &str) -> Option<&str> {
    key.strip_prefix(PREFIX)?.split_once('_').map(|(id, _)| id)
}

/// The hash of a key, whose `==` takes the same time whatever it is compared with.
pub(super) fn hash(key: &str) -> Hash {
    blake3::hash(key.as_bytes())
}

/// Reads `<id>:<hash>`.
pub(super) fn parse_entry(entry: &str) -> Option<(&str, Hash)> {
    let (id, hash) = entry.split_once(':')?;
    let is_id =
        id.len() == 2 * ID_BYTES && id.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    is_id.then_some((id, Hash::from_hex(hash).ok()?))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_by_its_entry_and_the_entry_does_not_hold_it() {
        let key = NewKey::from_random([1, 2, 3, 4], [7; 32]);
        let (shown, entry) = (key.reveal(), key.entry());
        let (found, kept) = parse_entry(&entry).unwrap();
        assert_eq!((id(&shown), kept), (Some(found), hash(&shown)));
        assert!(!entry.contains("0707"), "{entry}");
        assert!(is_key(&shown));
    }

    #[test]
    fn what_is_no_entry_is_none() {
        let hash = "0".repeat(64);
        for bad in ["", "01020304", ":", &format!("0102030:{hash}"), &format!("0102030X:{hash}"), "01020304:00"] {
            assert!(parse_entry(bad).is_none(), "{bad}");
        }
    }
}
