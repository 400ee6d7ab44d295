//! A connection to Postgres: bounded in time, encrypted unless the server is on this machine, dropped when broken.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::task::JoinHandle;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::Error;

/// How long a connection may take: a database that needs longer is as good as gone, and the queue keeps the message.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long the kernel waits for a silent peer before it probes; a frozen sandbox wakes up to dead sockets.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);

/// How the parser names an option whose value it does not understand, without the value.
const BAD_VALUE: &str = "invalid value for option";
/// What is said of a text that is no connection string.
const EXPECTED: &str = "expected postgres://USER:PASSWORD@HOST:5432/DATABASE, with @ : / ? # % in the password written as %40 %3A %2F %3F %23 %25";

/// A connection and the task that drives it. Dropping it closes the socket at once, answered or not.
pub struct Connection {
    /// The client; use only its `*_typed` calls and `batch_execute`.
    pub client: Client,
    driver: JoinHandle<()>,
}

impl Connection {
    /// Connects to `url`, a connection string as `libpq` reads it.
    ///
    /// The certificate is verified against the public roots, and against `ca_pem` where given (RDS and others have
    /// authorities of their own). Servers on the loopback interface, and URLs that say `sslmode=disable`, go without.
    ///
    /// # Errors
    /// [`Error::BadUrl`], [`Error::BadCertificate`], [`Error::Connect`], or [`Error::Timeout`] after three seconds.
    pub async fn open(url: &SecretString, ca_pem: Option<&str>) -> Result<Self, Error> {
        let config = parse(url.expose_secret())?;
        let host = name(&config);
        let tls = tls::client_config(ca_pem)?;
        let connecting = async {
            match config.get_ssl_mode() {
                SslMode::Disable => {
                    let (client, connection) = config.connect(tokio_postgres::NoTls).await?;
                    Ok((client, tokio::spawn(drive(connection))))
                }
                _ => {
                    let (client, connection) = config.connect(MakeRustlsConnect::new(tls)).await?;
                    Ok((client, tokio::spawn(drive(connection))))
                }
            }
        };
        match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(Ok((client, driver))) => Ok(Self { client, driver }),
            Ok(Err(source)) => Err(Error::Connect { host, source }),
            Err(_) => Err(Error::Timeout { statement: "connecting", seconds: CONNECT_TIMEOUT.as_secs() }),
        }
    }

    /// Whether the server has hung up, as far as we have noticed.
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

async fn drive<S, T>(connection: tokio_postgres::Connection<S, T>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    if let Err(error) = connection.await {
        // Whoever waits for an answer gets the error, too; this line is for a connection that broke while idle.
        tracing::debug!(error = %error, "The connection to Postgres ended");
    }
}

fn parse(url: &str) -> Result<Config, Error> {
    let bad = |reason: &str| Error::BadUrl { reason: reason.to_owned() };
    let before_options = url.split('?').next().unwrap_or(url);
    if url.contains("://") && before_options.matches('@').count() > 1 {
        // What follows the first @ would be taken for the host, and named in every error.
        return Err(bad("it holds more than one @; in a user's name or a password, write it as %40"));
    }
    // The parser knows `require` only; with rustls every mode that encrypts verifies.
    let known = url.replace("sslmode=verify-full", "sslmode=require").replace("sslmode=verify-ca", "sslmode=require");
    let mut config: Config = known.parse().map_err(|error: tokio_postgres::Error| {
        let said = error.into_source().map(|cause| cause.to_string()).unwrap_or_default();
        // Its other complaints quote the text, and a password with a space in it is an unknown option to it.
        bad(if said.starts_with(BAD_VALUE) { &said } else { EXPECTED })
    })?;
    if config.get_ssl_mode() == SslMode::Prefer {
        config.ssl_mode(if is_local(&config) { SslMode::Disable } else { SslMode::Require });
    }
    config.connect_timeout(CONNECT_TIMEOUT).keepalives(true).keepalives_idle(KEEPALIVE_IDLE);
    if config.get_application_name().is_none() {
        config.application_name("watchkeeper");
    }
    Ok(config)
}

fn is_local(config: &Config) -> bool {
    config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        Host::Unix(_) => true,
    })
}

fn name(config: &Config) -> String {
    let port = config.get_ports().first().copied().unwrap_or(5432);
    match config.get_hosts().first() {
        Some(Host::Tcp(name)) => format!("{name}:{port}"),
        Some(Host::Unix(path)) => path.display().to_string(),
        None => "an unnamed host".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remote_server_must_encrypt_and_a_local_one_need_not() {
        for (url, mode) in [
            ("postgres://u:p@db.example.com/app", SslMode::Require),
            ("postgres://u:p@db.example.com/app?sslmode=verify-full", SslMode::Require),
            ("postgres://u:p@db.example.com/app?sslmode=disable", SslMode::Disable),
            ("postgres://u:p@127.0.0.1:5433/app", SslMode::Disable),
            ("postgres://u:p@localhost/app?sslmode=require", SslMode::Require),
        ] {
            assert_eq!(parse(url).expect(url).get_ssl_mode(), mode, "{url}");
        }
    }

    #[test]
    fn a_bad_url_is_refused_without_being_shown() {
        for (url, said) in [
            ("postgres://u:hunter2@host/app?sslmode=perhaps", "invalid value for option `sslmode`"),
            ("postgres://u:p@hunter2@host/app", "more than one @"),
            ("postgres://u:p@hunter2/x@host/app", "more than one @"),
            ("postgres://u:p@hunter2:x/app", "invalid value for option `port`"),
            ("host=db user=u password=my hunter2=x", "expected postgres://USER"),
            ("host=db user=u password=my hunter2 3", "expected postgres://USER"),
            ("hunter2", "expected postgres://USER"),
            ("mysql://u:hunter2@host/app", "expected postgres://USER"),
        ] {
            let error = parse(url).expect_err(url);
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("hunter2") && shown.contains(said), "{url}: {shown}");
        }
    }
}
