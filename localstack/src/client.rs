//! The commands that talk to a cloud another process runs.

use std::{
    fs,
    io::{Read, Write},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use testkit::{
    children::{self, Signal},
    emulator::Access,
};
use tokio::time::sleep;

use crate::{
    aws::Aws,
    cloud::names,
    stack::Stack,
    supervisor::{self, asked_to_end, control_url},
};

/// `invoke FUNCTION FILE|-`: prints the answer; false when it is an error.
///
/// # Errors
/// When there is no such function or file, or the cloud does not answer.
pub async fn invoke(directory: &Path, function: &str, file: &str) -> Result<bool> {
    let payload = if file == "-" {
        let mut text = Vec::new();
        std::io::stdin().read_to_end(&mut text).context("reading the payload from stdin")?;
        text
    } else {
        fs::read(file).with_context(|| format!("reading the payload {file}"))?
    };
    let stack = Stack::read(directory)?;
    let arn = stack.functions.get(function);
    let arn = arn.with_context(|| format!("no function {function}: there are {}", names(&stack)))?;
    let answer = client(&stack)?.invoke(arn, &payload).await?;
    println!("{}", serde_json::to_string_pretty(&answer.payload).context("printing the answer")?);
    Ok(!answer.failed)
}

/// `logs FUNCTION`.
///
/// # Errors
/// When there is no such function or the cloud does not answer.
pub async fn logs(directory: &Path, function: &str) -> Result<()> {
    let stack = Stack::read(directory)?;
    if !stack.functions.contains_key(function) {
        bail!("no function {function}: there are {}", names(&stack));
    }
    let mut out = std::io::stdout().lock();
    for line in client(&stack)?.log_lines(&stack.log_group(function)).await? {
        writeln!(out, "{}", line.trim_end()).context("printing the log")?;
    }
    Ok(())
}

/// Passes an order such as `postgres/stop` on to the supervisor and prints what it did.
///
/// # Errors
/// When none runs, or it refuses.
pub async fn order(directory: &Path, order: &str) -> Result<()> {
    let url = format!("{}/{order}", control_url(directory)?);
    // The provider is installed when a client for AWS is made; orders need none of it but reqwest insists.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().context("making an HTTP client")?;
    let answer = client.post(&url).send().await.context("the supervisor of the local cloud does not answer")?;
    let (done, text) = (answer.status().is_success(), answer.text().await.context("reading its answer")?);
    if !done {
        bail!("{text}");
    }
    println!("{text}");
    Ok(())
}

/// `up --detach`: starts a supervisor in a session of its own and returns once it has deployed.
///
/// # Errors
/// When one runs already, or the start fails; its output has been shown by then.
pub async fn detach(directory: &Path, arguments: &[String]) -> Result<()> {
    if let Some(process) = supervisor::holder(directory)? {
        bail!("a local cloud runs here already (process {process}); `cargo local down` ends it");
    }
    let logs = directory.join("logs");
    fs::create_dir_all(&logs).with_context(|| format!("making {}", logs.display()))?;
    // What a killed cloud left must not look like the new one's readiness.
    let _ = fs::remove_file(directory.join(crate::stack::FILE));
    let log = logs.join("supervisor.log");
    let sink = fs::File::create(&log).with_context(|| format!("making {}", log.display()))?;
    let program = std::env::current_exe().context("finding this program")?;
    // Not one of our children: it is meant to outlive us, and makes a session of its own.
    let mut supervisor = Command::new(program)
        .arg("supervise")
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(sink.try_clone().context("sharing the supervisor's log")?)
        .stderr(sink)
        .spawn()
        .context("starting the supervisor")?;
    let mut shown = 0;
    let ended = asked_to_end();
    tokio::pin!(ended);
    loop {
        shown = show(&log, shown)?;
        if let Some(status) = supervisor.try_wait().context("looking after the supervisor")? {
            show(&log, shown)?;
            bail!("the local cloud did not start ({status}); the output above is kept in {}", log.display());
        }
        if directory.join(crate::stack::FILE).is_file() && control_url(directory).is_ok() {
            show(&log, shown)?;
            return Ok(());
        }
        tokio::select! {
            () = sleep(Duration::from_millis(100)) => {}
            reason = &mut ended => {
                children::send(supervisor.id(), Signal::TERM);
                bail!("{}; the local cloud was told to end", reason?);
            }
        }
    }
}

/// Copies what was added to a log to stderr.
fn show(log: &Path, from: usize) -> Result<usize> {
    let text = fs::read(log).with_context(|| format!("reading {}", log.display()))?;
    if let Some(added) = text.get(from..) {
        std::io::stderr().write_all(added).context("showing the supervisor's output")?;
    }
    Ok(text.len())
}

fn client(stack: &Stack) -> Result<Aws> {
    Aws::new(Access { endpoint: stack.aws_endpoint.clone(), account: stack.account.clone() })
}
