//! Why there is no connection, in a sentence that says what mends it.

use std::error::Error as StdError;
use std::io;

use jiff::Timestamp;
use rustls::pki_types::UnixTime;
use rustls::{CertificateError, Error};
use tokio_postgres::error::DbError;

/// Why a handshake came to nothing. No secret is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refusal(String);

impl Refusal {
    pub(super) fn unprepared() -> Self {
        Self("TLS was not prepared for this connection".to_owned())
    }

    /// Why this host is not talked to.
    pub(super) fn of_handshake(host: &str, error: &io::Error) -> Self {
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<Error>());
        Self(match cause {
            Some(Error::InvalidCertificate(flaw)) => of_certificate(host, flaw),
            Some(Error::AlertReceived(alert)) => {
                format!("{host} broke the TLS handshake off ({alert:?}); its log says why")
            }
            Some(other) => format!("TLS with {host} failed: {other}"),
            None => format!("TLS with {host} failed: {error}; look whether a PostgreSQL that offers TLS is there"),
        })
    }
}

fn of_certificate(host: &str, flaw: &CertificateError) -> String {
    let of_host = format!("the certificate of PostgreSQL at {host}");
    match flaw {
        CertificateError::Expired => format!("{of_host} has expired; give the server a new one"),
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("{of_host} expired on {}; give the server a new one", date(*not_after))
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            format!("{of_host} is not valid yet; look at the clocks of both machines")
        }
        // a CA of the same name with another key is as unknown
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            format!("{of_host} was signed by no CA that is trusted; name the file with its CA as sslrootcert")
        }
        CertificateError::NotValidForName => of_name(&of_host, host, &[]),
        CertificateError::NotValidForNameContext { presented, .. } => of_name(&of_host, host, presented),
        other if other.to_string().contains("CaUsedAsEndEntity") => {
            format!("{of_host} is that of a CA; have a CA sign one for the server, and name the CA as sslrootcert")
        }
        other => format!("{of_host} can't be verified ({other}); give the server another one"),
    }
}

fn of_name(of_host: &str, host: &str, presented: &[String]) -> String {
    if presented.is_empty() {
        return format!(
            "{of_host} names no host as a subjectAltName; give the server one that names {host}, or say sslmode=verify-ca"
        );
    }
    // as the library shows them: DnsName("db")
    let bare = |name: &String| name.split(['(', ')', '"']).filter(|part| !part.is_empty()).nth(1).map(str::to_owned);
    let names: Vec<String> = presented.iter().map(|name| bare(name).unwrap_or_else(|| name.clone())).collect();
    format!(
        "{of_host} is for {}, not for {host}; connect by a name that it has, or say sslmode=verify-ca where any server \
         of that CA will do",
        names.join(", ")
    )
}

fn date(time: UnixTime) -> String {
    let second = i64::try_from(time.as_secs()).ok().and_then(|second| Timestamp::from_second(second).ok());
    second.map_or_else(|| "a day long ago".to_owned(), |time| time.strftime("%Y-%m-%d").to_string())
}

/// What a failure of the driver comes to, where it is about who may connect and how.
pub(crate) fn explain(error: &tokio_postgres::Error) -> Option<Refusal> {
    if let Some(answer) = error.as_db_error() {
        return of_answer(answer);
    }
    let mut cause = StdError::source(error);
    while let Some(current) = cause {
        if let Some(refusal) = current.downcast_ref::<Refusal>() {
            return Some(refusal.clone());
        }
        let inner = current.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        // under TLS 1.3 the server looks at this side's certificate only after the handshake
        if let Some(Error::AlertReceived(alert)) = inner.and_then(|inner| inner.downcast_ref::<Error>()) {
            return Some(Refusal(format!(
                "PostgreSQL broke the connection off ({alert:?}); look at sslcert and sslkey, and at its log"
            )));
        }
        if current.to_string() == WITHOUT_TLS {
            return Some(Refusal(
                "PostgreSQL offers no TLS; set `ssl = on` there, or say sslmode=disable in the connection string where \
                 nobody else is on the way"
                    .to_owned(),
            ));
        }
        cause = current.source();
    }
    None
}

/// What the driver says of it, and nothing else does.
const WITHOUT_TLS: &str = "server does not support TLS";

/// A refusal of the server's own, which may be about TLS.
fn of_answer(answer: &DbError) -> Option<Refusal> {
    if !answer.code().code().starts_with("28") {
        return None;
    }
    let message = answer.message();
    let mends = if message.starts_with("no pg_hba.conf entry") {
        if message.ends_with(", no encryption") {
            "; it may take connections under TLS alone: say sslmode=verify-full in the connection string"
        } else if message.ends_with(", SSL encryption") {
            "; it may take connections in the clear alone: have it take them under TLS (`hostssl`), or say sslmode=disable"
        } else {
            ""
        }
    } else {
        ""
    };
    Some(Refusal(format!("PostgreSQL refused: {message}{mends}")))
}
