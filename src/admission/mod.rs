//! How callers prove who they are: certificates under TLS, bearer keys and tokens, by files that are followed while it runs.
//!
//! Who is meant by what was proved stands in `callers`. What a caller may is asked where requests are taken (`grpc/gate.rs`).

mod listener;
mod revocations;
mod tls;
mod tokens;

use std::future;
use std::io;
use std::panic::resume_unwind;
use std::time::Duration;

use futures::Stream;
use tokio::net::TcpListener;
use tokio::task::JoinError;

use crate::callers::tokens::Distrust;
use crate::callers::{Caller, Callers, keys};
use crate::config::SecurityOptions;
use crate::files::{Current, Files, Input, Watched};

use tls::Tls;
use tokens::Tokens;

pub use listener::Connection;
pub use tls::Peer;

/// How often files are looked at. What changed is taken when it stands the same for two looks.
const LOOK: Duration = Duration::from_millis(500);

/// Who may come in, and how connections are encrypted.
pub struct Admission {
    callers: Option<Known>,
    tls: Option<Current<Tls>>,
    watched: Vec<Box<dyn Watched>>,
}

/// What tells who calls. Cheap to clone.
#[derive(Clone)]
pub struct Known {
    callers: Current<Callers>,
    tokens: Option<Tokens>,
}

/// What a request that shows this comes to.
#[derive(Debug)]
pub enum Admitted {
    /// It is from this caller.
    Caller(Caller),
    /// Nobody knows whom it is from.
    Unknown,
    /// Its token is signed by a key that is not known: newer keys may know it.
    UnknownKey,
}

impl Admission {
    /// Reads all files once.
    ///
    /// # Errors
    /// A sentence that names the flag, the file and line, and what mends it.
    pub fn open(options: &SecurityOptions) -> Result<Self, String> {
        options.check()?;
        let mut watched: Vec<Box<dyn Watched>> = Vec::new();
        let tls = Tls::open(&options.tls)?;
        let tls = tls.map(|files| {
            let current = files.current();
            watched.push(Box::new(files));
            watched.push(Box::new(revocations::End::new(current.clone())));
            current
        });
        let tokens = Tokens::open(&options.tokens)?;
        let tokens = tokens.map(|(tokens, files)| {
            watched.extend(files);
            tokens
        });
        let callers = options.callers.clone().map(|path| {
            let shown = path.display().to_string();
            let (has_tokens, has_certificates) = (tokens.is_some(), options.tls.tls_client_ca.is_some());
            let input = Input { flag: "--callers", path, is_private: true };
            Files::open("caller file", vec![input], move |contents| {
                let text = contents.first().map_or(Ok(""), |content| std::str::from_utf8(content));
                let text = text.map_err(|_| format!("--callers {shown}: is no text in UTF-8"))?;
                let callers = Callers::parse(text).map_err(|error| format!("--callers {shown}: {error}"))?;
                can_be_known(&callers, has_certificates, has_tokens)?;
                Ok(callers)
            })
        });
        let callers = callers.transpose()?.map(|files| {
            let callers = files.current();
            watched.push(Box::new(files));
            Known { callers, tokens }
        });
        Ok(Self { callers, tls, watched })
    }

    /// What tells who calls; none where nobody asks.
    pub fn known(&self) -> Option<Known> {
        self.callers.clone()
    }

    /// Follows the files, and fetches keys, for ever.
    pub fn keep(self) -> (Option<Encryption>, impl Future<Output = ()> + Send) {
        let Self { callers, tls, watched } = self;
        let tokens = callers.and_then(|known| known.tokens);
        let keep = async {
            let fetch = async {
                if let Some(tokens) = tokens {
                    tokens.keep().await;
                }
            };
            tokio::join!(follow(watched), fetch);
        };
        (tls.map(Encryption), keep)
    }
}

/// TLS, by the files as they are when a connection comes.
pub struct Encryption(Current<Tls>);

impl Encryption {
    /// The connections of a listener.
    pub fn connections(self, listener: TcpListener) -> impl Stream<Item = io::Result<Connection>> {
        listener::connections(listener, self.0)
    }
}

impl Known {
    /// Whom a request is from: the certificate of its connection decides, else the `authorization` that it brings.
    pub fn find(&self, peer: Option<&Peer>, authorization: Option<&[u8]>) -> Admitted {
        let callers = self.callers.get();
        let by_certificate = peer.and_then(Peer::names).and_then(|names| callers.by_certificate(names));
        if let Some(caller) = by_certificate {
            return Admitted::Caller(caller.clone());
        }
        let Some(token) = authorization.and_then(bearer) else { return Admitted::Unknown };
        if keys::is_key(token) {
            return callers.by_key(token).cloned().map_or(Admitted::Unknown, Admitted::Caller);
        }
        let Some(tokens) = &self.tokens else { return Admitted::Unknown };
        match tokens.verify(token) {
            Ok(subject) => callers.by_subject(&subject).cloned().map_or(Admitted::Unknown, Admitted::Caller),
            Err(Distrust::Invalid) => Admitted::Unknown,
            Err(Distrust::UnknownKey) => Admitted::UnknownKey,
        }
    }

    /// Waits until newer keys of tokens were fetched; says whether they were.
    pub async fn refreshed(&self) -> bool {
        match &self.tokens {
            Some(tokens) => tokens.refreshed().await,
            None => false,
        }
    }
}

/// The token in `Bearer <token>`.
fn bearer(authorization: &[u8]) -> Option<&str> {
    let (scheme, token) = std::str::from_utf8(authorization).ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

/// Refuses a file with callers that could never be known.
fn can_be_known(callers: &Callers, has_certificates: bool, has_tokens: bool) -> Result<(), String> {
    if callers.need_certificates() && !has_certificates {
        return Err("--callers: `certificate` makes nobody known without --tls-client-ca; name the CA of the callers"
            .to_owned());
    }
    if callers.need_tokens() && !has_tokens {
        return Err(
            "--callers: `jwt_subject` makes nobody known without --jwt-jwks; name the keys of the tokens".to_owned()
        );
    }
    Ok(())
}

async fn follow(mut watched: Vec<Box<dyn Watched>>) {
    while !watched.is_empty() {
        tokio::time::sleep(LOOK).await;
        let looked = tokio::task::spawn_blocking(move || {
            watched.iter_mut().for_each(|files| files.look());
            watched
        });
        watched = match looked.await.map_err(JoinError::try_into_panic) {
            Ok(watched) => watched,
            // whoever was let out must not stay in because nobody looks any more
            Err(Ok(panic)) => resume_unwind(panic),
            // all ends
            Err(Err(_)) => break,
        };
    }
    future::pending().await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files that whoever looks at them panics.
    struct Fault;

    impl Watched for Fault {
        fn look(&mut self) {
            panic!("a fault for the test");
        }
    }

    #[tokio::test]
    async fn a_panic_of_who_looks_at_files_is_one_of_who_follows_them() {
        let followed = tokio::spawn(follow(vec![Box::new(Fault)])).await;
        assert!(followed.unwrap_err().is_panic());
    }
}
