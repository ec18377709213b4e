//! Which database to use, and what a connection string says of TLS: that part is not the driver's, which knows less of it.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use percent_encoding::percent_decode_str;
use tokio_postgres::Config;

use crate::store::{DatabaseAddress, Roots, TlsParameters};

/// Which database to use.
#[derive(Debug, Clone, Args)]
pub struct DatabaseOptions {
    /// PostgreSQL to use, as `postgresql://user:password@host/database`; of several hosts, `@host1,host2/database`, the one
    /// that takes writes is found. `?sslmode=verify-full&sslrootcert=FILE` verifies it; another machine is talked to under
    /// TLS unless it says `sslmode=disable`. Without it, a private server is started in the data folder.
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<DatabaseUrl>,

    /// Folder of the private PostgreSQL server. Default: ~/.local/share/rolegate, or /var/lib/rolegate as root.
    #[arg(long, env = "ROLEGATE_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,

    /// Folder that holds the programs postgres, initdb and pg_ctl for the private server. Default: found in PATH and the
    /// usual folders, else downloaded.
    #[arg(long, env = "ROLEGATE_POSTGRES_BIN_DIR", value_name = "DIR")]
    pub postgres_bin_dir: Option<PathBuf>,
}

/// A database to connect to. It may hold a password, so it never shows itself.
#[derive(Clone)]
pub struct DatabaseUrl(String);

impl From<String> for DatabaseUrl {
    fn from(url: String) -> Self {
        Self(url)
    }
}

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("DatabaseUrl(…)")
    }
}

impl DatabaseUrl {
    /// As it was given, for a process that is to use the same database. It may hold a password.
    pub fn secret(&self) -> &str {
        &self.0
    }

    /// Where the database is, by the URL that was given with `flag`. Reads the files that it names.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the URL or a file, without repeating the URL.
    pub fn address(&self, flag: &str) -> Result<DatabaseAddress, String> {
        let said = |problem: String| format!("{flag}: {problem}");
        let (rest, parameters) = split(&self.0).map_err(said)?;
        let expected = "write it as postgresql://user:password@host/database";
        let config = Config::from_str(&rest).map_err(|error| {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            format!("{flag}: {error}{cause}; {expected}")
        })?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(format!("{flag} names no host; {expected}"));
        }
        DatabaseAddress::new(config, parameters).map_err(said)
    }
}

/// A connection string without what it says of TLS, and that.
fn split(text: &str) -> Result<(String, TlsParameters), String> {
    let is_url = ["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme));
    if is_url { split_url(text) } else { split_words(text) }
}

/// One like `postgresql://user:password@host/database?key=value&…`.
fn split_url(url: &str) -> Result<(String, TlsParameters), String> {
    let mut parameters = TlsParameters::default();
    // a password may hold a question mark
    let after_password = url.find('@').map_or(0, |at| at + 1);
    let (head, tail) = url.split_at(after_password);
    let Some((place, query)) = tail.split_once('?') else { return Ok((url.to_owned(), parameters)) };
    let mut left = Vec::new();
    for pair in query.split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if !set(&mut parameters, &decoded(key)?, || decoded(value))? {
            left.push(pair);
        }
    }
    let mark = if left.is_empty() { "" } else { "?" };
    Ok((format!("{head}{place}{mark}{}", left.join("&")), parameters))
}

fn decoded(text: &str) -> Result<String, String> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(Into::into).map_err(|_| "a parameter is no text in UTF-8".to_owned())
}

/// One like `host=… user=… password='…'`.
fn split_words(text: &str) -> Result<(String, TlsParameters), String> {
    let mut parameters = TlsParameters::default();
    let (mut left, mut rest) = (String::new(), text.trim_start());
    while !rest.is_empty() {
        let Some((key, after)) = rest.split_once('=') else {
            // the driver says what is wrong with it
            left.push_str(rest);
            break;
        };
        let (value, next) = after.trim_start().split_at(value_end(after.trim_start()));
        if !set(&mut parameters, key.trim_end(), || Ok(unquoted(value)))? {
            left.push_str(&format!("{key}={value} "));
        }
        rest = next.trim_start();
    }
    Ok((left, parameters))
}

