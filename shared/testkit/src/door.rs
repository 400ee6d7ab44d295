//! A way to a server that can be shut and opened again: for the server to be gone for one client, and for nobody else.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A port that leads to a server. Dropping it shuts it.
#[derive(Debug)]
pub struct Door {
    to: String,
    address: SocketAddr,
    guests: JoinSet<()>,
}

impl Door {
    /// An open door on a free port; `server` is `HOST:PORT`.
    ///
    /// # Errors
    /// When there is no port to be had.
    pub async fn to(server: &str) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("opening a port")?;
        let address = listener.local_addr().context("reading its number")?;
        let mut door = Self { to: server.to_owned(), address, guests: JoinSet::new() };
        door.serve(listener);
        Ok(door)
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Hangs up on everybody, and nobody answers any more.
    pub async fn close(&mut self) {
        self.guests.shutdown().await;
    }

    /// Opens it again at the same port.
    ///
    /// # Errors
    /// When somebody else has taken the port.
    pub async fn open(&mut self) -> Result<()> {
        let listener = TcpListener::bind(self.address).await.context("opening the same port")?;
        self.serve(listener);
        Ok(())
    }

    fn serve(&mut self, listener: TcpListener) {
        let to = self.to.clone();
        self.guests.spawn(async move {
            let mut guests = JoinSet::new();
            while let Ok((mut guest, _)) = listener.accept().await {
                let to = to.clone();
                guests.spawn(async move {
                    if let Ok(mut server) = TcpStream::connect(&to).await {
                        // Whoever hangs up first ends it; that is no error here.
                        let _ = tokio::io::copy_bidirectional(&mut guest, &mut server).await;
                    }
                });
            }
        });
    }
}
