//! The payloads under `events/`: what people invoke by hand works, and what must be refused is.

use std::{
    fs,
    path::{Path, PathBuf},
};

use acceptance::world::World;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use testkit::binaries::workspace;

/// Everything under a folder of `events/`, as (function, file).
fn payloads(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for function in fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))?.flatten() {
        let name = function.file_name().to_string_lossy().into_owned();
        // Refused payloads live beside the functions.
        if name == "invalid" || !function.path().is_dir() {
            continue;
        }
        for file in fs::read_dir(function.path()).with_context(|| format!("listing events of {name}"))?.flatten() {
            found.push((name.clone(), file.path()));
        }
    }
    found.sort();
    ensure!(!found.is_empty(), "{} holds no events", folder.display());
    Ok(found)
}

fn read(file: &Path) -> Result<Value> {
    let text = fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", file.display()))
}

#[test]
fn every_event_succeeds_in_any_order_and_twice() -> Result<()> {
    let mut events = payloads(&workspace().join("events"))?;
    World::shared().play(async |cloud, _| {
        for _ in 0..2 {
            for (function, file) in &events {
                let answer = cloud.invoke(function, &read(file)?).await?;
                ensure!(!answer.failed, "{} failed: {}", file.display(), answer.payload);
                let unrecorded = answer.payload["batchItemFailures"].as_array().is_some_and(|list| !list.is_empty());
                ensure!(!unrecorded, "{} was not recorded: {}", file.display(), answer.payload);
            }
            events.reverse();
        }
        Ok(())
    })
}

#[test]
fn every_invalid_event_is_refused_with_the_class_of_its_fault() -> Result<()> {
    let events = payloads(&workspace().join("events/invalid"))?;
    World::shared().play(async |cloud, _| {
        for (function, file) in &events {
            let answer = cloud.invoke(function, &read(file)?).await?;
            ensure!(answer.failed, "{} was accepted: {}", file.display(), answer.payload);
            let class = &answer.payload["errorType"];
            ensure!(class == "BadPayload", "{} was refused as {class}: {}", file.display(), answer.payload);
        }
        Ok(())
    })
}
