//! What to do about one cycle, before what may be triggered in all is counted.

use jiff::Timestamp;

use super::{Change, Fate, Found, Left, Situation, Told, Why, missed};
use crate::duration;
use crate::upstream::source::{MOST_RERUNS, Republished};
use crate::upstream::{Run, RunKey, RunStatus, Source, cycles};

/// What is to become of a cycle.
pub(super) struct Verdict {
    pub(super) change: Option<Change>,
    pub(super) fate: Fate,
}

impl Verdict {
    fn skip(why: Why) -> Self {
        Self { change: None, fate: Fate::Skipped(why) }
    }

    fn with(change: Change, why: Why) -> Self {
        Self { change: Some(change), fate: Fate::Skipped(why) }
    }
}

/// Decides about the cycle of a nominal time and its row, if there is one.
pub(super) fn decide(source: &Source, row: Option<&Run>, at: Timestamp, situation: &Situation<'_>) -> Verdict {
    let key = RunKey::of(&source.name, at);
    if situation.triggered.contains(&key) {
        return Verdict { change: None, fate: Fate::Triggered };
    }
    let found = situation.found.get(&key);
    let held = situation.held.get(&source.name);
    let Some(run) = row else {
        let is_beyond = held.is_none() && situation.request.is_backfill() && is_old(source, at, situation);
        return match found {
            // What a person asks for that is too old for polls is nobody's to wait for.
            Some(Found::Waiting { settling: true, .. }) if is_beyond => {
                Verdict { change: None, fate: Fate::Remaining(Left::Settling) }
            }
            Some(Found::Waiting { why, .. } | Found::Unreadable { why }) if is_beyond => {
                Verdict::skip(Why::Waiting(why.clone()))
            }
            // It may have been there and gone.
            Some(Found::Waiting { why, settling: false, .. })
                if is_history(source, at, situation) && held.is_none() =>
            {
                if is_old(source, at, situation) {
                    unpublished(source, why)
                } else {
                    Verdict::with(Change::FromBefore, Why::FromBefore(why.clone()))
                }
            }
            _ => open(source, &Run::new(&source.name, at), held, found, situation),
        };
    };
    match run.status {
        RunStatus::Deleted => Verdict::skip(Why::Deleted),
        RunStatus::Complete => complete(source, run, held, found),
        RunStatus::Triggered | RunStatus::Running => {
            Verdict::skip(Why::InFlight { attempt: run.attempts, of: source.attempts, since: run.triggered_at })
        }
        RunStatus::Failed => failed(source, run, held, found, situation),
        RunStatus::Due | RunStatus::Late | RunStatus::Held => open(source, run, held, found, situation),
    }
}

/// Whether a cycle is too old to be waited for.
fn is_old(source: &Source, at: Timestamp, situation: &Situation<'_>) -> bool {
    situation.now.duration_since(at) >= source.look_back
}

/// Whether a cycle of a source that is looked at for the first time is of the time before: another after it is late already.
fn is_history(source: &Source, at: Timestamp, situation: &Situation<'_>) -> bool {
    let next = cycles::after(&source.schedule, at);
    let is_older = next.is_some_and(|next| situation.now.duration_since(next) >= source.late_after);
    is_older && missed::is_new(&source.name, situation.runs)
}

/// One whose run is still to come.
fn open(
    source: &Source,
    run: &Run,
    held: Option<&String>,
    found: Option<&Found>,
    situation: &Situation<'_>,
) -> Verdict {
    if let Some(why) = held {
        let change = (run.status != RunStatus::Held).then_some(Change::Held);
        return Verdict { change, fate: Fate::Skipped(Why::Held(why.clone())) };
    }
    let released = (run.status == RunStatus::Held).then_some(Change::Due);
    if run.attempts >= source.attempts {
        // Somebody has lowered `attempts` meanwhile.
        let last = run.last_failure.as_deref().unwrap_or("the last one was lost");
        let why = format!("attempt {} of {}: {last}", run.attempts, source.attempts);
        return Verdict::with(Change::Failed { why: why.clone() }, Why::Failed(why));
    }
    if let Some(at) = run.retry_at.filter(|at| situation.now < *at && !situation.request.force_retry) {
        return Verdict { change: released, fate: Fate::Skipped(Why::Retry { at, why: run.last_failure.clone() }) };
    }
    match found {
        // What was triggered once was complete upstream.
        None if run.attempts == 0 && run.refusals == 0 => Verdict { change: released, fate: Fate::Look },
        None | Some(Found::Complete { .. }) => {
            let over = (run.status == RunStatus::Late).then_some(Change::Due);
            Verdict { change: released.or(over), fate: Fate::Trigger { attempt: run.attempts + 1, anew: false } }
        }
        Some(Found::Waiting { settling: true, why, .. }) => {
            let over = (run.status == RunStatus::Late).then_some(Change::Due);
            Verdict { change: released.or(over), fate: Fate::Skipped(Why::Waiting(why.clone())) }
        }
        Some(Found::Waiting { why, .. } | Found::Unreadable { why }) => waiting(source, run, why, released, situation),
    }
}

