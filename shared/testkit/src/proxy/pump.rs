//! Moves bytes between a guest and the server, as the fault of the moment has it.

use std::io;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;

use super::frontend::{Sent, fatal};
use super::{Asked, Fault, Refused, Towards};

/// What PgBouncer says of a pool that is full: https://www.pgbouncer.org/config.html#max_client_conn.
const FULL: (&str, &str) = ("53300", "no more connections allowed (max_client_conn)");

/// The way from guests to the server.
#[derive(Clone, Debug)]
pub(super) struct Way {
    pub(super) server: String,
    pub(super) fault: watch::Receiver<Fault>,
    pub(super) is_strict: bool,
    pub(super) refused: Refused,
    pub(super) asked: Asked,
}

/// What becomes of some bytes.
enum Passage {
    Pass,
    Vanish,
    /// So many still arrive, then the connection is over.
    Break(usize),
}

impl Way {
    /// Serves one guest to the end. Whoever hangs up first ends it; that is no error here.
    pub(super) async fn serve(self, mut guest: TcpStream) {
        let fault = *self.fault.borrow();
        match fault {
            Fault::Refuse => return,
            Fault::PoolerIsFull => {
                let _ = Sent::read(&mut guest, true).await;
                let _ = guest.write_all(&fatal(FULL.0, FULL.1)).await;
                let _ = guest.shutdown().await;
                return;
            }
            _ => {}
        }
        let mut refusing = self.fault.clone();
        let Ok(server) = TcpStream::connect(&self.server).await else { return };
        // What is sent in pieces would otherwise wait 40 ms for the receipt of the first piece, at every flush.
        if guest.set_nodelay(true).and_then(|()| server.set_nodelay(true)).is_err() {
            return;
        }
        let ((from_guest, to_guest), (from_server, to_server)) = (guest.into_split(), server.into_split());
        let (cut, is_cut) = watch::channel(false);
        tokio::select! {
            _ = self.clone().guest_to_server(from_guest, to_server, cut) => {}
            _ = self.server_to_guest(from_server, to_guest, is_cut) => {}
            _ = refusing.wait_for(|fault| *fault == Fault::Refuse) => {}
        }
    }

    async fn guest_to_server(
        mut self,
        mut from: OwnedReadHalf,
        mut to: OwnedWriteHalf,
        cut: watch::Sender<bool>,
    ) -> io::Result<()> {
        let mut gate = Gate::new(self.fault.clone(), Towards::Server);
        let mut opening = true;
        loop {
            let mut sent = Sent::read(&mut from, opening).await?;
            opening = opening && !sent.opens_session();
            if sent.wants_answer() {
                self.asked.fetch_add(1, Ordering::Relaxed);
            }
            if let Some(why) = sent.refusal().filter(|_| self.is_strict) {
                self.refused.lock().unwrap_or_else(PoisonError::into_inner).push(why.clone());
                if opening || sent.opens_session() {
                    return Ok(());
                }
                sent = sent.refused(&why);
            }
            let at_statement = *self.fault.borrow_and_update();
            if let Fault::CutAt { statement, arrives } = at_statement
                && sent.is_simple(statement)
            {
                if arrives {
                    // The guest is cut off first. The server is not reset, but reads on and hangs up by itself.
                    cut.send_replace(true);
                    to.write_all(&sent.bytes()).await?;
                    to.shutdown().await?;
                    std::future::pending::<()>().await;
                }
                return Ok(());
            }
            match gate.pass(sent.bytes().len()).await {
                Passage::Pass => to.write_all(&sent.bytes()).await?,
                Passage::Vanish => {}
                Passage::Break(after) => return to.write_all(&sent.bytes()[..after]).await,
            }
        }
    }

    async fn server_to_guest(
        self,
        mut from: OwnedReadHalf,
        mut to: OwnedWriteHalf,
        mut is_cut: watch::Receiver<bool>,
    ) -> io::Result<()> {
        let mut gate = Gate::new(self.fault, Towards::Client);
        let mut buffer = vec![0; 64 << 10];
        loop {
            let count = tokio::select! {
                biased;
                Ok(_) = is_cut.wait_for(|is_cut| *is_cut) => break,
                count = from.read(&mut buffer) => count?,
            };
            if count == 0 {
                return Ok(());
            }
            match gate.pass(count).await {
                Passage::Pass => to.write_all(&buffer[..count]).await?,
                Passage::Vanish => {}
                Passage::Break(after) => return to.write_all(&buffer[..after]).await,
            }
        }
        to.shutdown().await?;
        while from.read(&mut buffer).await? > 0 {}
        Ok(())
    }
}

/// Decides about the bytes of one direction of one connection.
struct Gate {
    fault: watch::Receiver<Fault>,
    towards: Towards,
    /// How many have passed since the fault began.
    passed: usize,
}

impl Gate {
    fn new(fault: watch::Receiver<Fault>, towards: Towards) -> Self {
        Self { fault, towards, passed: 0 }
    }

    async fn pass(&mut self, count: usize) -> Passage {
        loop {
            if self.fault.has_changed().unwrap_or(false) {
                self.passed = 0;
            }
            let fault = *self.fault.borrow_and_update();
            match fault {
                Fault::Hang => {
                    if self.fault.changed().await.is_err() {
                        return Passage::Break(0);
                    }
                }
                Fault::Delay(by) => {
                    tokio::time::sleep(by).await;
                    return Passage::Pass;
                }
                Fault::HalfOpen { lost } if lost == self.towards => return Passage::Vanish,
                Fault::Cut { towards, after } if towards == self.towards => {
                    let left = after.saturating_sub(self.passed);
                    if count > left {
                        return Passage::Break(left);
                    }
                    self.passed += count;
                    return Passage::Pass;
                }
                _ => return Passage::Pass,
            }
        }
    }
}
