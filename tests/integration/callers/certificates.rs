//! TLS, and callers that are known by their certificates.

use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic_health::pb::health_check_response::ServingStatus;

use super::signing::now;
use super::{Files, assert_unknown, caller, check, keys_line, new_key, until};
use crate::support::pki::{Authority, Certified};
use crate::support::{Clients, Service, fresh_database, reason};

/// A service under TLS, and the files that it follows.
pub struct Castle {
    pub service: Service,
    pub files: Files,
    server_ca: Authority,
    pub client_ca: Authority,
}

impl Castle {
    /// It knows `map` by a DNS name, `ops` by a URI, and `job` by a key; certificates are asked for where `is_mutual`.
    async fn build(is_mutual: bool, more: &str) -> Self {
        Self::build_with(is_mutual, more, |_, _| Vec::new()).await
    }

    /// The same, with further flags.
    pub async fn build_with(
        is_mutual: bool,
        more: &str,
        flags_of: impl FnOnce(&Files, &Authority) -> Vec<String>,
    ) -> Self {
        let (files, server_ca, client_ca) = (Files::new(), Authority::new("servers"), Authority::new("clients"));
        let server = server_ca.certify(&["localhost"]);
        let certificate = files.write("server.pem", &server.certificate);
        let key = files.write("server.key", &server.key);
        let authority = files.write("clients.pem", &client_ca.pem);
        let map = if is_mutual { caller("map", &["check"], "certificate = \"map.internal\"") } else { String::new() };
        let callers = files.write("callers.toml", format!("{map}{more}"));
        let mut flags = vec!["--callers", &callers, "--tls-cert", &certificate, "--tls-key", &key];
        if is_mutual {
            flags.extend(["--tls-client-ca", &authority]);
        }
        let further = flags_of(&files, &client_ca);
        flags.extend(further.iter().map(String::as_str));
        let service = Service::launch(fresh_database().await, &flags).await;
        Self { service, files, server_ca, client_ca }
    }

    pub fn client(&self, identity: Option<&Certified>) -> Clients {
        Clients::on(self.channel(identity, &self.server_ca))
    }

    fn channel(&self, identity: Option<&Certified>, trusted: &Authority) -> Channel {
        let mut tls =
            ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&trusted.pem)).domain_name("localhost");
        if let Some(Certified { certificate, key, .. }) = identity {
            tls = tls.identity(Identity::from_pem(certificate, key));
        }
        let address = format!("https://{}", self.service.address);
        Endpoint::from_shared(address).unwrap().tls_config(tls).unwrap().connect_lazy()
    }
}

#[tokio::test]
async fn a_certificate_of_the_ca_that_the_file_lists_lets_in_and_no_other_does() {
    let ops = caller("ops", &["check"], "certificate = \"spiffe://house/ops\"");
    let castle = Castle::build(true, &ops).await;
    let map = castle.client_ca.certify(&["map.internal"]);
    let clients = castle.client(Some(&map));
    clients.until(ServingStatus::Serving).await;
    check(&clients, None).await.expect("a DNS name");
    let ops = castle.client_ca.certify(&["other.internal", "spiffe://house/ops"]);
    check(&castle.client(Some(&ops)), None).await.expect("a URI among names");
    let shouted = castle.client_ca.certify(&["MAP.Internal"]);
    check(&castle.client(Some(&shouted)), None).await.expect("DNS names have no case");

    for names in [&["stranger.internal"][..], &["map.internal", "spiffe://house/ops"], &["SPIFFE://house/ops"], &[]] {
        let stranger = castle.client_ca.certify(names);
        assert_unknown(check(&castle.client(Some(&stranger)), None).await, &format!("{names:?}"));
    }
    let forged = Authority::new("clients").certify(&["map.internal"]);
    let expired = castle.client_ca.certify_until(&["map.internal"], now() - 60);
    let own = castle.server_ca.certify(&["map.internal"]);
    for (identity, what) in [
        (None, "no certificate"),
        (Some(&forged), "a certificate of a CA of the same name"),
        (Some(&expired), "an expired certificate"),
        (Some(&own), "a certificate of the CA of servers"),
    ] {
        let refused = check(&castle.client(identity), None).await.unwrap_err();
        assert_eq!(reason(&refused), "", "{what}: there is no connection, and so nothing of ours: {refused:?}");
    }
    let plain =
        Clients::on(Endpoint::from_shared(format!("http://{}", castle.service.address)).unwrap().connect_lazy());
    check(&plain, None).await.expect_err("nothing is answered in the clear");
    castle.service.stop().await;
}

