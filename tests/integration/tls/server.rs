//! A PostgreSQL that offers TLS, at an address of loopback that is its own.

use std::path::PathBuf;
use std::process::Output;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::support::binary::run;
use crate::support::cluster::Node;
use crate::support::pki::{Authority, Certified};

/// What its certificate is for, and what it is called in connection strings.
pub const HOST: &str = "db.internal";

/// What a connection over the network must show.
pub const PASSWORD: &str = "the-secret-of-the-database";

/// How it takes connections under TLS alone, and by password.
pub const HOSTSSL: &str = "hostssl all all 127.0.0.0/8 scram-sha-256";

/// A running server, and the CA of its certificate.
pub struct Secured {
    pub node: Node,
    pub address: String,
    pub authority: Authority,
    folder: tempfile::TempDir,
}

impl Secured {
    /// One with a certificate for [`HOST`] that takes network connections by this line of `pg_hba.conf`.
    pub async fn start(line: &str) -> Self {
        let authority = Authority::new("databases");
        let certified = authority.certify(&[HOST]);
        Self::start_with(authority, &certified, line).await
    }

    /// One with that certificate.
    pub async fn start_with(authority: Authority, certified: &Certified, line: &str) -> Self {
        let secured = Self::plain(authority, line).await;
        secured.show(certified).await;
        secured.node.set("ssl", "on").await;
        secured.restart().await;
        secured
    }

    /// One that offers no TLS.
    pub async fn plain(authority: Authority, line: &str) -> Self {
        let (node, address) = (Node::primary().await, free_address());
        let password = format!("ALTER ROLE rolegate PASSWORD '{PASSWORD}'");
        node.client().await.batch_execute(&password).await.unwrap();
        let rules = node.write("hba.conf", &format!("local all all trust\n{line}\n"));
        node.set("hba_file", &rules).await;
        node.set("listen_addresses", &address).await;
        let secured = Self { node, address, authority, folder: tempfile::tempdir().unwrap() };
        secured.restart().await;
        secured
    }

    /// Shows another certificate to connections from now on.
    pub async fn show(&self, certified: &Certified) {
        let (certificate, key) =
            (self.node.write("server.pem", &certified.certificate), self.node.write("server.key", &certified.key));
        self.node.set("ssl_cert_file", &certificate).await;
        self.node.set("ssl_key_file", &key).await;
    }

    pub async fn restart(&self) {
        self.node.stop().await;
        self.node.start().await;
    }

    /// A file with that in it, as whoever runs rolegate would have it.
    pub fn file(&self, name: &str, content: &str) -> String {
        use std::os::unix::fs::PermissionsExt as _;
        let path: PathBuf = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// The file with its CA.
    pub fn root(&self) -> String {
        self.file("root.pem", &self.authority.pem)
    }

    /// How to connect, by its name, with these parameters.
    pub fn url(&self, parameters: &str) -> String {
        self.url_as(HOST, parameters)
    }

    /// The same, by another name.
    pub fn url_as(&self, host: &str, parameters: &str) -> String {
        let address = &self.address;
        format!("postgresql://rolegate:{PASSWORD}@{host}/rolegate?hostaddr={address}&{parameters}")
    }
}

/// Runs `rolegate migrate`; says whether that went well, and what it said.
pub async fn migrate(url: &str) -> (bool, String) {
    said(&run(&["migrate", "--database-url", url]).await)
}

/// What a command said, which is never the password.
pub fn said(output: &Output) -> (bool, String) {
    let text = String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned();
    assert!(!text.contains(PASSWORD) && !text.contains("panicked"), "{text}");
    (output.status.success(), text)
}

/// An address of loopback that no other test of this machine has.
fn free_address() -> String {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let process = std::process::id();
    format!("127.{}.{}.{}", 1 + (process >> 8) % 250, process % 250, NEXT.fetch_add(1, Ordering::Relaxed))
}
