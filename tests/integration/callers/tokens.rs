//! JSON Web Tokens: right, and wrong in each way there is.

use serde_json::{Value, json};

use super::signing::{AUDIENCE, ISSUER, Signer, claims, hs256, jwks, now, unsigned};
use super::{Files, assert_unknown, caller, check, until};
use crate::support::{Service, fresh_database};

const JOB: &str = "job@issuer";

async fn service(files: &Files, jwks: &str) -> Service {
    let callers = files.write("callers.toml", caller("job", &["check"], &format!("jwt_subject = \"{JOB}\"")));
    let jwks = files.write("jwks.json", jwks);
    let flags = ["--callers", &callers, "--jwt-jwks", &jwks, "--jwt-issuer", ISSUER, "--jwt-audience", AUDIENCE];
    Service::start_on(fresh_database().await, &flags).await
}

/// Claims with one of them changed; `null` takes it away.
fn but(name: &str, value: Value) -> Value {
    let mut claims = claims(JOB);
    match value {
        Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
        value => claims[name] = value,
    }
    claims
}

#[tokio::test]
async fn tokens_of_every_pinned_algorithm_let_in() {
    let signers = [Signer::es256(), Signer::eddsa(), Signer::rs256(), Signer::ps256()];
    let keys: Vec<Value> = signers.iter().map(|signer| signer.jwk(signer.algorithm())).collect();
    let files = Files::new();
    let service = service(&files, &jwks(&keys)).await;
    for signer in &signers {
        let token = signer.right(signer.algorithm(), JOB);
        for _ in 0..2 {
            check(&service, Some(&token)).await.unwrap_or_else(|status| panic!("{}: {status:?}", signer.algorithm()));
        }
        let stranger = signer.right(signer.algorithm(), "stranger");
        assert_unknown(check(&service, Some(&stranger)).await, "a subject that is not listed");
    }
    service.stop().await;
}

#[tokio::test]
async fn a_token_that_is_wrong_in_any_one_way_does_not() {
    let (signer, other, rsa) = (Signer::es256(), Signer::es256(), Signer::rs256());
    let secret = json!({ "kty": "oct", "kid": "secret", "k": "c2VjcmV0", "alg": "HS256" });
    let files = Files::new();
    let service = service(&files, &jwks(&[signer.jwk("es"), rsa.jwk("rsa"), secret])).await;
    let header = json!({ "alg": "ES256", "kid": "es" });
    let right = signer.token(&header, &claims(JOB));
    check(&service, Some(&right)).await.expect("the one that all others differ from");

    let mut wrong = wrong_in_what_it_says(&signer, &header);
    wrong.extend(wrong_in_how_it_is_signed(&signer, &other, &rsa, &header));
    wrong.extend(wrong_in_its_shape(&signer, &header, &right));
    for (what, token) in &wrong {
        assert_unknown(check(&service, Some(token)).await, what);
    }
    check(&service, Some(&right)).await.unwrap();
    check(&service, Some(&signer.token(&header, &but("aud", json!(["another", AUDIENCE])))))
        .await
        .expect("one of several");
    check(&service, Some(&signer.token(&header, &but("exp", json!(now() - 5)))))
        .await
        .expect("clocks may differ a little");
    service.stop().await;
}

#[tokio::test]
async fn a_token_that_was_taken_before_ends_at_its_end_and_with_its_key() {
    let (old, new, files) = (Signer::eddsa(), Signer::es256(), Files::new());
    let service = service(&files, &jwks(&[old.jwk("old")])).await;
    // it has ended, but for what clocks may differ by
    let token = old.token(&json!({ "alg": "EdDSA", "kid": "old" }), &but("exp", json!(now() - 25)));
    let begun = now();
    let answer = check(&service, Some(&token)).await;
    assert!(answer.is_ok() || now() > begun + 3, "{answer:?}");
    until("the end of the token", || check(&service, Some(&token)), Result::is_err).await;
    assert!(now() > begun + 3, "not before");

    let long = old.right("old", JOB);
    check(&service, Some(&long)).await.unwrap();
    files.write("jwks.json", "{}");
    files.write("jwks.json", jwks(&[new.jwk("new")]));
    let newer = new.right("new", JOB);
    until("the new key", || check(&service, Some(&newer)), Result::is_ok).await;
    assert_unknown(check(&service, Some(&long)).await, "a token of a key that was taken away");
    service.stop().await;
}

