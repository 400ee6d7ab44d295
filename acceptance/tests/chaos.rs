//! One chaos run of a fixed seed. `cargo run -p acceptance --bin chaos -- --seed N --signals N` runs others.

use acceptance::chaos::Chaos;

/// As many as a loaded two-core machine gets through in about a minute in a debug build; the program does 10,000.
const SIGNALS: usize = 1_000;

#[tokio::test(flavor = "multi_thread")]
async fn in_chaos_nothing_is_lost_and_nobody_is_told_more_than_crashes_and_unknown_answers_explain() {
    match (Chaos { seed: 7, signals: SIGNALS }).run().await {
        Ok(report) => println!("{report}"),
        Err(error) => panic!("{error:#}"),
    }
}