fn waiting(source: &Source, run: &Run, why: &str, released: Option<Change>, situation: &Situation<'_>) -> Verdict {
    let age = situation.now.duration_since(run.at);
    // Polls give up, and tell of it: who asks for a backfill hears of the one cycle, and of no story.
    if !situation.request.is_backfill() && is_old(source, run.at, situation) {
        return unpublished(source, why);
    }
    if run.from_before {
        return Verdict { change: released, fate: Fate::Skipped(Why::FromBefore(why.to_owned())) };
    }
    if age >= source.late_after {
        let late = Change::Late { why: why.to_owned() };
        let change = (run.status != RunStatus::Late).then_some(late);
        return Verdict { change, fate: Fate::Skipped(Why::Late(why.to_owned())) };
    }
    Verdict { change: released, fate: Fate::Skipped(Why::Waiting(why.to_owned())) }
}

fn unpublished(source: &Source, why: &str) -> Verdict {
    let limit = duration::display(source.look_back);
    given_up(format!("upstream has not published it within {limit}: {why}"))
}

fn given_up(why: String) -> Verdict {
    let change = Change::GivenUp { why: why.clone(), unseen: false, told: Told::Nobody };
    Verdict::with(change, Why::GivenUp(why))
}

/// One that failed: a backfill takes up those that nobody has looked at, and those that a statement has reset; `force_retry` all.
fn failed(
    source: &Source,
    run: &Run,
    held: Option<&String>,
    found: Option<&Found>,
    situation: &Situation<'_>,
) -> Verdict {
    match &run.failure_reason {
        Some(why) if !situation.request.force_retry && (!run.unseen || !situation.request.is_backfill()) => {
            let why = why.clone();
            return Verdict::skip(if run.is_given_up() { Why::GivenUp(why) } else { Why::Failed(why) });
        }
        None if !situation.request.is_backfill() => return Verdict::skip(Why::Reset),
        Some(_) | None => {}
    }
    if let Some(why) = held {
        return Verdict::skip(Why::Held(why.clone()));
    }
    match found {
        // Upstream may never have published what was never triggered.
        None if run.triggered_at.is_none() => Verdict { change: None, fate: Fate::Look },
        None | Some(Found::Complete { .. }) => Verdict { change: None, fate: Fate::Trigger { attempt: 1, anew: true } },
        // What upstream has still to publish is left to the polls, which look until it is there or too old.
        Some(Found::Waiting { why, .. } | Found::Unreadable { why })
            if run.failure_reason.is_none() && !is_old(source, run.at, situation) =>
        {
            Verdict::with(Change::Awaited, Why::Waiting(why.clone()))
        }
        Some(Found::Waiting { settling: true, .. }) => Verdict { change: None, fate: Fate::Remaining(Left::Settling) },
        Some(Found::Waiting { why, .. }) if run.failure_reason.is_none() || run.unseen => unpublished(source, why),
        Some(Found::Waiting { why, .. } | Found::Unreadable { why }) => Verdict::skip(Why::Waiting(why.clone())),
    }
}

/// One that is complete is looked at again only where what upstream publishes again is to be processed again.
fn complete(source: &Source, run: &Run, held: Option<&String>, found: Option<&Found>) -> Verdict {
    let watched = source.republished == Republished::Rerun && run.reruns < MOST_RERUNS && held.is_none();
    let Some(then) = run.look.as_ref().filter(|_| watched) else { return Verdict::skip(Why::Complete) };
    match found {
        None => Verdict { change: None, fate: Fate::Look },
        Some(Found::Complete { look: Some(look) }) if look.differs(then) => {
            Verdict { change: Some(Change::Republished), fate: Fate::Trigger { attempt: 1, anew: true } }
        }
        Some(_) => Verdict::skip(Why::Complete),
    }
}
