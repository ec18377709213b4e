//! Who may call: certificates, keys and tokens on real sockets, right and wrong in each way there is; scopes; confinement; and
//! what is refused at start.

mod certificates;
mod commands;
mod confinement;
mod handed_over;
mod keys;
mod logged;
mod revocations;
mod scopes;
mod signing;
mod starts;
mod tokens;
mod tokens_by_url;
mod unseen;

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rolegate::callers::keys::NewKey;
use rolegate::grpc::v1::{CheckRequest, CheckResponse};
use tempfile::TempDir;
use tonic::metadata::MetadataValue;
use tonic::{Code, Request, Status};
use uuid::Uuid;

use crate::support::{Clients, Service, fresh_database, reason};

/// Long enough for a file to be read again on a slow machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A folder with files that only their owner may read.
pub struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file, in place of the one before at one stroke.
    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let (new, path) = (self.path(&format!("{name}.new")), self.path(name));
        fs::write(&new, content).unwrap();
        chmod(&new, 0o600);
        fs::rename(&new, &path).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn new_key() -> NewKey {
    let (id, secret) =
        (Uuid::new_v4().into_bytes(), [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat());
    NewKey::from_random(id[..4].try_into().unwrap(), secret.try_into().unwrap())
}

/// The lines of a caller.
fn caller(name: &str, scopes: &[&str], more: &str) -> String {
    format!("[[caller]]\nname = \"{name}\"\nscopes = {scopes:?}\n{more}\n\n")
}

/// The line of a caller with these keys.
fn keys_line(keys: &[&NewKey]) -> String {
    format!("keys = {:?}", keys.iter().map(|key| key.entry()).collect::<Vec<_>>())
}

/// A request that shows a bearer token.
fn with<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let bearer = MetadataValue::try_from(format!("Bearer {token}")).unwrap();
    request.metadata_mut().insert("authorization", bearer);
    request
}

/// A caller: its name, its scopes, and further lines.
type Listed<'a> = (&'a str, &'a [&'a str], &'a str);

/// A service whose callers each have a key of their own, by name.
struct House {
    service: Service,
    files: Files,
    keys: HashMap<String, String>,
}

impl House {
    /// Callers with these names, scopes and further lines, and `root`, who may all.
    async fn open(callers: &[Listed<'_>]) -> Self {
        let (files, mut keys, mut text) = (Files::new(), HashMap::new(), String::new());
        let root: Listed<'_> = ("root", &["check", "read", "write", "admin", "audit"], "");
        for (name, scopes, more) in callers.iter().chain([&root]) {
            let key = new_key();
            text += &caller(name, scopes, &format!("{}\n{more}", keys_line(&[&key])));
            keys.insert((*name).to_owned(), key.reveal());
        }
        let path = files.write("callers.toml", text);
        let service = Service::start_on(fresh_database().await, &["--callers", &path]).await;
        Self { service, files, keys }
    }

    /// A request of that caller.
    fn by<T>(&self, caller: &str, message: T) -> Request<T> {
        with(&self.keys[caller], message)
    }
}

/// What anybody who may check gets an answer to.
fn question() -> CheckRequest {
    CheckRequest {
        user: "nobody".to_owned(),
        project: "nobody/nothing".to_owned(),
        action: "view_project".to_owned(),
        consistency: None,
    }
}

async fn check(clients: &Clients, token: Option<&str>) -> Result<CheckResponse, Status> {
    let request = token.map_or_else(|| Request::new(question()), |token| with(token, question()));
    clients.authorization().check(request).await.map(tonic::Response::into_inner)
}

/// It was refused as somebody whom nobody knows, and nothing more was said.
fn assert_unknown<T>(answer: Result<T, Status>, what: &str) {
    let status = answer.err().unwrap_or_else(|| panic!("{what} was let in"));
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::Unauthenticated, "CALLER_UNKNOWN"),
        "{what}: {status:?}"
    );
    let first = "failed to find out who calls";
    assert!(status.message().starts_with(first), "{what}: the message tells no two of them apart: {status:?}");
}

/// Waits until an answer is as wanted.
async fn until<T, F: Future<Output = T>>(what: &str, ask: impl Fn() -> F, is_wanted: impl Fn(&T) -> bool) {
    let begun = Instant::now();
    loop {
        if is_wanted(&ask().await) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{what} did not come about");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
