//! What is refused at start, by the real binary, with what mends it; and what is said where it is not.

use std::time::Duration;

use super::signing::{AUDIENCE, ISSUER, Signer, jwks};
use super::{Files, caller, chmod, keys_line, new_key};
use crate::support::binary::{Process, run, url};
use crate::support::fresh_database;
use crate::support::pki::Authority;

/// The files of a service that may start, and ones that can't be what they must be.
struct Papers {
    files: Files,
    callers: String,
    certificate: String,
    key: String,
    authority: String,
    jwks: String,
    empty: String,
    ca: Authority,
    secret: String,
}

impl Papers {
    fn new() -> Self {
        let (files, key, authority) = (Files::new(), new_key(), Authority::new("all"));
        let server = authority.certify(&["localhost"]);
        Self {
            callers: files.write("callers.toml", caller("map", &["check"], &keys_line(&[&key]))),
            certificate: files.write("server.pem", &server.certificate),
            key: files.write("server.key", &server.key),
            authority: files.write("clients.pem", &authority.pem),
            jwks: files.write("jwks.json", jwks(&[Signer::eddsa().jwk("key")])),
            empty: files.write("empty", "\n"),
            secret: key.reveal(),
            ca: authority,
            files,
        }
    }
}

/// Flags of starts that are refused, and what is said of each.
fn insecure_starts(papers: &Papers) -> Vec<(String, &'static [&'static str])> {
    let Papers { callers, certificate, key, authority, jwks, empty, .. } = &papers;
    let at = |name: &str, text: &str| papers.files.write(name, text);
    let other_key = at("other.key", &Authority::new("x").certify(&["localhost"]).key);
    let broken = at("broken.toml", "[[caller]]\nname = \"map\"\nscopes = [\"all\"]\n");
    let nobody = at("nobody.toml", "# nobody yet\n");
    let by_certificate = at("certificates.toml", &caller("map", &["check"], "certificate = \"map\""));
    let by_token = at("tokens.toml", &caller("map", &["check"], "jwt_subject = \"map\""));
    let pasted = at("pasted.toml", &caller("map", &["check"], &format!("keys = [\"{}\"]", papers.secret)));
    let secrets = at("secrets.json", "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"c2VjcmV0\"}]}");
    let (open_key, open_callers) = (at("open.key", &std::fs::read_to_string(key).unwrap()), at("open.toml", "x"));
    chmod(open_key.as_ref(), 0o644);
    chmod(open_callers.as_ref(), 0o644);
    let any = "0.0.0.0:0";
    let known = format!("--callers {callers}");
    let token = |jwks: &str, issuer: &str, audience: &str| {
        format!("{known} --jwt-jwks {jwks} --jwt-issuer {issuer} --jwt-audience {audience}")
    };
    let tls = |certificate: &str, key: &str| format!("{known} --tls-cert {certificate} --tls-key {key}");
    let mutual = |authority: &str| format!("{} --tls-client-ca {authority}", tls(certificate, key));
    // a word that is '' stands for nothing at all
    vec![
        (format!("--listen {any}"), &["--callers", "127.0.0.1", "--insecure"]),
        ("--listen [::]:0".to_owned(), &["--callers", "--insecure"]),
        (format!("--listen {any} --plaintext-behind-proxy"), &["--callers"]),
        (format!("--listen {any} {known}"), &["--tls-cert", "--plaintext-behind-proxy"]),
        ("--callers /nonexistent".to_owned(), &["--callers /nonexistent", "name a file"]),
        ("--callers ''".to_owned(), &["--callers"]),
        (format!("--callers {empty}"), &["--callers", "is empty"]),
        (format!("--callers {nobody}"), &["line 1", "[[caller]]"]),
        (format!("--callers {broken}"), &["line 3", "`all` is no scope"]),
        (format!("--callers {pasted}"), &["line 4", "rolegate key new map"]),
        (format!("--callers {open_callers}"), &["mode 644", "chmod 600"]),
        (format!("--callers {by_certificate}"), &["--tls-client-ca"]),
        (format!("--callers {by_token}"), &["--jwt-jwks"]),
        (format!("{known} --tls-cert {certificate}"), &["--tls-key"]),
        (format!("{known} --tls-client-ca {authority}"), &["--tls-cert"]),
        (mutual(authority).replace(&known, ""), &["--callers"]),
        (tls("/nonexistent", key), &["--tls-cert /nonexistent"]),
        (mutual(empty), &["--tls-client-ca", "is empty"]),
        (mutual(key), &["--tls-client-ca", "no certificate"]),
        (mutual("/nonexistent"), &["--tls-client-ca /nonexistent"]),
        (tls(empty, key), &["--tls-cert", "is empty"]),
        (tls(certificate, &other_key), &["--tls-key does not belong to --tls-cert"]),
        (tls(certificate, authority), &["--tls-key", "no private key"]),
        (tls(certificate, &open_key), &["mode 644", "chmod 600"]),
        (token(jwks, "''", AUDIENCE), &["--jwt-issuer", "not empty"]),
        (token(jwks, ISSUER, "''"), &["--jwt-audience", "not empty"]),
        (format!("{known} --jwt-jwks {jwks}"), &["--jwt-issuer"]),
        (format!("{known} --jwt-audience {AUDIENCE}"), &["--jwt-jwks"]),
        (token(jwks, ISSUER, AUDIENCE).replace(&known, ""), &["--callers"]),
        (token(&secrets, ISSUER, AUDIENCE), &["--jwt-jwks", "no key that signs"]),
        (token("http://idp.example/keys", ISSUER, AUDIENCE), &["https://", "--insecure"]),
    ]
}

