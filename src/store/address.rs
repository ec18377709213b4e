//! Where a database is, and how it is reached: what a connection string says.

use std::net::IpAddr;

use tokio_postgres::Config;
use tokio_postgres::config::{ChannelBinding, Host, SslMode};

use super::tls::{Roots, Tls, TlsMode, TlsParameters};

/// The servers of a database, whom to be there, and how connections are encrypted. Cheap enough to clone.
#[derive(Clone)]
pub struct DatabaseAddress {
    config: Config,
    tls: Tls,
    danger: Option<&'static str>,
}

impl DatabaseAddress {
    /// Reads the files that are named for TLS.
    ///
    /// # Errors
    /// A sentence that says what makes no sense or can't be used, and what mends it.
    pub fn new(mut config: Config, parameters: TlsParameters) -> Result<Self, String> {
        let is_near = is_near(&config);
        let (mode, roots) = parameters.settle(is_near)?;
        // with it the password proves both sides to each other, and that nobody sits in between
        let is_bound = config.get_channel_binding() == ChannelBinding::Require;
        let danger = if is_near || is_bound { None } else { danger(mode, roots.as_ref()) };
        config.ssl_mode(mode.driver());
        Ok(Self { config, tls: Tls::open(mode, roots, parameters)?, danger })
    }

    /// Servers without TLS, as those are that this process starts for itself. One that asks for it is never reached.
    pub fn in_the_clear(mut config: Config) -> Self {
        if config.get_ssl_mode() == SslMode::Prefer {
            config.ssl_mode(SslMode::Disable);
        }
        Self { config, tls: Tls::none(), danger: None }
    }

    /// Another database of the same servers.
    #[must_use]
    pub fn dbname(&self, name: &str) -> Self {
        let mut other = self.clone();
        other.config.dbname(name);
        other
    }

    /// What somebody on the way to another machine could do, to be said at every start.
    pub fn danger(&self) -> Option<&'static str> {
        self.danger
    }

    pub(super) fn parts(&self) -> (&Config, &Tls) {
        (&self.config, &self.tls)
    }
}

impl From<Config> for DatabaseAddress {
    fn from(config: Config) -> Self {
        Self::in_the_clear(config)
    }
}

impl From<&Config> for DatabaseAddress {
    fn from(config: &Config) -> Self {
        Self::in_the_clear(config.clone())
    }
}

impl From<&Self> for DatabaseAddress {
    fn from(address: &Self) -> Self {
        address.clone()
    }
}

fn danger(mode: TlsMode, roots: Option<&Roots>) -> Option<&'static str> {
    match (mode, roots) {
        (TlsMode::Disable, _) => Some("sslmode=disable: whoever is on the way reads the password and all data"),
        (TlsMode::Prefer, _) => Some(
            "sslmode=prefer: whoever is on the way can have PostgreSQL answer in the clear; say sslmode=verify-full",
        ),
        (TlsMode::Require, None) => Some(
            "nobody verifies that it is PostgreSQL that answers; say sslmode=verify-full, with its CA as sslrootcert \
             unless the system trusts it",
        ),
        (TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull, _) => None,
    }
}

/// Whether all servers are on this machine.
fn is_near(config: &Config) -> bool {
    let (hosts, addresses) = (config.get_hosts(), config.get_hostaddrs());
    (0..hosts.len().max(addresses.len())).all(|index| match (addresses.get(index), hosts.get(index)) {
        (Some(address), _) => address.is_loopback(),
        (None, Some(Host::Unix(_))) => true,
        (None, Some(Host::Tcp(host))) => {
            host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
        }
        (None, None) => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_servers_of_this_machine_are_near() {
        let near = |text: &str| is_near(&text.parse().unwrap());
        assert!(
            near("postgresql://u@localhost/d") && near("postgresql://u@127.0.0.1,[::1]/d") && near("host=/run user=u")
        );
        assert!(near("host=db hostaddr=127.0.0.1 user=u"));
        for far in ["postgresql://u@db/d", "postgresql://u@localhost,db/d", "host=localhost hostaddr=10.0.0.1 user=u"] {
            assert!(!near(far), "{far}");
        }
    }

    #[test]
    fn what_is_dangerous_is_said_of_other_machines_alone() {
        let said = |host: &str, mode| {
            let parameters = TlsParameters { mode, ..TlsParameters::default() };
            DatabaseAddress::new(format!("host={host} user=u").parse().unwrap(), parameters).unwrap().danger()
        };
        assert!(said("db", None).unwrap().contains("verify-full"));
        assert!(said("db", Some(TlsMode::Prefer)).unwrap().contains("verify-full"));
        assert!(said("db", Some(TlsMode::Disable)).unwrap().contains("password"));
        for mode in [None, Some(TlsMode::Disable), Some(TlsMode::Require)] {
            assert_eq!(said("localhost", mode), None);
        }
    }
}
