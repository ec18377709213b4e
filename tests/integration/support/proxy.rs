//! A proxy between a service and PostgreSQL that can hold answers back, cut connections and count statements.
//!
//! Holding the answer of a load stops that load between its read and its insert, with the real database and the real
//! loader on both sides.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// What a connection of the service is for, told by the statements on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Loads of the view.
    Loads,
    /// Following the log.
    Log,
    /// Writes and lists.
    Writes,
}

/// A proxy that runs as long as the test.
#[derive(Clone)]
pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    socket: PathBuf,
    held: watch::Sender<Vec<Purpose>>,
    /// The statement that makes answers be held, and which.
    holds_from: Mutex<Option<(String, Purpose)>>,
    /// Counts the cuts of each purpose; a connection ends when its own goes up.
    cuts: watch::Sender<HashMap<Purpose, u32>>,
    reachable: watch::Sender<bool>,
    /// Whether connections end as soon as PostgreSQL has committed on them.
    loses_commits: watch::Sender<bool>,
    executions: Mutex<HashMap<String, u64>>,
    /// Counts the pieces of answers that were kept.
    kept: watch::Sender<u64>,
}

impl Proxy {
    /// A proxy to the server of that database.
    pub async fn start(database: &Config) -> Self {
        let Some(Host::Unix(folder)) = database.get_hosts().first() else { panic!("the server is local") };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            socket: folder.join(".s.PGSQL.5432"),
            held: watch::Sender::default(),
            holds_from: Mutex::default(),
            cuts: watch::Sender::default(),
            reachable: watch::Sender::new(true),
            loses_commits: watch::Sender::default(),
            executions: Mutex::default(),
            kept: watch::Sender::default(),
        });
        let accepting = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *accepting.reachable.borrow() {
                    tokio::spawn(Arc::clone(&accepting).carry(client));
                }
            }
        });
        Self { address, state }
    }

    /// The same database, through the proxy.
    pub fn config(&self, database: &Config) -> Config {
        let mut config = Config::new();
        config.user(database.get_user().unwrap()).dbname(database.get_dbname().unwrap());
        config.host(self.address.ip().to_string()).port(self.address.port());
        config.ssl_mode(tokio_postgres::config::SslMode::Disable);
        config
    }

    /// From now on keeps what PostgreSQL answers on these connections.
    pub fn hold(&self, purpose: Purpose) {
        self.state.held.send_modify(|held| held.push(purpose));
    }

    /// The same, from the next time on that a statement of that name is sent.
    pub fn hold_from(&self, name: &str, purpose: Purpose) {
        *self.state.holds_from.lock().unwrap() = Some((name.to_owned(), purpose));
    }

    /// Hands out what was kept.
    pub fn release(&self, purpose: Purpose) {
        self.state.held.send_modify(|held| held.retain(|one| *one != purpose));
    }

    /// Ends these connections; new ones are let through.
    pub fn cut(&self, purpose: Purpose) {
        self.state.cuts.send_modify(|cuts| *cuts.entry(purpose).or_default() += 1);
    }

    /// Whether the answers of commits are lost from now on, with the connections that they would have come on.
    pub fn lose_commits(&self, lose: bool) {
        self.state.loses_commits.send_replace(lose);
    }

    /// Ends all connections and takes no new ones.
    pub fn sever(&self) {
        self.state.reachable.send_replace(false);
        [Purpose::Loads, Purpose::Log, Purpose::Writes].iter().for_each(|purpose| self.cut(*purpose));
    }

    /// Takes connections again.
    pub fn mend(&self) {
        self.state.reachable.send_replace(true);
    }

    /// How often a statement of that name has been sent to PostgreSQL.
    pub fn executions(&self, name: &str) -> u64 {
        self.state.executions.lock().unwrap().get(name).copied().unwrap_or(0)
    }

    /// How often each statement has been sent to PostgreSQL, by name.
    pub fn all_executions(&self) -> HashMap<String, u64> {
        self.state.executions.lock().unwrap().clone()
    }

    /// How many pieces of answers have been kept so far.
    pub fn kept(&self) -> u64 {
        *self.state.kept.borrow()
    }

    /// Waits until that many pieces of answers have been kept: PostgreSQL has then read what it was asked for.
    pub async fn until_kept(&self, pieces: u64) {
        let mut kept = self.state.kept.subscribe();
        let enough = kept.wait_for(|kept| *kept >= pieces);
        tokio::time::timeout(std::time::Duration::from_secs(30), enough).await.unwrap().unwrap();
    }

    /// Waits until a statement of that name has been sent that often.
    pub async fn until_executed(&self, name: &str, times: u64) {
        let sent = async {
            while self.executions(name) < times {
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(30), sent).await.unwrap();
    }
}

