//! The line that every sandbox begins with: what is on, what is off, what it is about to do.

use config::watch_file::Check;
use config::{Switch, Switches, WatchFile};

/// Says how everything stands that a person can switch or leave out.
pub(crate) fn say(watch_file: &WatchFile, switches: &Switches) {
    let checks = &watch_file.checks;
    let thresholds = checks.iter().flat_map(|check| &check.metrics).filter(|metric| metric.threshold.is_some()).count();
    tracing::info!(
        watch_file = watch_file.file,
        namespace = watch_file.namespace,
        environment = watch_file.environment.as_str(),
        checks = checks.len(),
        databases = watch_file.databases.len(),
        thresholds,
        hours = ?watch_file.hours.keys().collect::<Vec<_>>(),
        switches = ?standing(checks, switches),
        "healthcheck is ready: {} checks, {thresholds} thresholds",
        checks.len()
    );
}

/// `features/NAME (check): on | off | …` for every check that has a switch.
fn standing(checks: &[Check], switches: &Switches) -> Vec<String> {
    let with_switch = checks.iter().filter_map(|check| Some((&check.name, check.switch.as_deref()?)));
    with_switch
        .map(|(check, switch)| match switches.get(switch) {
            Switch::On => format!("{switch} ({check}): on"),
            Switch::Off => format!("{switch} ({check}): off"),
            Switch::Unreadable(why) => format!("{switch} ({check}): counts as on, {why}"),
        })
        .collect()
}
