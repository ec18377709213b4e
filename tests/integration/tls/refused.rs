//! What is not talked to, and what is said then; and what is let pass because somebody says so.

use std::os::unix::fs::PermissionsExt as _;

use super::server::{HOST, HOSTSSL, Secured, migrate, said};
use crate::support::binary::{Process, run};
use crate::support::pki::Authority;

const HOST_IN_THE_CLEAR: &str = "hostnossl all all 127.0.0.0/8 scram-sha-256";

/// Asserts that a migration by this URL fails, and says that.
async fn refused(url: &str, parts: &[&str]) {
    let (done, said) = migrate(url).await;
    assert!(!done, "{said}");
    assert!(parts.iter().all(|part| said.contains(part)), "{parts:?}: {said}");
}

/// Asserts that a migration by this URL is done.
async fn taken(url: &str) {
    let (done, said) = migrate(url).await;
    assert!(done, "{said}");
}

#[tokio::test]
async fn each_mode_verifies_what_it_says_and_no_less() {
    let secured = Secured::start(HOSTSSL).await;
    let (root, other) = (secured.root(), secured.file("other.pem", &Authority::new("others").pem));
    // of the same name, with another key
    let forged = secured.file("forged.pem", &Authority::new("databases").pem);
    for parameters in ["", "sslmode=prefer", "sslmode=require", "sslmode=require&channel_binding=require"] {
        taken(&secured.url(parameters)).await;
    }
    for mode in ["sslmode=verify-ca&", "sslmode=verify-full&", "sslmode=require&", "sslmode=prefer&", ""] {
        taken(&secured.url(&format!("{mode}sslrootcert={root}"))).await;
        for wrong in [&other, &forged] {
            let url = secured.url(&format!("{mode}sslrootcert={wrong}"));
            refused(&url, &[HOST, "signed by no CA that is trusted", "sslrootcert"]).await;
        }
    }
    taken(&secured.url_as("elsewhere", &format!("sslmode=verify-ca&sslrootcert={root}"))).await;
    for mode in ["sslmode=verify-full&", ""] {
        let url = secured.url_as("elsewhere", &format!("{mode}sslrootcert={root}"));
        refused(&url, &["is for db.internal, not for elsewhere", "verify-ca"]).await;
    }
    // without a name it is the address that the certificate would have to be for
    let nameless = secured.url_as("", &format!("sslmode=verify-full&sslrootcert={root}"));
    refused(&nameless, &[&format!("not for {}", secured.address)]).await;
    taken(&secured.url_as("", &format!("sslmode=verify-ca&sslrootcert={root}"))).await;
    refused(&secured.url("sslmode=disable"), &["no encryption", "under TLS alone", "verify-full"]).await;
}

#[tokio::test]
async fn a_certificate_that_is_no_good_is_refused_with_what_is_wrong_with_it() {
    let authority = Authority::new("databases");
    let past = authority.certify_until(&[HOST], 1_600_000_000);
    let secured = Secured::start_with(authority, &past, HOSTSSL).await;
    let url = secured.url(&format!("sslmode=verify-full&sslrootcert={}", secured.root()));
    refused(&url, &["expired on 2020-09-13", "give the server a new one"]).await;
    taken(&secured.url("sslmode=require")).await;
    secured.show(&secured.authority.certify(&[])).await;
    secured.restart().await;
    refused(&url, &["names no host as a subjectAltName"]).await;
}

#[tokio::test]
async fn a_server_without_tls_is_refused_unless_that_is_allowed() {
    let plain = Secured::plain(Authority::new("databases"), "host all all 127.0.0.0/8 scram-sha-256").await;
    let verified = format!("sslmode=verify-full&sslrootcert={}", plain.root());
    for parameters in ["sslmode=require", &verified] {
        refused(&plain.url(parameters), &["offers no TLS", "ssl = on", "sslmode=disable"]).await;
    }
    refused(&plain.url("channel_binding=require"), &["channel binding"]).await;
    for parameters in ["", "sslmode=prefer", "sslmode=disable"] {
        taken(&plain.url(parameters)).await;
    }
}

#[tokio::test]
async fn what_begins_under_tls_is_not_begun_again_in_the_clear() {
    let secured = Secured::start(HOST_IN_THE_CLEAR).await;
    refused(&secured.url("sslmode=prefer"), &["SSL encryption", "in the clear alone", "sslmode=disable"]).await;
    taken(&secured.url("sslmode=disable")).await;
}

#[tokio::test]
async fn a_server_that_asks_for_a_certificate_is_shown_one() {
    let authority = Authority::new("databases");
    let certified = authority.certify(&[HOST]);
    let secured = Secured::plain(authority, "hostssl all all 127.0.0.0/8 cert").await;
    secured.show(&certified).await;
    let clients = Authority::new("clients");
    let trusted = secured.node.write("clients.pem", &clients.pem);
    secured.node.set("ssl_ca_file", &trusted).await;
    secured.node.set("ssl", "on").await;
    secured.restart().await;

    let verified = format!("sslmode=verify-full&sslrootcert={}", secured.root());
    let by = |name: &str, authority: &Authority| {
        let own = authority.certify_user("rolegate");
        let certificate = secured.file(&format!("{name}.pem"), &own.certificate);
        let key = secured.file(&format!("{name}.key"), &own.key);
        (format!("{verified}&sslcert={certificate}&sslkey={key}"), key)
    };
    let (right, key) = by("own", &clients);
    taken(&secured.url(&right)).await;
    refused(&secured.url(&verified), &["valid client certificate"]).await;
    refused(&secured.url(&by("strange", &Authority::new("strangers")).0), &["sslcert", "log"]).await;
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    refused(&secured.url(&right), &["--database-url: sslkey", "chmod 600"]).await;
    refused(&secured.url(&format!("{verified}&sslkey={key}")), &["name both"]).await;
}

#[tokio::test]
async fn files_that_can_not_be_used_are_refused_before_anything_is_begun() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.pem");
    std::fs::write(&broken, "no certificate").unwrap();
    let broken = broken.to_str().unwrap();
    let url = |file: &str| format!("postgresql://rolegate:secret@db.internal/rolegate?sslrootcert={file}");
    for (file, part) in [("/nowhere/root.pem", "name a file that rolegate may read"), (broken, "holds no certificate")]
    {
        for flag in ["--database-url", "--read-url"] {
            let mut flags = vec!["serve", "--listen", "127.0.0.1:0", flag];
            let (url, fine) = (url(file), "postgresql://rolegate:secret@db.internal/rolegate");
            flags.push(&url);
            if flag == "--read-url" {
                flags.extend(["--database-url", fine]);
            }
            let output = run(&flags).await;
            let (_, text) = said(&output);
            assert_eq!(output.status.code(), Some(2), "{text}");
            assert!(text.contains(flag) && text.contains("sslrootcert") && text.contains(part), "{text}");
            assert!(!text.contains("secret"), "{text}");
        }
    }
}

#[tokio::test]
async fn a_way_that_others_may_be_on_is_said_at_the_start() {
    // nobody is there; what is said is said before
    for (parameters, part) in [
        ("", "verify-full"),
        ("?sslmode=require", "nobody verifies"),
        ("?sslmode=prefer", "in the clear"),
        ("?sslmode=disable", "reads the password"),
    ] {
        let url = format!("postgresql://rolegate:secret@db.invalid/rolegate{parameters}");
        let log = Process::start("serve", &["--database-url", &url]).await.errors();
        assert!(log.contains("INSECURE") && log.contains(part), "{log}");
        assert!(!log.contains("secret"), "{log}");
    }
}
