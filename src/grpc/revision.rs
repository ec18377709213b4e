//! Revisions as callers hold them: opaque, bound to one history of the database, and hard to mistype.

use std::cell::RefCell;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::ids::Revision;
use crate::view::Token;

thread_local! {
    /// What this thread wrote last: most answers are of the same place as the one before.
    static LAST: RefCell<Option<(Token, String)>> = const { RefCell::new(None) };
}

/// Writes a place in the log as callers get it.
pub(super) fn encode(token: Token) -> String {
    LAST.with_borrow_mut(|last| match last {
        Some((at, text)) if *at == token => text.clone(),
        _ => last.insert((token, text(token))).1.clone(),
    })
}

fn text(token: Token) -> String {
    let mut bytes = [0; 20];
    let (place, sum) = bytes.split_at_mut(16);
    let (history, revision) = place.split_at_mut(8);
    history.copy_from_slice(&token.history.to_be_bytes());
    revision.copy_from_slice(&token.revision.0.to_be_bytes());
    sum.copy_from_slice(&check(token));
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads what a caller holds; `None` where it is not ours.
pub(super) fn decode(text: &str) -> Option<Token> {
    let bytes: [u8; 20] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
    let (history, rest) = bytes.split_first_chunk()?;
    let (revision, sum) = rest.split_first_chunk()?;
    let revision = Revision(i64::from_be_bytes(*revision));
    let token = Token { history: u64::from_be_bytes(*history), revision };
    (sum == check(token) && revision.0 >= 0).then_some(token)
}

/// Tells a slip of the pen; it is no secret.
fn check(token: Token) -> [u8; 4] {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mixed = (token.history ^ token.revision.0.cast_unsigned().wrapping_mul(ODD)).wrapping_mul(ODD);
    ((mixed >> 32) as u32).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_comes_back_and_no_changed_bit_does() {
        let token = Token { history: 0xdead_beef_0102_0304, revision: Revision(77) };
        let text = encode(token);
        assert_eq!(decode(&text), Some(token));
        let next = Token { revision: Revision(78), ..token };
        assert_eq!(
            [encode(token), encode(next), encode(next)].map(|text| decode(&text)),
            [token, next, next].map(Some)
        );
        let bytes = URL_SAFE_NO_PAD.decode(&text).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode(&URL_SAFE_NO_PAD.encode(changed)), None, "bit {bit}");
        }
        assert_eq!(decode(""), None);
        assert_eq!(decode("77"), None);
    }
}
