//! What the emulator cannot carry stands under `Condition: InCloud`, and `docs/ARCHITECTURE.md` says so of each.

use std::fs;

use anyhow::{Context, Result, ensure};
use testkit::binaries::workspace;

/// The logical ids of resources that exist outside the local cloud only.
fn in_cloud_only(template: &str) -> Vec<String> {
    let resources = template.lines().skip_while(|line| !line.starts_with("Resources:")).skip(1);
    let mut found = Vec::new();
    let mut current = "";
    for line in resources.take_while(|line| line.is_empty() || line.starts_with([' ', '#'])) {
        let depth = line.len() - line.trim_start().len();
        let text = line.trim();
        if depth == 2 && text.ends_with(':') && !text.starts_with('#') {
            current = text.trim_end_matches(':');
        } else if depth == 4 && text == "Condition: InCloud" {
            found.push(current.to_owned());
        }
    }
    found
}

#[test]
fn every_gap_of_the_emulator_has_its_line_in_the_architecture() -> Result<()> {
    let read = |file: &str| fs::read_to_string(workspace().join(file)).with_context(|| format!("reading {file}"));
    let template = read("template.yaml")?;
    ensure!(template.contains("\nResources:\n"), "template.yaml has no Resources");
    let gaps = in_cloud_only(&template);
    println!("not in the local cloud: {gaps:?}");
    if gaps.is_empty() {
        return Ok(());
    }
    let architecture = read("docs/ARCHITECTURE.md")?;
    let untold: Vec<_> = gaps.iter().filter(|gap| !architecture.contains(gap.as_str())).collect();
    ensure!(untold.is_empty(), "docs/ARCHITECTURE.md has no line about {untold:?}, which the local cloud lacks");
    Ok(())
}

#[test]
fn a_resource_under_the_condition_is_found_and_no_other() {
    let template = "Conditions:\n  InCloud: x\nResources:\n  # A comment:\n  Here:\n    Type: A\n  There:\n    Type: B\n    \
                    Condition: InCloud\n    Properties:\n      Condition: InCloud\n\nOutputs:\n  Out:\n    Condition: InCloud\n";
    assert_eq!(in_cloud_only(template), ["There"]);
}
