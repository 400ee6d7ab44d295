//! Runs statements from anywhere, inside an async runtime or out of it.

use std::thread;

use anyhow::{Context, Result, anyhow};
use tokio_postgres::NoTls;

/// Runs statements at `url`, on a thread of its own so that callers inside an async runtime may use it too.
///
/// # Errors
/// When a statement fails or the server does not answer.
pub fn execute(url: &str, statements: &str) -> Result<()> {
    thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .context("making a runtime for one statement")?;
            runtime.block_on(async {
                let (client, connection) =
                    tokio_postgres::connect(url, NoTls).await.with_context(|| format!("connecting to {url}"))?;
                let served = tokio::spawn(connection);
                client.batch_execute(statements).await.with_context(|| format!("running {statements:?}"))?;
                drop(client);
                // The server has closed the session once the connection task ends: a database is free
                // to be dropped or cloned when this function returns.
                let _ = served.await;
                Ok(())
            })
        });
        worker.join().map_err(|_| anyhow!("the thread that ran {statements:?} panicked"))?
    })
}
