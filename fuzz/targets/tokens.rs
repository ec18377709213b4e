//! Any text as a revision, a page token or a place in the log: what is taken is what we gave, to the last bit.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rolegate::domain::change::LogKey;
use rolegate::grpc::fuzzing;

const SECRET: [u8; 16] = *b"a secret of test";

fuzz_target!(|text: &str| {
    revisions(text);
    pages(text);
    if let Some(key) = LogKey::parse(text) {
        assert_eq!(LogKey::parse(&key.to_string()), Some(key), "a place in the log is read as another");
    }
});

fn revisions(text: &str) {
    if let Some(again) = fuzzing::reread_revision(text) {
        assert_eq!(again, text, "two texts are one revision");
    }
    let Some((history, rest)) = text.as_bytes().split_first_chunk() else { return };
    let Some((revision, rest)) = rest.split_first_chunk() else { return };
    let revision = i64::from_be_bytes(*revision) & i64::MAX;
    let written = fuzzing::write_revision(u64::from_be_bytes(*history), revision);
    assert_eq!(fuzzing::reread_revision(&written).as_ref(), Some(&written), "a revision of ours is refused");
    let Some(place) = rest.first() else { return };
    let mut mistyped = written.into_bytes();
    let place = usize::from(*place) % mistyped.len();
    mistyped[place] = if mistyped[place] == b'A' { b'B' } else { b'A' };
    let mistyped = String::from_utf8(mistyped).unwrap();
    assert_eq!(fuzzing::reread_revision(&mistyped), None, "a mistyped revision is taken");
}

/// The first line is the request, the rest the token; nobody knows the secret, so what opens was sealed here.
fn pages(text: &str) {
    let (request, token) = text.split_once('\n').unwrap_or(("", text));
    assert!(fuzzing::open_page(SECRET, &[request], token).is_none(), "a token of nobody's opens");
    let sealed = fuzzing::seal_page(SECRET, &[request], token);
    assert_eq!(fuzzing::open_page(SECRET, &[request], &sealed).as_deref(), Some(token));
    assert!(fuzzing::open_page(SECRET, &[request, ""], &sealed).is_none(), "another request opens it");
    assert!(fuzzing::open_page(*b"another of tests", &[request], &sealed).is_none(), "another secret opens it");
    let mut cut = sealed;
    cut.pop();
    assert!(fuzzing::open_page(SECRET, &[request], &cut).is_none(), "a token that was cut off opens");
}
