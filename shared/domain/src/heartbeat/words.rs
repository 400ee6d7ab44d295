//! What is said of a heartbeat: which nominal time is missing, since when, and what was last good.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::trouble::{Trouble, ends};
use super::{Heartbeat, Schedule, Slot, SlotStatus, State};
use crate::duration::display;

/// A schedule as it is written, with its clock: another text is another schedule.
pub(super) fn schedule(schedule: &Schedule) -> String {
    match schedule {
        Schedule::Every(length) => format!("every {}", display(*length)),
        Schedule::Cron(timetable) => {
            let zone = timetable.timezone().iana_name().unwrap_or("UTC");
            format!("{} {zone}", timetable.written())
        }
    }
}

/// Everything that is amiss, the first thing first.
pub(super) fn amiss(
    heartbeat: &Heartbeat,
    state: &State,
    troubles: &[Trouble],
    note: Option<&str>,
    at: Timestamp,
) -> String {
    let mut said: Vec<String> = troubles.iter().map(|trouble| one(heartbeat, state, trouble, at)).collect();
    said.extend(note.map(str::to_owned));
    format!("{} {}", heartbeat.name, said.join("; "))
}

fn one(heartbeat: &Heartbeat, state: &State, trouble: &Trouble, at: Timestamp) -> String {
    match trouble {
        Trouble::Missing(slots) => missing(heartbeat, state, slots, at),
        Trouble::NotStarted(slot) => {
            let due = heartbeat.start_deadline(slot.at).unwrap_or(slot.at);
            format!(
                "has not started {}: due to start by {}",
                slot_name(heartbeat, slot.at),
                instant(heartbeat, due, slot.at)
            )
        }
        Trouble::Overrun(run) => {
            let id = run.id.as_ref().map(|id| format!(" {id}")).unwrap_or_default();
            let for_slot = run.slot.map(|slot| format!(" of {}", slot_name(heartbeat, slot))).unwrap_or_default();
            let limit = heartbeat.max_runtime.map(display).unwrap_or_default();
            let due = ends(heartbeat, run).unwrap_or(at);
            format!(
                "takes too long: run{id}{for_slot} began at {} and may take {limit}, until {}",
                instant(heartbeat, run.started_at, at),
                instant(heartbeat, due, at)
            )
        }
        Trouble::Failed(failure) => {
            let times = match state.memory.failures {
                0 | 1 => String::new(),
                many => format!(" {many} times in a row, last"),
            };
            let note = failure.note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
            format!("failed{times} at {}{note}", instant(heartbeat, failure.at, at))
        }
        Trouble::Unreadable(unknown) => format!(
            "should have been heard by now, and its signal cannot be read since {}: {}",
            instant(heartbeat, unknown.since, at),
            unknown.why
        ),
    }
}

fn missing(heartbeat: &Heartbeat, state: &State, slots: &[Slot], at: Timestamp) -> String {
    let Some(newest) = slots.last() else { return "is missing".to_owned() };
    let due = heartbeat.deadline(newest.at).unwrap_or(newest.at);
    let late = at.duration_since(due);
    let late = if late < SignedDuration::from_mins(1) { String::new() } else { format!(", {} late", display(late)) };
    if let Schedule::Every(length) = heartbeat.schedule {
        let last = match state.last_success_at {
            Some(last) => format!("last success at {}", instant(heartbeat, last, at)),
            None => {
                format!("no success since it was first loaded at {}", instant(heartbeat, state.memory.loaded_at, at))
            }
        };
        let due = instant(heartbeat, due, at);
        return format!("is silent: {last}, expected every {}, due by {due}{late}", display(length));
    }
    let good = match (state.memory.last_good, state.last_success_at) {
        (Some(good), _) => format!("last good {}", slot_name(heartbeat, good)),
        (None, Some(last)) => format!("last success at {}", instant(heartbeat, last, at)),
        (None, None) => "none was good yet".to_owned(),
    };
    let due = instant(heartbeat, due, newest.at);
    let name = slot_name(heartbeat, newest.at);
    match slots {
        [_] => format!("{name} is missing: due by {due}{late}; {good}"),
        [.., before, _] => {
            let others = match slots.len() {
                2 => slot_name(heartbeat, before.at),
                many => format!("{} and {} more", slot_name(heartbeat, before.at), many - 2),
            };
            format!("{name} is missing: due by {due}{late}; so is {others}; {good}")
        }
        [] => String::new(),
    }
}

