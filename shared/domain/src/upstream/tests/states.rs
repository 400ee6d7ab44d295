//! The whole table of who may move a run.

use super::*;

/// For each status, whom it may be moved by to each other: p poller, r reconciler, h webhook, w worker, P person, a archiver.
const MATRIX: &str = "
from\\to    due   late  held  triggered running complete failed deleted
due        .     p     p     p         -       rhw      pP     -
late       p     .     p     p         -       rhw      pP     -
held       p     p     .     -         -       rhw      pP     -
triggered  prh   -     -     .         rhw     rhw      prhP   -
running    prh   -     -     -         .       rhw      prhP   -
complete   p     -     -     -         -       .        P      a
failed     P     -     -     P         -       rhw      .      a
deleted    P     -     -     -         -       -        P      .
";

fn letter(mover: Mover) -> char {
    match mover {
        Mover::Poller => 'p',
        Mover::Reconciler => 'r',
        Mover::Webhook => 'h',
        Mover::Worker => 'w',
        Mover::Person => 'P',
        Mover::Archiver => 'a',
    }
}

#[test]
fn every_move_is_allowed_to_those_whom_the_table_names_and_to_nobody_else() {
    let mut rows = MATRIX.lines().filter(|line| !line.is_empty());
    let columns: Vec<RunStatus> =
        rows.next().expect("a head").split_whitespace().skip(1).filter_map(RunStatus::from_stored).collect();
    assert_eq!(columns, RunStatus::ALL);
    let rows: Vec<&str> = rows.collect();
    assert_eq!(rows.len(), RunStatus::ALL.len());
    for row in rows {
        let mut words = row.split_whitespace();
        let from = words.next().and_then(RunStatus::from_stored).expect("a status");
        for (to, wanted) in columns.iter().zip(words) {
            let answers = Mover::ALL.map(|by| (by, may_move(from, *to, by)));
            let found: String =
                answers.iter().filter(|(_, answer)| answer.is_ok()).map(|(by, _)| letter(*by)).collect();
            let expected = if wanted == "-" || wanted == "." { "" } else { wanted };
            assert_eq!(found, expected, "{from} to {to}");
            for (by, answer) in answers {
                match (wanted, answer) {
                    (".", answer) => assert_eq!(answer, Err(Refusal::Already(from))),
                    ("-", answer) => assert_eq!(answer, Err(Refusal::Never { from, to: *to })),
                    (_, Err(refusal)) => assert_eq!(refusal, Refusal::NotBy { from, to: *to, by }),
                    (_, Ok(_)) => {}
                }
            }
        }
    }
}

#[test]
fn what_is_said_of_one_attempt_cannot_move_the_next() {
    for to in [RunStatus::Due, RunStatus::Failed, RunStatus::Running] {
        assert_eq!(may_move(RunStatus::Triggered, to, Mover::Reconciler), Ok(Compare::StatusAndAttempt));
    }
    assert_eq!(may_move(RunStatus::Failed, RunStatus::Triggered, Mover::Person), Ok(Compare::StatusAndAttempt));
}

#[test]
fn an_old_job_cannot_complete_what_a_statement_has_reset() {
    assert_eq!(may_move(RunStatus::Failed, RunStatus::Complete, Mover::Webhook), Ok(Compare::StatusAndReason));
}

#[test]
fn the_words_of_the_column_are_read_back() {
    for status in RunStatus::ALL {
        assert_eq!(RunStatus::from_stored(status.as_str()), Some(status));
    }
    assert_eq!(RunStatus::from_stored("DUE"), None);
}