/// Signed as it should be, and not for us, or not for now, or nobody's.
fn wrong_in_what_it_says(signer: &Signer, header: &Value) -> Vec<(&'static str, String)> {
    let token = |claims: &Value| signer.token(header, claims);
    vec![
        ("another issuer", token(&but("iss", json!("https://issuer.test.evil")))),
        ("no issuer", token(&but("iss", Value::Null))),
        ("two issuers", token(&but("iss", json!([ISSUER, "https://evil"])))),
        ("another audience", token(&but("aud", json!("another")))),
        ("other audiences", token(&but("aud", json!(["another", "rolegate2"])))),
        ("no audience", token(&but("aud", Value::Null))),
        ("expired", token(&but("exp", json!(now() - 60)))),
        ("no end", token(&but("exp", Value::Null))),
        ("an end in words", token(&but("exp", json!("2099-01-01")))),
        ("an end that is a text", token(&but("exp", json!((now() + 300).to_string())))),
        ("not yet", token(&but("nbf", json!(now() + 600)))),
        ("a beginning in words", token(&but("nbf", json!("tomorrow")))),
        ("no subject", token(&but("sub", Value::Null))),
        ("an empty subject", token(&but("sub", json!("")))),
        ("a subject that is a number", token(&but("sub", json!(7)))),
    ]
}

/// It says what it should, and nobody who is trusted says so.
fn wrong_in_how_it_is_signed(
    signer: &Signer,
    other: &Signer,
    rsa: &Signer,
    header: &Value,
) -> Vec<(&'static str, String)> {
    let jwk = signer.jwk("es");
    let mut wrong = vec![
        ("another key under this id", other.token(header, &claims(JOB))),
        ("an unknown key", signer.token(&json!({ "alg": "ES256", "kid": "gone" }), &claims(JOB))),
        ("no key id, of two keys", signer.token(&json!({ "alg": "ES256" }), &claims(JOB))),
        ("not signed", unsigned(&json!({ "alg": "none", "kid": "es" }), &claims(JOB))),
        ("not signed, in capitals", unsigned(&json!({ "alg": "NONE", "kid": "es" }), &claims(JOB))),
        ("not signed, says otherwise", unsigned(header, &claims(JOB))),
        ("a shared secret of the JWKS", hs256(&json!({ "alg": "HS256", "kid": "secret" }), &claims(JOB), b"secret")),
        (
            "what must be understood",
            signer.token(&json!({ "alg": "ES256", "kid": "es", "crit": ["b64"] }), &claims(JOB)),
        ),
        ("another algorithm of its family", rsa.token(&json!({ "alg": "PS256", "kid": "rsa" }), &claims(JOB))),
        ("the algorithm of another key", signer.token(&json!({ "alg": "RS256", "kid": "es" }), &claims(JOB))),
        ("the key of another algorithm", rsa.token(&json!({ "alg": "ES256", "kid": "es" }), &claims(JOB))),
    ];
    // the public key, as anybody can have it, taken for a shared secret
    for secret in
        [jwk.to_string(), jwk["x"].as_str().unwrap().to_owned(), rsa.jwk("rsa")["n"].as_str().unwrap().to_owned()]
    {
        for id in ["es", "rsa"] {
            let header = json!({ "alg": "HS256", "kid": id });
            wrong.push(("a public key as a secret", hs256(&header, &claims(JOB), secret.as_bytes())));
        }
    }
    wrong
}

/// It is not what a token looks like, or has been changed.
fn wrong_in_its_shape(signer: &Signer, header: &Value, right: &str) -> Vec<(&'static str, String)> {
    let parts: Vec<&str> = right.split('.').collect();
    let mut wrong = Vec::new();
    let tampered = signer.token(header, &claims("root"));
    let tampered = format!("{}.{}.{}", parts[0], tampered.split('.').nth(1).unwrap(), parts[2]);
    wrong.push(("claims under the signature of others", tampered));
    wrong.push(("no signature", format!("{}.{}", parts[0], parts[1])));
    wrong.push(("more parts", format!("{right}.{}", parts[2])));
    wrong.push(("no parts", "nonsense".to_owned()));
    wrong.push(("a cut signature", right[..right.len() - 4].to_owned()));
    wrong.push(("too long", signer.token(header, &but("padding", json!("x".repeat(6_300))))));
    wrong
}
