//! Keys of tokens that are fetched: at start, again for a key that is not known, and kept while they can't be fetched.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::signing::{AUDIENCE, ISSUER, Signer, jwks};
use super::{Files, assert_unknown, caller, check, until};
use crate::support::{Service, fresh_database};

/// What answers for an issuer: a status and a body, which a test changes.
struct Issuer {
    address: std::net::SocketAddr,
    answer: Arc<Mutex<(u16, String)>>,
    asked: Arc<AtomicUsize>,
}

impl Issuer {
    async fn start(status: u16, body: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, answer) = (listener.local_addr().unwrap(), Arc::new(Mutex::new((status, body))));
        let asked = Arc::new(AtomicUsize::new(0));
        let (answers, count) = (Arc::clone(&answer), Arc::clone(&asked));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (status, body) = answers.lock().clone();
                count.fetch_add(1, Ordering::SeqCst);
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let head =
                    format!("HTTP/1.1 {status} Told\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
                let _ = stream.write_all((head + &body).as_bytes()).await;
            }
        });
        Self { address, answer, asked }
    }

    fn say(&self, status: u16, body: String) {
        *self.answer.lock() = (status, body);
    }
}

#[tokio::test]
async fn keys_are_fetched_again_for_an_unknown_one_and_kept_while_they_cannot_be() {
    let (first, second, files) = (Signer::es256(), Signer::eddsa(), Files::new());
    let issuer = Issuer::start(200, jwks(&[first.jwk("first")])).await;
    let callers = files.write("callers.toml", caller("job", &["check"], "jwt_subject = \"job\""));
    let url = format!("http://{}/keys", issuer.address);
    let flags = ["--callers", &callers, "--jwt-jwks", &url, "--jwt-issuer", ISSUER, "--jwt-audience", AUDIENCE];
    let service = Service::start_on(fresh_database().await, &flags).await;
    let (old, new) = (first.right("first", "job"), second.right("second", "job"));
    check(&service, Some(&old)).await.expect("the first fetch is waited for");

    issuer.say(200, jwks(&[first.jwk("first"), second.jwk("second")]));
    until("the key that was added", || check(&service, Some(&new)), Result::is_ok).await;

    issuer.say(500, "out of order".to_owned());
    let unknown = Signer::es256().right("third", "job");
    let before = issuer.asked.load(Ordering::SeqCst);
    let asks = || async {
        assert_unknown(check(&service, Some(&unknown)).await, "an unknown key");
        issuer.asked.load(Ordering::SeqCst)
    };
    until("a fetch for the unknown key", asks, |asked| *asked > before).await;
    // however many ask, the issuer is asked once in a while
    let (before, begun) = (issuer.asked.load(Ordering::SeqCst), tokio::time::Instant::now());
    for _ in 0..200 {
        assert_unknown(check(&service, Some(&unknown)).await, "an unknown key");
    }
    let asked = issuer.asked.load(Ordering::SeqCst) - before;
    let fair = 2 + usize::try_from(begun.elapsed().as_secs() / 5).unwrap();
    assert!(asked <= fair, "200 unknown keys brought about {asked} fetches");
    for token in [&old, &new] {
        check(&service, Some(token)).await.expect("the keys from before stay in use");
    }
    service.stop().await;
}

#[tokio::test]
async fn an_issuer_that_is_not_there_at_start_is_found_later() {
    let (signer, files) = (Signer::eddsa(), Files::new());
    let issuer = Issuer::start(404, String::new()).await;
    let callers = files.write("callers.toml", caller("job", &["check"], "jwt_subject = \"job\""));
    let url = format!("http://{}/keys", issuer.address);
    let flags = ["--callers", &callers, "--jwt-jwks", &url, "--jwt-issuer", ISSUER, "--jwt-audience", AUDIENCE];
    let service = Service::start_on(fresh_database().await, &flags).await;
    let token = signer.right("key", "job");
    assert_unknown(check(&service, Some(&token)).await, "a token whose key is not there yet");
    issuer.say(200, jwks(&[signer.jwk("key")]));
    until("the key", || check(&service, Some(&token)), Result::is_ok).await;
    service.stop().await;
}

#[tokio::test]
async fn an_issuer_that_takes_all_keys_away_is_believed() {
    let (signer, files) = (Signer::eddsa(), Files::new());
    let issuer = Issuer::start(200, jwks(&[signer.jwk("key")])).await;
    let callers = files.write("callers.toml", caller("job", &["check"], "jwt_subject = \"job\""));
    let url = format!("http://{}/keys", issuer.address);
    let flags = ["--callers", &callers, "--jwt-jwks", &url, "--jwt-issuer", ISSUER, "--jwt-audience", AUDIENCE];
    let service = Service::start_on(fresh_database().await, &flags).await;
    let token = signer.right("key", "job");
    check(&service, Some(&token)).await.expect("the first fetch is waited for");
    issuer.say(200, jwks(&[]));
    let unknown = Signer::es256().right("other", "job");
    // the token has been verified before, which helps it no more than its key
    let asks = || async {
        assert_unknown(check(&service, Some(&unknown)).await, "an unknown key, which brings about a fetch");
        check(&service, Some(&token)).await
    };
    until("the end of the key", asks, Result::is_err).await;
    assert_unknown(check(&service, Some(&token)).await, "a token whose key was taken away");
    issuer.say(200, jwks(&[signer.jwk("key")]));
    until("the key again", || check(&service, Some(&token)), Result::is_ok).await;
    service.stop().await;
}