#[tokio::test]
async fn a_certificate_that_ends_while_connected_is_refused_from_then_on() {
    let castle = Castle::build(true, "").await;
    let end = now() + 4;
    let clients = castle.client(Some(&castle.client_ca.certify_until(&["map.internal"], end)));
    is_let_in_until(end, &clients).await;
    // the connection stands: it is the caller that is not known any more
    assert_unknown(check(&clients, None).await, "an expired certificate on an open connection");
    castle.service.stop().await;
}

#[tokio::test]
async fn a_caller_or_a_ca_that_is_taken_away_is_refused_on_an_open_connection() {
    let castle = Castle::build(true, "").await;
    let map = castle.client_ca.certify(&["map.internal"]);
    let clients = castle.client(Some(&map));
    clients.until(ServingStatus::Serving).await;
    check(&clients, None).await.unwrap();
    castle.files.write("callers.toml", caller("other", &["check"], "certificate = \"other.internal\""));
    until("the caller's end", || check(&clients, None), Result::is_err).await;
    assert_unknown(check(&clients, None).await, "a caller that was taken out");
    castle.files.write("callers.toml", caller("map", &["check"], "certificate = \"map.internal\""));
    until("the caller's return", || check(&clients, None), Result::is_ok).await;

    let next = Authority::new("the next CA");
    castle.files.write("clients.pem", format!("{}{}", castle.client_ca.pem, next.pem));
    let renewed = next.certify(&["map.internal"]);
    let later = castle.client(Some(&renewed));
    until("the next CA", || async { check(&castle.client(Some(&renewed)), None).await }, Result::is_ok).await;
    check(&clients, None).await.expect("the old CA still stands, and so does the connection");
    castle.files.write("clients.pem", &next.pem);
    until("the old CA's end", || check(&clients, None), Result::is_err).await;
    assert_unknown(check(&clients, None).await, "a certificate whose CA was taken away");
    check(&later, None).await.unwrap();
    castle.service.stop().await;
}

#[tokio::test]
async fn the_certificate_of_the_service_is_replaced_without_dropping_connections() {
    let key = new_key();
    let castle = Castle::build(false, &caller("job", &["check"], &keys_line(&[&key]))).await;
    let token = key.reveal();
    let clients = castle.client(None);
    clients.until(ServingStatus::Serving).await;
    check(&clients, Some(&token)).await.expect("a key under TLS, and no certificate asked for");

    let next = Authority::new("the next CA of servers");
    let renewed = next.certify(&["localhost"]);
    castle.files.write("server.pem", "-----BEGIN NONSENSE-----\n");
    castle.files.write("server.key", &renewed.key);
    check(&castle.client(None), Some(&token)).await.expect("broken files change nothing");
    castle.files.write("server.pem", &renewed.certificate);
    let of_next = || async { check(&Clients::on(castle.channel(None, &next)), Some(&token)).await };
    until("the new certificate", of_next, Result::is_ok).await;
    check(&castle.client(None), Some(&token)).await.expect_err("the old CA is not the one of new connections");
    check(&clients, Some(&token)).await.expect("the old connection goes on");
    castle.service.stop().await;
}

#[tokio::test]
async fn who_never_finishes_a_handshake_holds_up_nobody() {
    let key = new_key();
    let castle = Castle::build(false, &caller("job", &["check"], &keys_line(&[&key]))).await;
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(tokio::net::TcpStream::connect(castle.service.address).await.unwrap());
    }
    let clients = castle.client(None);
    clients.until(ServingStatus::Serving).await;
    check(&clients, Some(&key.reveal())).await.unwrap();
    castle.service.stop().await;
}

/// Sees a client let in until a second since 1970, and not from then on.
pub async fn is_let_in_until(end: u64, clients: &Clients) {
    clients.until(ServingStatus::Serving).await;
    if now() < end {
        // on a machine that is slow enough it has ended already, which is as good
        let answer = check(clients, None).await;
        assert!(answer.is_ok() || now() >= end, "{answer:?}");
    }
    until("the end", || check(clients, None), Result::is_err).await;
    assert!(now() >= end, "not before");
}
