//! The table of results: what was measured, what it may cost, what the peer needs, and the verdict.

use std::fmt;

/// One line of the table.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    what: String,
    measured: f64,
    /// Beside the figure that is judged: the spread, say.
    note: String,
    unit: &'static str,
    budget: Option<f64>,
    peers: Vec<Peer>,
}

#[derive(Debug, Clone)]
struct Peer {
    name: &'static str,
    measured: f64,
    budget: Option<Times>,
}

/// So many times the peer.
#[derive(Debug, Clone, Copy)]
enum Times {
    AtMost(f64),
    AtLeast(f64),
}

impl Row {
    pub(crate) fn new(what: impl Into<String>, measured: f64, unit: &'static str) -> Self {
        Self { what: what.into(), measured, note: String::new(), unit, budget: None, peers: Vec::new() }
    }

    /// What stands in brackets beside the figure.
    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// At most so much, in the row's unit.
    pub(crate) fn budget(mut self, budget: f64) -> Self {
        self.budget = Some(budget);
        self
    }

    /// A peer's figure beside ours.
    pub(crate) fn peer(mut self, name: &'static str, measured: f64) -> Self {
        self.peers.push(Peer { name, measured, budget: None });
        self
    }

    /// At most so many times the last peer's.
    pub(crate) fn at_most_times_the_peer(self, ratio: f64) -> Self {
        self.times_the_peer(Times::AtMost(ratio))
    }

    /// At least so many times the last peer's: of rates more is better.
    pub(crate) fn at_least_times_the_peer(self, ratio: f64) -> Self {
        self.times_the_peer(Times::AtLeast(ratio))
    }

    fn times_the_peer(mut self, times: Times) -> Self {
        if let Some(peer) = self.peers.last_mut() {
            peer.budget = Some(times);
        }
        self
    }

    /// Whether every budget is kept; nothing to keep is `None`.
    pub(crate) fn verdict(&self) -> Option<bool> {
        let absolute = self.budget.map(|budget| self.measured <= budget);
        let peers = self.peers.iter().filter_map(|peer| peer.is_matched_by(self.measured));
        absolute.into_iter().chain(peers).reduce(|one, other| one && other)
    }

    fn cells(&self) -> [String; 5] {
        let unit = self.unit;
        let note = if self.note.is_empty() { String::new() } else { format!(" ({})", self.note) };
        let absolute = self.budget.map(|budget| format!("≤ {budget} {unit}"));
        let alone = self.peers.len() == 1;
        let ratios = self.peers.iter().filter_map(|peer| {
            let name = if alone { "peer" } else { peer.name };
            Some(match peer.budget? {
                Times::AtMost(ratio) => format!("≤ {} {name}", fraction(ratio)),
                Times::AtLeast(ratio) => format!("≥ {} {name}", fraction(ratio)),
            })
        });
        let budgets: Vec<String> = absolute.into_iter().chain(ratios).collect();
        let peers = self.peers.iter().map(|peer| {
            let times = self.measured / peer.measured;
            format!("{}: {} {unit} (ours is {})", peer.name, figure(peer.measured), fraction(times))
        });
        let verdict = match self.verdict() {
            Some(true) => "kept",
            Some(false) => "MISSED",
            None => "",
        };
        [
            self.what.clone(),
            format!("{} {unit}{note}", figure(self.measured)),
            budgets.join(" and "),
            peers.collect::<Vec<_>>().join("; "),
            verdict.to_owned(),
        ]
    }
}

impl Peer {
    /// Whether ours keeps the budget that this peer sets, if it sets one.
    fn is_matched_by(&self, ours: f64) -> Option<bool> {
        Some(match self.budget? {
            Times::AtMost(ratio) => ours <= ratio * self.measured,
            Times::AtLeast(ratio) => ours >= ratio * self.measured,
        })
    }
}

/// Three significant digits, more or less.
pub(crate) fn figure(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 => format!("{value:.0}"),
        middle if middle >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// `1/30 ×` below one, `1.5 ×` above.
fn fraction(ratio: f64) -> String {
    if ratio > 0.0 && ratio <= 0.5 { format!("1/{:.0} ×", 1.0 / ratio) } else { format!("{ratio:.1} ×") }
}

/// All lines, aligned; it is Markdown too.
#[derive(Debug, Default)]
pub(crate) struct Table(pub(crate) Vec<Row>);

const HEADINGS: [&str; 5] = ["what", "measured", "budget", "peer in the same run", "verdict"];

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<[String; 5]> =
            std::iter::once(HEADINGS.map(str::to_owned)).chain(self.0.iter().map(Row::cells)).collect();
        let widths: [usize; 5] = std::array::from_fn(|column| {
            lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default()
        });
        for (number, line) in lines.iter().enumerate() {
            let cells: Vec<String> = line.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            writeln!(f, "| {} |", cells.join(" | "))?;
            if number == 0 {
                let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
                writeln!(f, "| {} |", rules.join(" | "))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_keeps_its_budget_only_if_it_keeps_both() {
        let row = |measured| Row::new("cold start", measured, "ms").budget(15.0);
        assert_eq!(row(10.0).verdict(), Some(true));
        assert_eq!(row(16.0).verdict(), Some(false));
        assert_eq!(row(10.0).peer("Python", 150.0).at_most_times_the_peer(1.0 / 30.0).verdict(), Some(false));
        assert_eq!(row(10.0).peer("Python", 600.0).at_most_times_the_peer(1.0 / 30.0).verdict(), Some(true));
        assert_eq!(Row::new("for information", 1.0, "ms").peer("Python", 2.0).verdict(), None);
    }

    #[test]
    fn a_row_with_several_peers_keeps_the_budgets_that_all_of_them_set() {
        let storm = |rate| {
            let row = Row::new("storm", rate, "signals/s").peer("floor", 20_000.0).at_least_times_the_peer(0.5);
            row.peer("Python", 500.0).at_least_times_the_peer(10.0).peer("Alertmanager", 22_000.0)
        };
        assert_eq!((storm(12_000.0).verdict(), storm(9_000.0).verdict()), (Some(true), Some(false)));
        assert_eq!(storm(12_000.0).cells()[2], "≥ 1/2 × floor and ≥ 10.0 × Python");
        assert_eq!(storm(f64::NAN).verdict(), Some(false));
    }

    #[test]
    fn a_figure_that_is_missing_keeps_no_budget() {
        assert_eq!(Row::new("nothing measured", f64::NAN, "ms").budget(15.0).verdict(), Some(false));
    }

    #[test]
    fn the_table_is_aligned_markdown() {
        let row = Row::new("cold start", 7.0, "ms").note("p90 8 ms").budget(15.0).peer("Python", 532.0);
        let text = Table(vec![row.at_most_times_the_peer(1.0 / 30.0)]).to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[2],
            "| cold start | 7.00 ms (p90 8 ms) | ≤ 15 ms and ≤ 1/30 × peer | Python: 532 ms (ours is 1/76 ×) | kept    |"
        );
        assert!(lines.iter().all(|line| line.chars().count() == lines[0].chars().count()), "{text}");
    }
}
