//! Any text as a revision or a page token: what is taken is what we gave, to the last bit.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rolegate::grpc::fuzzing;

fuzz_target!(|text: &str| {
    if let Some(again) = fuzzing::reread_revision(text) {
        assert_eq!(again, text, "two texts are one revision");
    }
    // the first line is the request, the rest the token; nobody knows the secret, so what opens was sealed here
    let (request, token) = text.split_once('\n').unwrap_or(("", text));
    assert!(fuzzing::open_page(*b"a secret of test", &[request], token).is_none(), "a token of nobody's opens");
    let sealed = fuzzing::seal_page(*b"a secret of test", &[request], token);
    assert_eq!(fuzzing::open_page(*b"a secret of test", &[request], &sealed).as_deref(), Some(token));
    assert!(fuzzing::open_page(*b"a secret of test", &[request, ""], &sealed).is_none(), "another request opens it");
    assert!(fuzzing::open_page(*b"another of tests", &[request], &sealed).is_none(), "another secret opens it");
});
