//! Tokens and the keys that they are verified by: out of a file that is followed, or from a URL that is asked again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use blake3::Hash;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{error, info};

use crate::callers::tokens::{Distrust, TokenKeys, TokenRules, Verified};
use crate::config::TokenOptions;
use crate::files::{Current, Files, Input, Watched, guarded};

/// How often keys are fetched when nobody asks for newer ones, and when that failed.
const REFRESH: Duration = Duration::from_secs(300);
const RETRY: Duration = Duration::from_secs(10);

/// How soon after a fetch a token of an unknown key can bring about another.
const APART: Duration = Duration::from_secs(5);

/// How long a fetch may take, and who waits for one.
const FETCH: Duration = Duration::from_secs(5);

/// The largest JWKS.
const LARGEST: usize = 1 << 20;

/// How many tokens that were verified are remembered: a signature costs much more than a look.
const REMEMBERED: usize = 4_096;

/// What tells whose a token is. Cheap to clone.
#[derive(Clone)]
pub(super) struct Tokens(Arc<Inner>);

struct Inner {
    rules: TokenRules,
    keys: Current<TokenKeys>,
    source: Option<Source>,
    /// Tokens by their hash, as verified by the keys at that address: others make them void. The lock is held for a look.
    remembered: Mutex<HashMap<Hash, (Arc<TokenKeys>, Verified)>>,
}

/// Where keys are fetched from.
struct Source {
    url: String,
    client: reqwest::Client,
    wanted: Notify,
    /// How many fetches have ended, and when the last one did.
    fetched: watch::Sender<(u64, Option<Instant>)>,
}

/// Tokens, and the file that their keys are followed in, where they are in one.
type Opened = (Tokens, Option<Box<dyn Watched>>);

impl Tokens {
    /// Reads the file, or prepares to fetch.
    ///
    /// # Errors
    /// A sentence that names the flag and what mends it.
    pub(super) fn open(options: &TokenOptions) -> Result<Option<Opened>, String> {
        let Some((jwks, rules)) = options.rules()? else { return Ok(None) };
        let is_url = jwks.starts_with("https://") || jwks.starts_with("http://");
        let (keys, source, files) = if is_url {
            (Current::new(TokenKeys::default()), Some(Source::new(jwks)?), None)
        } else {
            let input = Input { flag: "--jwt-jwks", path: jwks.into(), is_private: false };
            let make = |contents: &[Vec<u8>]| {
                let keys = contents.first().map_or(Ok(TokenKeys::default()), |content| TokenKeys::parse(content));
                let keys = keys.and_then(TokenKeys::not_empty);
                keys.map_err(|problem| format!("--jwt-jwks: {problem}"))
            };
            let files = Files::open("JWKS", vec![input], make)?;
            (files.current(), None, Some(Box::new(files) as Box<dyn Watched>))
        };
        let tokens = Self(Arc::new(Inner { rules, keys, source, remembered: Mutex::default() }));
        Ok(Some((tokens, files)))
    }

    /// Whose a token is.
    ///
    /// # Errors
    /// When it is not trusted.
    pub(super) fn verify(&self, token: &str) -> Result<String, Distrust> {
        let keys = self.0.keys.get();
        let hash = blake3::hash(token.as_bytes());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(u64::MAX, |since| since.as_secs());
        if let Some((by, verified)) = self.0.remembered.lock().get(&hash)
            && Arc::ptr_eq(by, &keys)
        {
            return if now <= verified.until { Ok(verified.subject.clone()) } else { Err(Distrust::Invalid) };
        }
        let verified = keys.verify(&self.0.rules, token)?;
        let subject = verified.subject.clone();
        let mut remembered = self.0.remembered.lock();
        if remembered.len() >= REMEMBERED {
            remembered.clear();
        }
        remembered.insert(hash, (Arc::clone(&keys), verified));
        Ok(subject)
    }

    /// Waits until keys were fetched that may know more; says whether they were. At once where the last ones are too young.
    pub(super) async fn refreshed(&self) -> bool {
        let Some(source) = &self.0.source else { return false };
        let mut fetched = source.fetched.subscribe();
        let (count, last) = *fetched.borrow_and_update();
        if last.is_some_and(|last| last.elapsed() < APART) {
            return false;
        }
        source.wanted.notify_one();
        timeout(FETCH, fetched.wait_for(|(now, _)| *now > count)).await.is_ok()
    }

    /// Fetches the keys again and again, where they are fetched.
    pub(super) async fn keep(self) {
        let Some(source) = &self.0.source else { return };
        loop {
            let pause = match source.fetch().await {
                Ok(keys) => {
                    if keys.is_empty() {
                        // whoever takes all keys away means it
                        error!(url = source.url, "there are no keys of tokens that sign; no token is trusted");
                    } else {
                        info!(url = source.url, "fetched the keys of tokens");
                    }
                    self.0.keys.set(keys);
                    REFRESH
                }
                Err(problem) => {
                    error!(
                        url = source.url,
                        problem, "failed to fetch the keys of tokens; those from before stay in use"
                    );
                    RETRY
                }
            };
            let now = Instant::now();
            source.fetched.send_modify(|(count, last)| (*count, *last) = (*count + 1, Some(now)));
            tokio::select! {
                () = sleep_until(now + pause) => {}
                () = source.wanted.notified() => sleep_until(now + APART).await,
            }
        }
    }
}

impl Source {
    fn new(url: &str) -> Result<Self, String> {
        let parsed = reqwest::Url::parse(url).map_err(|error| format!("--jwt-jwks {url}: is no URL: {error}"))?;
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err("--jwt-jwks: a URL with a password would stand in logs; name one without".to_owned());
        }
        let is_near = parsed.host_str().is_some_and(|host| ["localhost", "127.0.0.1", "[::1]"].contains(&host));
        if parsed.scheme() != "https" && !is_near {
            return Err(format!("--jwt-jwks {url}: anybody on the way could put in a key; use https://"));
        }
        // whichever comes first: there is but this one
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().timeout(FETCH).redirect(reqwest::redirect::Policy::none()).build();
        let client = client.map_err(|error| format!("--jwt-jwks: can't prepare to fetch: {error}"))?;
        Ok(Self { url: url.to_owned(), client, wanted: Notify::new(), fetched: watch::Sender::new((0, None)) })
    }

    async fn fetch(&self) -> Result<TokenKeys, String> {
        let failed = |error: reqwest::Error| {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            format!("{error}{cause}")
        };
        let answer = self.client.get(&self.url).send().await.map_err(failed)?;
        if answer.status() != reqwest::StatusCode::OK {
            return Err(format!("the answer is {}", answer.status()));
        }
        let (mut answer, mut jwks) = (answer, Vec::new());
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            jwks.extend_from_slice(&chunk);
            if jwks.len() > LARGEST {
                return Err("it is larger than 1 MiB".to_owned());
            }
        }
        guarded(|| TokenKeys::parse(&jwks))
    }
}