/// That it is no longer amiss: for how long it was, and what never came.
pub(super) fn recovery<'s>(
    heartbeat: &Heartbeat,
    state: &State,
    slots: impl Iterator<Item = &'s Slot>,
    at: Timestamp,
) -> String {
    let down = state.memory.down_since.map(|since| at.duration_since(since));
    let down = down.map(|down| format!(" after {}", display(down))).unwrap_or_default();
    let lost: Vec<Timestamp> =
        slots.filter(|slot| slot.settled && slot.status == SlotStatus::Missing).map(|slot| slot.at).collect();
    let lost = match (&heartbeat.schedule, lost.as_slice()) {
        (Schedule::Every(_), _) | (_, []) => String::new(),
        (_, [one]) => format!("; {} never came", slot_name(heartbeat, *one)),
        (_, [.., newest]) => {
            format!("; {} and {} before it never came", slot_name(heartbeat, *newest), lost.len() - 1)
        }
    };
    let good = match (&heartbeat.schedule, state.memory.last_good) {
        (Schedule::Cron(_), Some(good)) => format!(", with {}", slot_name(heartbeat, good)),
        _ => String::new(),
    };
    format!("{} is back{down}{good}{lost}", heartbeat.name)
}

/// That a run was too fast to have done anything.
pub(super) fn too_fast(took: SignedDuration, least: SignedDuration) -> String {
    format!("it took {} and takes at least {}", display(took), display(least))
}

/// That nothing was seen of it, without what is remembered.
pub(super) fn silent(heartbeat: &Heartbeat, slot: Timestamp, last: Option<Timestamp>, now: Timestamp) -> String {
    let due = heartbeat.deadline(slot).unwrap_or(slot);
    let due = instant(heartbeat, due, slot);
    let last = last
        .map_or("no signal is there".to_owned(), |last| format!("last signal at {}", instant(heartbeat, last, now)));
    match &heartbeat.schedule {
        Schedule::Every(length) => {
            format!("{} is silent: {last}, expected every {}, due by {due}", heartbeat.name, display(*length))
        }
        Schedule::Cron(_) => {
            format!("{} {} is missing: due by {due}; {last}", heartbeat.name, slot_name(heartbeat, slot))
        }
    }
}

/// A nominal time as people call it: `06Z of 22 Nov`, `06:30 of 22 Nov (Europe/Berlin)`.
pub(super) fn slot_name(heartbeat: &Heartbeat, slot: Timestamp) -> String {
    let zone = zone(heartbeat);
    let local = slot.to_zoned(zone.clone());
    if zone.iana_name().is_none_or(|name| name == "UTC") {
        let hour = if local.minute() == 0 { "%HZ" } else { "%H:%MZ" };
        return local.strftime(&format!("{hour} of %-d %b")).to_string();
    }
    let name = zone.iana_name().unwrap_or_default();
    format!("{} ({name})", local.strftime("%H:%M of %-d %b"))
}

/// An instant on the heartbeat's clock; with its date, where that is another than that of `beside`.
fn instant(heartbeat: &Heartbeat, at: Timestamp, beside: Timestamp) -> String {
    let zone = zone(heartbeat);
    let (local, beside) = (at.to_zoned(zone.clone()), beside.to_zoned(zone.clone()));
    let mark = if zone.iana_name().is_none_or(|name| name == "UTC") { "Z" } else { "" };
    let day = if local.date() == beside.date() { "" } else { " of %-d %b" };
    local.strftime(&format!("%H:%M{mark}{day}")).to_string()
}

fn zone(heartbeat: &Heartbeat) -> TimeZone {
    match &heartbeat.schedule {
        Schedule::Cron(timetable) => timetable.timezone().clone(),
        Schedule::Every(_) => TimeZone::UTC,
    }
}