impl State {
    async fn carry(self: Arc<Self>, client: TcpStream) {
        client.set_nodelay(true).unwrap();
        let Ok(server) = UnixStream::connect(&self.socket).await else { return };
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        // until told otherwise
        let purpose = watch::Sender::new(Purpose::Writes);
        let is_lost = watch::Sender::new(false);
        let up = async {
            let mut statements = Statements::default();
            while let Some(message) = next_message(&mut from_client, &mut statements.started).await {
                if let Some(told) = self.read(&message, &mut statements) {
                    purpose.send_replace(told);
                }
                if message.starts_with(b"Q") && message.ends_with(b"COMMIT\0") {
                    is_lost.send_replace(*self.loses_commits.borrow());
                }
                if to_server.write_all(&message).await.is_err() {
                    return;
                }
            }
        };
        let down = async {
            let mut held = self.held.subscribe();
            let mut bytes = vec![0; 64 * 1024];
            while let Ok(count @ 1..) = from_server.read(&mut bytes).await {
                if held.borrow_and_update().contains(&purpose.borrow()) {
                    self.kept.send_modify(|kept| *kept += 1);
                }
                let _ = held.wait_for(|held| !held.contains(&purpose.borrow())).await;
                if *is_lost.borrow() {
                    return;
                }
                if to_client.write_all(&bytes[..count]).await.is_err() {
                    return;
                }
            }
        };
        let cut = async {
            let mut cuts = self.cuts.subscribe();
            let before = cuts.borrow().clone();
            let count = |cuts: &HashMap<Purpose, u32>| cuts.get(&purpose.borrow()).copied().unwrap_or(0);
            let grown = |cuts: &HashMap<Purpose, u32>| count(cuts) > count(&before);
            let _ = cuts.wait_for(grown).await;
        };
        tokio::select! { () = up => {}, () = down => {}, () = cut => {} }
    }

    /// Counts what is executed, and tells what the connection is for where the message shows it.
    fn read(&self, message: &[u8], statements: &mut Statements) -> Option<Purpose> {
        let mut texts = message.get(5..)?.split(|byte| *byte == 0).map(String::from_utf8_lossy);
        match message[0] {
            b'P' => {
                let (name, sql) = (texts.next()?, texts.next()?);
                let title = sql.trim_start_matches("-- ").lines().next().unwrap_or_default().trim().to_owned();
                let is_load = title.starts_with("load_") && !statements.has_transactions;
                statements.titles.insert(name.into_owned(), title);
                is_load.then_some(Purpose::Loads)
            }
            b'B' => {
                let title = statements.titles.get(texts.nth(1)?.as_ref())?;
                let held = self.holds_from.lock().unwrap().take_if(|(from, _)| from == title);
                self.held.send_if_modified(|all| held.map(|(_, purpose)| all.push(purpose)).is_some());
                *self.executions.lock().unwrap().entry(title.clone()).or_default() += 1;
                None
            }
            b'Q' => {
                let sql = texts.next()?;
                statements.has_transactions |= sql.contains("TRANSACTION") || sql.contains("BEGIN");
                if sql.contains("LISTEN") { Some(Purpose::Log) } else { None }
            }
            _ => None,
        }
    }
}

/// What is known of one connection.
#[derive(Default)]
struct Statements {
    titles: HashMap<String, String>,
    has_transactions: bool,
    started: bool,
}

/// The next message of a client, whole; the first one has no type.
async fn next_message(from: &mut (impl AsyncRead + Unpin), started: &mut bool) -> Option<Vec<u8>> {
    let head = if *started { 5 } else { 4 };
    *started = true;
    let mut message = vec![0; head];
    from.read_exact(&mut message).await.ok()?;
    let length = u32::from_be_bytes(message[head - 4..].try_into().unwrap()) as usize;
    message.resize(head - 4 + length, 0);
    from.read_exact(&mut message[head..]).await.ok()?;
    Some(message)
}
