//! `docs/RECEIVERS.md` is true: the program in it checks real signatures, and each kind has the rate it names.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use domain::Notice;
use domain::policy::Integration;
use domain::rate::{Rate, default_for};
use integrations::Http;
use integrations::Notifier;
use integrations::webhook::Webhook;
use serde_json::{Value, json};

use crate::stage::{HOOK_SECRET, fakes, notifier, sample};

const DOCUMENT: &str = include_str!("../../../../docs/RECEIVERS.md");

/// What the documented program says of each (secret, header, body, now).
fn verdicts(asked: &[Value]) -> Result<Vec<bool>> {
    let (_, from) = DOCUMENT.split_once("```python\n").context("a program in Python")?;
    let (program, _) = from.split_once("```").context("its end")?;
    let driver = "import json, sys\n\
        check = lambda a: is_from_watchkeeper(a['secret'].encode(), a['header'], a['body'].encode(), a['now'])\n\
        json.dump([check(a) for a in json.load(sys.stdin)], sys.stdout)\n";
    let mut python = Command::new("python3")
        .args(["-c", &format!("{program}\n{driver}")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    python.stdin.take().context("its input")?.write_all(&serde_json::to_vec(asked)?)?;
    let output = python.wait_with_output()?;
    anyhow::ensure!(output.status.success(), "the documented program failed");
    Ok(serde_json::from_slice(&output.stdout)?)
}

#[tokio::test]
async fn the_documented_program_takes_what_we_sign_and_nothing_else() -> Result<()> {
    let fakes = fakes().await?;
    notifier(Integration::Webhook, &fakes.url()).notify(&sample(Notice::Firing), false).await?;
    let request = fakes.received().remove(0);
    let (header, body) = (&request.headers["watchkeeper-signature"], &request.body);
    let sent = 1_772_000_000;
    assert!(header.starts_with(&format!("t={sent},v1=")), "{header}");
    let later = header.replace(&format!("t={sent}"), &format!("t={}", sent + 1));
    let ask = |secret: &str, header: &str, body: &str, now: i64| json!({ "secret": secret, "header": header, "body": body, "now": now });
    let verdicts = verdicts(&[
        ask(HOOK_SECRET, header, body, sent + 2),
        ask(HOOK_SECRET, header, &body.replace("HIGH", "LOW"), sent + 2),
        ask("another", header, body, sent + 2),
        ask(HOOK_SECRET, &later, body, sent + 2),
        ask(HOOK_SECRET, header, body, sent + 301),
        ask(HOOK_SECRET, "", body, sent + 2),
    ])?;
    assert_eq!(verdicts, [true, false, false, false, false, false]);
    Ok(())
}

#[tokio::test]
async fn without_a_secret_nothing_pretends_to_be_signed() -> Result<()> {
    let fakes = fakes().await?;
    Webhook::new(Http::default(), fakes.hook_url().into(), None).notify(&sample(Notice::Firing), false).await?;
    assert!(!fakes.received()[0].headers.contains_key("watchkeeper-signature"));
    Ok(())
}

#[test]
fn each_kind_has_its_row_with_its_rate() {
    for kind in Integration::ALL {
        let written = format!("`{} = {{", kind.as_str());
        let row = DOCUMENT.lines().find(|line| line.starts_with('|') && line.contains(&written)).expect(&written);
        let Rate { per_minute, burst } = default_for(kind);
        assert!(row.ends_with(&format!("| {per_minute} a minute, {burst} at once |")), "{row}");
    }
}
