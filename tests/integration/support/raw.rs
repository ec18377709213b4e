//! HTTP/2 by hand: what no well-behaved client would send.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What a client says first.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;

const ACK: u8 = 1;

/// A connection on which frames are written as they come.
pub struct RawConnection {
    stream: TcpStream,
}

impl RawConnection {
    /// A connection on which nothing has been said.
    pub async fn silent(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap() }
    }

    /// A connection that speaks HTTP/2, and has asked nothing.
    pub async fn open(address: SocketAddr) -> Self {
        let mut connection = Self::silent(address).await;
        connection.send(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).await.unwrap();
        connection
    }

    /// Sends bytes; the other end may have closed.
    pub async fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Sends a ping.
    pub async fn ping(&mut self) -> std::io::Result<()> {
        self.send(&frame(PING, 0, 0, &[7; 8])).await
    }

    /// Reads until the other end closes, and answers its pings; whether it said why, and with which code.
    pub async fn until_closed(&mut self) -> Option<u32> {
        let (mut header, mut said) = ([0; 9], None);
        while self.stream.read_exact(&mut header).await.is_ok() {
            let length = u32::from_be_bytes([0, header[0], header[1], header[2]]);
            let mut payload = vec![0; length as usize];
            if self.stream.read_exact(&mut payload).await.is_err() {
                break;
            }
            if header[3] == PING && header[4] & ACK == 0 {
                let _ = self.send(&frame(PING, ACK, 0, &payload)).await;
            }
            if header[3] == GOAWAY {
                said = Some(u32::from_be_bytes(payload[4..8].try_into().unwrap()));
            }
        }
        said
    }
}

/// The beginning of a call of that RPC, without its message.
pub fn call(stream: u32, path: &str) -> Vec<u8> {
    // POST, http, and literals that are not to be remembered
    let mut block = vec![0x83, 0x86];
    block.extend([0x04, u8::try_from(path.len()).unwrap()]);
    block.extend(path.bytes());
    block.extend([0x0f, 0x10, 16]);
    block.extend(b"application/grpc");
    frame(HEADERS, 4, stream, &block)
}

/// The end of a call that its caller wants no more.
pub fn reset(stream: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &8u32.to_be_bytes())
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}
