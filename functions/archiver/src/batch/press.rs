//! Rows become Parquet on a thread of their own: the server goes on sending, and parts go to S3, while a group is packed.

use bytes::{Bytes, BytesMut};
use columnar::{Writer, Written};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::source::Trouble;

/// Bytes that are handed over at once: enough to spread the cost of waking the other thread.
const PIECE: usize = 64 << 10;
/// So many of them wait while a group is packed: half of what the server sends meanwhile.
const PIECES: usize = 128;
/// Parts of the file that wait to be sent, of some MB each.
const PARTS: usize = 1;

/// The end that rows go in at.
pub(super) struct Feed {
    pieces: Sender<Bytes>,
    waiting: BytesMut,
}

/// The end that the file comes out at.
pub(super) struct Press {
    /// What is finished of the file, in order.
    pub(super) parts: Receiver<Bytes>,
    thread: JoinHandle<Result<Written, Trouble>>,
}

/// Begins a file.
pub(super) fn press(writer: Writer) -> (Feed, Press) {
    let (pieces, taken) = channel(PIECES);
    let (finished, parts) = channel(PARTS);
    let thread = spawn_blocking(move || write(writer, taken, &finished));
    (Feed { pieces, waiting: BytesMut::new() }, Press { parts, thread })
}

fn write(mut writer: Writer, mut pieces: Receiver<Bytes>, parts: &Sender<Bytes>) -> Result<Written, Trouble> {
    let mut stream = columnar::copy::Stream::new();
    while let Some(piece) = pieces.blocking_recv() {
        stream.feed(&piece, |tuple| writer.push(tuple))?;
        if writer.finished() > 0 && parts.blocking_send(writer.take()).is_err() {
            // Whoever sends them has given up, and says why.
            break;
        }
    }
    stream.finish()?;
    Ok(writer.finish()?)
}

impl Feed {
    /// Takes what the server sent; false once nothing more is wanted, for which [`Press::written`] has the reason.
    pub(super) async fn push(&mut self, piece: &[u8]) -> bool {
        self.waiting.extend_from_slice(piece);
        self.waiting.len() < PIECE || self.hand_over().await
    }

    /// Says that this was all.
    pub(super) async fn end(mut self) {
        self.hand_over().await;
    }

    async fn hand_over(&mut self) -> bool {
        let piece = std::mem::replace(&mut self.waiting, BytesMut::with_capacity(PIECE)).freeze();
        self.pieces.send(piece).await.is_ok()
    }
}

impl Press {
    /// The whole file, once everything came that the server had.
    ///
    /// # Errors
    /// A row that cannot be carried, or a stream that broke off.
    pub(super) async fn written(self) -> Result<Written, Trouble> {
        drop(self.parts);
        self.thread.await.map_err(|error| Trouble::Refused(format!("packing rows: {error}")))?
    }
}
