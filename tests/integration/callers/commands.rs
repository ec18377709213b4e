//! The command line as a client that says who it is, `rolegate key`, and that no secret is shown anywhere.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use super::{Files, caller, chmod, keys_line, new_key};
use crate::support::binary::{Process, run, url};
use crate::support::fresh_database;
use crate::support::pki::Authority;

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_key_that_is_made_lets_in_and_is_shown_nowhere_else() {
    let (files, authority) = (Files::new(), Authority::new("servers"));
    let key_file = files.path("map.key");
    let made = run(&["key", "new", "map", "--output", key_file.to_str().unwrap()]).await;
    let lines = String::from_utf8(made.stdout).unwrap();
    assert!(made.status.success() && lines.contains("[[caller]]") && lines.contains("name = \"map\""), "{lines}");
    let key = fs::read_to_string(&key_file).unwrap().trim().to_owned();
    assert_eq!(fs::metadata(&key_file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(key.len() >= 9 + 64 && !lines.contains(&key), "the file has the key, and the lines do not");
    let again = run(&["key", "new", "map", "--output", key_file.to_str().unwrap()]).await;
    assert_eq!(again.status.code(), Some(2), "a key is not written over");
    let shown = String::from_utf8(run(&["key", "new", "map"]).await.stdout).unwrap();
    let shown = shown.lines().find(|line| line.starts_with("rolegate_")).unwrap().to_owned();
    assert!(shown.len() == key.len() && shown != key);
    assert_eq!(run(&["key", "new", "no name"]).await.status.code(), Some(2));

    let callers = files.write("callers.toml", lines);
    let server = authority.certify(&["localhost"]);
    let (certificate, private) =
        (files.write("server.pem", &server.certificate), files.write("server.key", &server.key));
    let database = url(&fresh_database().await);
    let flags = ["--database-url", &database, "--callers", &callers, "--tls-cert", &certificate, "--tls-key", &private];
    let environment = [("ROLEGATE_LOG", "trace".to_owned())];
    let process = Process::start_with("serve", &flags, &environment).await;
    let (address, ca) = (format!("localhost:{}", process.address.port()), files.write("ca.pem", &authority.pem));
    let key_file = key_file.to_str().unwrap().to_owned();
    let at = ["--server", &address, "--tls-ca", &ca];
    let ask = async |more: &[&str]| run(&[&["check", "ann", "ann/none", "view_project"], &at[..], more].concat()).await;
    let begun = std::time::Instant::now();
    while run(&[&["health"], &at[..]].concat()).await.status.code() != Some(0) {
        assert!(begun.elapsed() < PATIENCE, "{}", process.errors());
    }
    assert_eq!(ask(&["--key-file", &key_file]).await.status.code(), Some(1), "an answer");
    let nobody = ask(&[]).await;
    assert_eq!(nobody.status.code(), Some(2), "no key is no denial");
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("CALLER_UNKNOWN"), "{nobody:?}");
    let replicas = run(&[&["replicas", "--key-file", &key_file], &at[..]].concat()).await;
    assert!(String::from_utf8_lossy(&replicas.stderr).contains("SCOPE_MISSING"), "{replicas:?}");
    let wrong = files.write("wrong.key", new_key().reveal());
    let refused = ask(&["--key-file", &wrong]).await;
    chmod(wrong.as_ref(), 0o644);
    let open = ask(&["--key-file", &wrong]).await;
    assert!(String::from_utf8_lossy(&open.stderr).contains("chmod 600"), "{open:?}");

    let command_line = fs::read_to_string(format!("/proc/{}/cmdline", process.id())).unwrap();
    let secret = &key[18..];
    let said = [nobody, refused, open, replicas].map(|output| format!("{output:?}")).join("\n");
    process.signal("TERM");
    let errors = process.errors_at_the_end(PATIENCE).await;
    assert!(errors.contains("refused a caller"), "the log says that somebody was refused");
    for text in [&errors, &command_line, &said] {
        assert!(!text.contains(secret) && !text.contains("PRIVATE KEY"), "a secret is shown");
    }
}

#[tokio::test]
async fn a_client_shows_its_certificate_where_one_is_asked_for() {
    let (files, servers, clients) = (Files::new(), Authority::new("servers"), Authority::new("clients"));
    let server = servers.certify(&["localhost"]);
    let (certificate, private) =
        (files.write("server.pem", &server.certificate), files.write("server.key", &server.key));
    let client_ca = files.write("clients.pem", &clients.pem);
    let callers =
        files.write("callers.toml", caller("ops", &["check", "read"], "certificate = \"spiffe://house/ops\""));
    let database = url(&fresh_database().await);
    let process = Process::start(
        "serve",
        &[
            "--database-url",
            &database,
            "--callers",
            &callers,
            "--tls-cert",
            &certificate,
            "--tls-key",
            &private,
            "--tls-client-ca",
            &client_ca,
        ],
    )
    .await;
    let own = clients.certify(&["spiffe://house/ops"]);
    let (own_certificate, own_key) = (files.write("own.pem", &own.certificate), files.write("own.key", &own.key));
    let (address, ca) = (format!("localhost:{}", process.address.port()), files.write("ca.pem", &servers.pem));
    let own =
        ["--server", &address, "--tls-ca", &ca, "--tls-client-cert", &own_certificate, "--tls-client-key", &own_key];
    let begun = std::time::Instant::now();
    while run(&[&["health"], &own[..]].concat()).await.status.code() != Some(0) {
        assert!(begun.elapsed() < PATIENCE, "{}", process.errors());
    }
    assert_eq!(run(&[&["check", "ann", "ann/none", "view_project"], &own[..]].concat()).await.status.code(), Some(1));
    assert!(run(&[&["replicas"], &own[..]].concat()).await.status.success());
    let without = run(&["health", "--server", &address, "--tls-ca", &ca]).await;
    assert_eq!(without.status.code(), Some(2), "{without:?}");
    process.signal("TERM");
    assert_eq!(process.end(PATIENCE).await.code(), Some(0));
}

#[tokio::test]
async fn no_key_is_taken_from_a_command_line_or_shown_in_the_help() {
    let key = new_key();
    for command in ["serve", "check", "explain", "replicas", "health"] {
        let refused = run(&[command, "--key", &key.reveal()]).await;
        assert_eq!(refused.status.code(), Some(2), "there is no such flag");
    }
    let files = Files::new();
    let path = files.write("callers.toml", caller("map", &["check"], &keys_line(&[&key])));
    for command in [&["serve"][..], &["check"], &["key", "new"]] {
        let help = run(&[command, &["--help"]].concat()).await;
        let text = String::from_utf8(help.stdout).unwrap();
        assert!(!text.contains(&path) && !text.contains("rolegate_"), "{text}");
    }
}