/// Where a value ends: at a space, or after its second quote, unless a backslash is before that.
fn value_end(text: &str) -> usize {
    let is_quoted = text.starts_with('\'');
    let mut is_escaped = false;
    for (index, character) in text.char_indices().skip(usize::from(is_quoted)) {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '\'' if is_quoted => return index + 1,
            character if !is_quoted && character.is_whitespace() => return index,
            _ => {}
        }
    }
    text.len()
}

fn unquoted(value: &str) -> String {
    let inner = value.strip_prefix('\'').map_or(value, |inner| inner.strip_suffix('\'').unwrap_or(inner));
    let mut characters = inner.chars();
    let mut text = String::new();
    while let Some(character) = characters.next() {
        text.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    text
}

/// Takes what is about TLS; says whether it is.
fn set(
    parameters: &mut TlsParameters,
    key: &str,
    value: impl FnOnce() -> Result<String, String>,
) -> Result<bool, String> {
    match key {
        "sslmode" => parameters.mode = Some(value()?.parse()?),
        "sslrootcert" => {
            parameters.roots =
                Some(value()?).map(|file| if file == "system" { Roots::System } else { Roots::File(file.into()) });
        }
        "sslcert" => parameters.certificate = Some(value()?.into()),
        "sslkey" => parameters.key = Some(value()?.into()),
        "sslnegotiation" if value()? == "direct" => {
            return Err("sslnegotiation=direct is not offered; leave it out".to_owned());
        }
        _ => return Ok(false),
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::TlsMode;

    fn taken(text: &str) -> (String, Option<TlsMode>, Option<Roots>) {
        let (rest, parameters) = split(text).unwrap();
        (rest, parameters.mode, parameters.roots)
    }

    #[test]
    fn what_is_about_tls_is_taken_out_of_a_url_and_the_rest_stays_as_it_is() {
        let file = Some(Roots::File("/a b/ca.pem".into()));
        let url =
            "postgresql://u:p%3F?@db1,db2:5433/d?application_name=x%20y&sslmode=verify-full&sslrootcert=/a%20b/ca.pem";
        let rest = "postgresql://u:p%3F?@db1,db2:5433/d?application_name=x%20y";
        assert_eq!(taken(url), (rest.to_owned(), Some(TlsMode::VerifyFull), file));
        let alone = taken("postgresql:///d?sslrootcert=system");
        assert_eq!(alone, ("postgresql:///d".to_owned(), None, Some(Roots::System)));
    }

    #[test]
    fn what_is_about_tls_is_taken_out_of_words_and_the_rest_stays_as_it_is() {
        let text = r"host=db sslmode = require password='a \' sslmode=disable' sslrootcert='/a b/c\'a.pem' user=u\ v";
        let (rest, mode, roots) = taken(text);
        assert_eq!(rest, r"host=db password='a \' sslmode=disable' user=u\ v ");
        assert_eq!((mode, roots), (Some(TlsMode::Require), Some(Roots::File("/a b/c'a.pem".into()))));
        let config: Config = rest.parse().unwrap();
        assert_eq!(config.get_user(), Some("u v"));
        assert_eq!(config.get_password(), Some(b"a ' sslmode=disable".as_slice()));
    }

    #[test]
    fn what_makes_no_sense_is_refused_without_the_url() {
        let refused = |text: &str| DatabaseUrl(text.to_owned()).address("--database-url").err().unwrap();
        for (text, part) in [
            ("postgresql://u:secret@db/d?sslmode=allow", "verify-full"),
            ("postgresql://u:secret@db/d?sslmode=verify-ca", "sslrootcert"),
            ("postgresql://u:secret@db/d?sslcert=/a.pem", "sslkey"),
            ("postgresql://u:secret@db/d?sslnegotiation=direct", "leave it out"),
            ("postgresql://u:secret@db/d?sslmode=require&sslrootcert=system", "verify-full"),
            ("postgresql://u:secret@db/d?sslrootcert=/not/there.pem", "name a file that rolegate may read"),
            ("host=db password='secret sslmode=require", "unterminated"),
            ("password=secret sslmode=require", "names no host"),
            ("nonsense", "postgresql://user:password@host/database"),
        ] {
            let said = refused(text);
            assert!(said.contains("--database-url") && said.contains(part) && !said.contains("secret"), "{said}");
        }
    }
}
