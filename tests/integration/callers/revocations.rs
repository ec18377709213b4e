//! Certificates that their CA has taken back, and lists of them that end.

use tonic_health::pb::health_check_response::ServingStatus;

use super::certificates::{Castle, is_let_in_until};
use super::signing::now;
use super::{Files, assert_unknown, caller, check, until};
use crate::support::binary::{Process, url};
use crate::support::pki::{Authority, Certified};
use crate::support::{fresh_database, reason};

/// No test runs for that long.
const FAR: u64 = u32::MAX as u64;

/// A service, two certificates that its only caller may have, and a list with the first of them where it `is_revoked`.
async fn castle(is_revoked: bool, end: u64) -> (Castle, Certified, Certified) {
    let mut both = None;
    let castle = Castle::build_with(true, "", |files, authority| {
        let (first, second) = (authority.certify(&["map.internal"]), authority.certify(&["map.internal"]));
        let revoked: &[&Certified] = if is_revoked { &[&first] } else { &[] };
        let list = files.write("crl.pem", authority.revoke(revoked, end));
        both = Some((first, second));
        vec!["--tls-client-crl".to_owned(), list]
    });
    let castle = castle.await;
    let (first, second) = both.unwrap();
    (castle, first, second)
}

/// It does not get through the handshake.
async fn assert_kept_out(castle: &Castle, certified: &Certified, what: &str) {
    let refused = check(&castle.client(Some(certified)), None).await.expect_err(what);
    assert_eq!(reason(&refused), "", "{what}: there is no connection, and so nothing of ours: {refused:?}");
}

#[tokio::test]
async fn a_certificate_on_the_list_is_kept_out() {
    let (castle, first, second) = castle(true, FAR).await;
    let clients = castle.client(Some(&second));
    clients.until(ServingStatus::Serving).await;
    check(&clients, None).await.expect("another certificate of the same caller");
    assert_kept_out(&castle, &first, "a revoked certificate").await;
    castle.service.stop().await;
}

#[tokio::test]
async fn a_certificate_that_is_revoked_while_connected_is_refused_from_then_on() {
    let (castle, first, second) = castle(false, FAR).await;
    let (clients, others) = (castle.client(Some(&first)), castle.client(Some(&second)));
    clients.until(ServingStatus::Serving).await;
    check(&clients, None).await.unwrap();
    check(&others, None).await.unwrap();

    castle.files.write("crl.pem", castle.client_ca.revoke(&[&first], FAR));
    until("the revocation", || check(&clients, None), Result::is_err).await;
    // the connection stands: it is the caller that is not known any more
    assert_unknown(check(&clients, None).await, "a revoked certificate on an open connection");
    assert_kept_out(&castle, &first, "a revoked certificate").await;
    check(&others, None).await.expect("another certificate of the same caller");
    check(&castle.client(Some(&second)), None).await.expect("on a new connection too");

    // a list that another CA of that name signed changes nothing; what is written after it is seen after it
    castle.files.write("crl.pem", Authority::new("clients").revoke(&[&second], FAR));
    castle.files.write("callers.toml", caller("other", &["check"], "certificate = \"other.internal\""));
    until("the end of the caller", || check(&others, None), Result::is_err).await;
    castle.files.write("callers.toml", caller("map", &["check"], "certificate = \"map.internal\""));
    until("its return", || check(&others, None), Result::is_ok).await;
    assert_kept_out(&castle, &first, "a revoked certificate while the file holds a forged list").await;
    check(&castle.client(Some(&second)), None).await.expect("the list from before stays in use");

    castle.files.write("crl.pem", castle.client_ca.revoke(&[], FAR));
    until("the pardon", || check(&clients, None), Result::is_ok).await;
    castle.service.stop().await;
}

#[tokio::test]
async fn a_list_that_ends_lets_nobody_in_until_there_is_a_newer_one() {
    let end = now() + 5;
    let (castle, first, _) = castle(false, end).await;
    let clients = castle.client(Some(&first));
    is_let_in_until(end, &clients).await;
    assert_unknown(check(&clients, None).await, "any certificate on an open connection");
    assert_kept_out(&castle, &first, "any certificate").await;

    castle.files.write("crl.pem", castle.client_ca.revoke(&[], FAR));
    until("the newer list", || check(&clients, None), Result::is_ok).await;
    check(&castle.client(Some(&first)), None).await.expect("on a new connection too");
    castle.service.stop().await;
}

#[tokio::test]
async fn the_end_of_a_list_is_said_before_it_comes_and_when_it_is_there() {
    let (files, authority) = (Files::new(), Authority::new("all"));
    let server = authority.certify(&["localhost"]);
    let named = [
        ("--callers", "callers.toml", caller("map", &["check"], "certificate = \"map.internal\"")),
        ("--tls-cert", "server.pem", server.certificate),
        ("--tls-key", "server.key", server.key),
        ("--tls-client-ca", "clients.pem", authority.pem.clone()),
        ("--tls-client-crl", "crl.pem", authority.revoke(&[], now() + 3)),
    ];
    let mut flags = vec!["--database-url".to_owned(), url(&fresh_database().await)];
    flags.extend(named.iter().flat_map(|(flag, name, content)| [(*flag).to_owned(), files.write(name, content)]));
    let process = Process::start("serve", &flags.iter().map(String::as_str).collect::<Vec<_>>()).await;
    until("the end of the list", async || process.errors(), |log| log.contains("a newer one")).await;
    let log = process.errors();
    let (soon, ended) = (log.find("ends soon").unwrap(), log.find("has ended").unwrap());
    assert!(soon < ended, "{log}");
    assert_eq!(log.matches("has ended").count(), 1, "{log}");
}