/// Lists of revoked certificates that can't be used, and what is said of each.
fn unusable_lists(papers: &Papers) -> Vec<(String, &'static [&'static str])> {
    let Papers { callers, certificate, key, authority, empty, files, .. } = &papers;
    let (ever, past) = (u64::from(u32::MAX), 1_700_000_000);
    let list = files.write("crl.pem", papers.ca.revoke(&[], ever));
    let ended = files.write("ended.pem", papers.ca.revoke(&[], past));
    let foreign = files.write("foreign.pem", Authority::new("others").revoke(&[], ever));
    let forged = files.write("forged.pem", Authority::new("all").revoke(&[], ever));
    let tls = format!("--callers {callers} --tls-cert {certificate} --tls-key {key}");
    let by = |list: &str| format!("{tls} --tls-client-ca {authority} --tls-client-crl {list}");
    vec![
        (format!("{tls} --tls-client-crl {list}"), &["--tls-client-crl", "name --tls-client-ca"]),
        (by(&ended), &["--tls-client-crl", "ended at", "fetch the new one"]),
        (by(&foreign), &["holds no list", "CN=all", "add its list"]),
        (by(&forged), &["holds no list", "CN=all", "add its list"]),
        (by(authority), &["holds no list in PEM", "openssl crl"]),
        (by("/nonexistent"), &["--tls-client-crl /nonexistent", "name a file"]),
        (by(empty), &["--tls-client-crl", "is empty"]),
    ]
}

/// The same for files that are no secret, and that others may change.
fn changeable_starts(papers: &Papers) -> Vec<(String, &'static [&'static str])> {
    let Papers { callers, certificate, key, authority, jwks, .. } = &papers;
    let (tls, token) = (
        format!("--tls-cert {certificate} --tls-key {key}"),
        format!("--jwt-issuer {ISSUER} --jwt-audience {AUDIENCE}"),
    );
    let starts = [
        ("jwks", jwks, token, "--jwt-jwks", &["--jwt-jwks", "mode 666", "chmod 644"][..]),
        ("clients", authority, tls.clone(), "--tls-client-ca", &["--tls-client-ca", "mode 666", "chmod 644"][..]),
        ("server", certificate, format!("--tls-key {key}"), "--tls-cert", &["--tls-cert", "mode 666", "chmod 644"][..]),
    ];
    let start = |(name, paper, more, flag, parts): (&str, &String, String, &str, &'static [&'static str])| {
        let open = papers.files.write(&format!("{name}.open"), std::fs::read(paper).unwrap());
        chmod(open.as_ref(), 0o666);
        (format!("--callers {callers} {more} {flag} {open}"), parts)
    };
    starts.into_iter().map(start).collect()
}

#[tokio::test]
async fn what_is_not_secure_is_refused_at_start_with_what_mends_it() {
    let papers = Papers::new();
    let starts = insecure_starts(&papers).into_iter().chain(unusable_lists(&papers)).chain(changeable_starts(&papers));
    for (flags, parts) in starts {
        let words: Vec<&str> = flags.split_whitespace().map(|word| if word == "''" { "" } else { word }).collect();
        let ended = run(&[&["serve", "--data-dir", "/nonexistent/never"], words.as_slice()].concat()).await;
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(2), "{flags}: {said}");
        for part in parts {
            assert!(said.contains(part), "{flags} does not say {part}: {said}");
        }
        assert!(!said.contains("never") && !said.contains("panicked"), "nothing was begun: {said}");
        assert!(!said.contains(&papers.secret[18..]), "{flags} shows a key");
    }
}

#[tokio::test]
async fn a_public_address_without_callers_is_served_loudly_where_that_is_asked_for() {
    let database = url(&fresh_database().await);
    let process = Process::start("serve", &["--database-url", &database, "--listen", "0.0.0.0:0", "--insecure"]).await;
    let said = process.errors();
    assert!(said.contains("INSECURE") && said.contains("may do everything"), "{said}");
    process.signal("TERM");
    assert_eq!(process.end(Duration::from_secs(60)).await.code(), Some(0));

    let papers = Papers::new();
    let flags = ["--database-url", &database, "--listen", "0.0.0.0:0", "--callers", &papers.callers];
    let process = Process::start("serve", &[&flags[..], &["--plaintext-behind-proxy"]].concat()).await;
    assert!(!process.errors().contains("INSECURE"), "{}", process.errors());
    process.signal("TERM");
    assert_eq!(process.end(Duration::from_secs(60)).await.code(), Some(0));
}
