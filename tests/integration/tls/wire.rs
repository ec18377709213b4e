//! What lies between rolegate and PostgreSQL, and sees what each connection begins with.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// The first eight bytes of a connection that asks for TLS.
const ASKS_FOR_TLS: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// Passes connections on.
pub struct Wire {
    pub port: u16,
    seen: Arc<Mutex<Vec<[u8; 8]>>>,
}

impl Wire {
    /// Begins to pass on to the server at that address.
    pub async fn to(address: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen: Arc<Mutex<Vec<[u8; 8]>>> = Arc::default();
        let (noted, address) = (Arc::clone(&seen), format!("{address}:5432"));
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let (noted, address) = (Arc::clone(&noted), address.clone());
                tokio::spawn(async move {
                    let mut first = [0; 8];
                    near.read_exact(&mut first).await?;
                    noted.lock().unwrap().push(first);
                    let mut far = TcpStream::connect(address).await?;
                    far.write_all(&first).await?;
                    copy_bidirectional(&mut near, &mut far).await
                });
            }
        });
        Self { port, seen }
    }

    /// How many connections there were, all of which asked for TLS before anything else.
    pub fn all_encrypted(&self) -> usize {
        let seen = self.seen.lock().unwrap();
        assert!(seen.iter().all(|first| *first == ASKS_FOR_TLS), "{seen:?}");
        seen.len()
    }
}
