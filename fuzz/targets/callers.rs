//! Any text as a caller file: refused with a line that it has, without repeating a key, or callers who are just what the file
//! says. What begins with a brace is no caller file, and is taken as the two halves of a signed token, or as keys.

#![no_main]

use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use rolegate::callers::keys::NewKey;
use rolegate::callers::tokens::{TokenKeys, TokenRules};
use rolegate::callers::{CallerFileProblem, Callers, Scope};
use serde_json::{Value, json};
use toml::Table;

fuzz_target!(|text: &str| {
    if text.starts_with('{') {
        let (header, claims) = text.split_once('\n').unwrap_or((text, text));
        tokens(header, claims);
        return;
    }
    match Callers::parse(text) {
        Ok(callers) => {
            listed(text, &callers);
            with_one_more(text, &callers);
        }
        Err(error) => {
            assert!((1..=text.split('\n').count()).contains(&error.line), "a line that is not there: {error}");
            let said = error.problem.to_string();
            let in_key = |letter: &char| letter.is_ascii_alphanumeric() || *letter == '_';
            // the name of a caller may begin as a key does, but is not as long as one
            let keys = said.match_indices("rolegate_").map(|(at, _)| said[at..].chars().take_while(in_key).count());
            assert!(!said.is_empty() && keys.max() <= Some(64), "a key is repeated: {said}");
        }
    }
});

/// The file as another reader sees it: every caller is found by all that makes it known, and may what is listed, no more.
fn listed(text: &str, callers: &Callers) {
    let file: Table = toml::from_str(text).unwrap();
    let tables = file["caller"].as_array().unwrap();
    assert_eq!(callers.count(), tables.len());
    assert!(callers.count() > 0, "a file without a caller");
    for table in tables {
        let text = |field: &str| table.get(field).map(|value| value.as_str().unwrap());
        let texts = |field: &str| {
            let values = table.get(field).map(|values| values.as_array().unwrap().as_slice()).unwrap_or_default();
            values.iter().map(|value| value.as_str().unwrap()).collect::<Vec<_>>()
        };
        let (name, scopes) = (text("name").unwrap(), texts("scopes"));
        assert!(!scopes.is_empty(), "a caller that may nothing");
        assert!((1..=64).contains(&name.len()) && !name.contains(char::is_whitespace), "{name:?}");

        let by_certificate = text("certificate").map(|certificate| {
            let folded = certificate.to_ascii_lowercase();
            assert!(callers.need_certificates() && !certificate.is_empty() && certificate != "*", "{certificate:?}");
            callers.by_certificate([if certificate.contains("://") { certificate } else { &folded }]).unwrap()
        });
        let by_subject = text("jwt_subject").map(|subject| {
            assert!(callers.need_tokens() && !subject.is_empty(), "a token without a subject is known");
            callers.by_subject(subject).unwrap()
        });
        for caller in [by_certificate, by_subject].into_iter().flatten() {
            assert_eq!(caller.name(), name);
            for scope in Scope::ALL {
                let includes = *scope == Scope::Write && scopes.contains(&"admin");
                assert_eq!(caller.may(*scope), includes || scopes.contains(&scope.name()), "{name}: {scope:?}");
            }
            let confined = table.get("organizations").map(|_| texts("organizations").len());
            assert_eq!(caller.confined_to().map(<[_]>::len), confined, "{name} is not confined as it is listed");
            assert_ne!(confined, Some(0), "{name} is confined to nothing");
        }
        // what the file holds opens nothing: it may be read by more people than the keys
        let known_by_key = by_certificate.is_none() && by_subject.is_none();
        assert!(!known_by_key || !texts("keys").is_empty(), "nothing makes {name} known");
        for shown in texts("keys").into_iter().chain([name]) {
            assert!(callers.by_key(shown).is_none() && callers.by_key(&format!("rolegate_{shown}")).is_none());
        }
    }
}

/// A caller with a key of ours behind all others is found by that key alone, and the others are still there.
fn with_one_more(text: &str, callers: &Callers) {
    let byte = |place: usize| text.as_bytes().get(place).copied().unwrap_or_default();
    let key = NewKey::from_random(std::array::from_fn(byte), std::array::from_fn(|place| byte(place + 4)));
    let entry = key.entry();
    let one_more = format!("{text}\n[[caller]]\nname = \"one-more\"\nscopes = [\"check\"]\nkeys = [\"{entry}\"]\n");
    let more = match Callers::parse(&one_more) {
        Ok(more) => more,
        // `caller = […]` can't be added to; or there is such a caller
        Err(error) => {
            let of_these = matches!(error.problem, CallerFileProblem::Syntax(_) | CallerFileProblem::Twice { .. });
            return assert!(of_these, "{error}");
        }
    };
    assert_eq!(more.count(), callers.count() + 1);
    let key = key.reveal();
    assert_eq!(more.by_key(&key).map(|caller| caller.name()), Some("one-more"));
    assert!(callers.by_key(&key).is_none(), "a key opens that is not in the file");
    let mut forged = key.into_bytes();
    let place = "rolegate_01020304_".len() + usize::from(byte(0)) % 64;
    forged[place] = if forged[place] == b'0' { b'1' } else { b'0' };
    assert!(more.by_key(std::str::from_utf8(&forged).unwrap()).is_none(), "a forged key opens");
}

static PAIR: LazyLock<Ed25519KeyPair> = LazyLock::new(|| Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap());

static RULES: LazyLock<TokenRules> =
    LazyLock::new(|| TokenRules { issuer: "https://idp".to_owned(), audience: "rolegate".to_owned() });

static KEYS: LazyLock<TokenKeys> = LazyLock::new(|| {
    let public = URL_SAFE_NO_PAD.encode(PAIR.public_key());
    let key = json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": "one", "x": public });
    TokenKeys::parse(json!({ "keys": [key] }).to_string().as_bytes()).unwrap()
});

/// A token with that header and those claims, signed by the key that is trusted, and not signed: taken only if signed, and then
/// only if its claims, as another reader sees them, are for us and now.
fn tokens(header: &str, claims: &str) {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(PAIR.sign(signed.as_bytes())));
    assert!(KEYS.verify(&RULES, &format!("{signed}.")).is_err(), "a token that nobody signed is trusted");
    assert!(KEYS.verify(&RULES, &format!("{signed}.{}", "A".repeat(86))).is_err(), "a forged token is trusted");
    let _ = TokenKeys::parse(header.as_bytes()).map(|keys| keys.verify(&RULES, &token));
    let Ok(verified) = KEYS.verify(&RULES, &token) else { return };

    let [header, claims] = [header, claims].map(|part| serde_json::from_str::<Value>(part).unwrap());
    assert_eq!(header["alg"], "EdDSA", "{header}");
    assert!(header.get("crit").is_none_or(Value::is_null), "{header}");
    assert!(header.get("kid").is_none_or(|id| id.is_null() || id == "one"), "{header}");
    assert_eq!(claims["iss"], "https://idp", "{claims}");
    let audience = |value: &Value| value == "rolegate";
    assert!(
        audience(&claims["aud"]) || claims["aud"].as_array().is_some_and(|all| all.iter().any(audience)),
        "{claims}"
    );
    assert_eq!(claims["sub"], verified.subject, "{claims}");
    assert!(!verified.subject.is_empty(), "{claims}");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    assert!(claims["exp"].as_f64().unwrap() > now - 31.0, "a token of the past is trusted: {claims}");
    assert!(claims.get("nbf").and_then(Value::as_f64).is_none_or(|from| from < now + 31.0), "{claims}");
}
