//! Stands between a client and Postgres and does what networks and poolers do: refuses, hangs, delays, cuts off, loses one
//! direction; and, where it is strict, refuses what a transaction pooler cannot keep.

mod frontend;
mod pump;
mod session_state;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Where bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Towards {
    /// To Postgres.
    Server,
    /// To whoever connected.
    Client,
}

/// What is wrong with the way to the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// Everybody is hung up on, at once and before a word was said.
    Refuse,
    /// New connections are told what a pooler says that has none left; open ones go on.
    PoolerIsFull,
    /// Connections are accepted, and nothing moves on them or on open ones until this ends.
    Hang,
    /// Whatever is sent arrives so much later.
    Delay(Duration),
    /// Each connection breaks once so many bytes have gone in a direction since this began.
    Cut {
        /// Which bytes are counted.
        towards: Towards,
        /// How many still arrive.
        after: usize,
    },
    /// Each connection breaks when this simple statement is sent.
    CutAt {
        /// The statement, such as `commit`.
        statement: &'static str,
        /// Whether the server still gets it, so that nobody but the server knows what came of it.
        arrives: bool,
    },
    /// What goes in a direction vanishes, and the connection stays open.
    HalfOpen {
        /// Which bytes are lost.
        lost: Towards,
    },
}

/// A proxy on a port of its own. Dropping it hangs up on everybody.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    fault: watch::Sender<Fault>,
    refused: Refused,
    asked: Asked,
    _guests: JoinSet<()>,
}

/// What a strict proxy refused, in words.
type Refused = Arc<Mutex<Vec<String>>>;
/// How often guests asked for an answer.
type Asked = Arc<AtomicUsize>;

impl Proxy {
    /// A proxy to `server`, which is `HOST:PORT`, that lets every statement pass.
    ///
    /// # Errors
    /// When there is no port to be had.
    pub async fn lenient(server: &str) -> Result<Self> {
        Self::start(server, false).await
    }

    /// The same, refusing named statements and all state of a session, as a strict transaction pooler does: the statement
    /// fails on the server, with the reason.
    ///
    /// # Errors
    /// When there is no port to be had.
    pub async fn strict(server: &str) -> Result<Self> {
        Self::start(server, true).await
    }

    async fn start(server: &str, is_strict: bool) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("opening a port for the proxy")?;
        let address = listener.local_addr().context("reading the proxy's port")?;
        let (fault, watching) = watch::channel(Fault::None);
        let refused = Refused::default();
        let mut guests = JoinSet::new();
        let asked = Asked::default();
        let way = pump::Way {
            server: server.to_owned(),
            fault: watching,
            is_strict,
            refused: Arc::clone(&refused),
            asked: Arc::clone(&asked),
        };
        guests.spawn(async move {
            let mut guests = JoinSet::new();
            while let Ok((guest, _)) = listener.accept().await {
                guests.spawn(way.clone().serve(guest));
            }
        });
        Ok(Self { address, fault, refused, asked, _guests: guests })
    }

    /// Begins a fault, for connections that are open and those that come, or ends it.
    pub fn behave(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }

    /// What was refused since the last look.
    pub fn take_refused(&self) -> Vec<String> {
        std::mem::take(&mut *self.refused.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How many statements guests have waited for since the last look, once connected. As many round trips they took at
    /// most: statements that are sent together share one.
    pub fn take_asked(&self) -> usize {
        self.asked.swap(0, Ordering::Relaxed)
    }

    /// The address of a database behind the proxy, from `postgres://USER@HOST:PORT/DATABASE`.
    ///
    /// # Errors
    /// When the address has not that shape.
    pub fn url(&self, database_url: &str) -> Result<String> {
        let (user, place) = database_url.split_once('@').context("a database address without a user")?;
        let (_, database) = place.split_once('/').context("a database address without a database")?;
        Ok(format!("{user}@{}/{database}", self.address))
    }
}
