//! Describes the machine the figures were taken on, without naming it.

use std::fs;
use std::process::Command;

/// Measurements are taken on an idle machine or not believed; a run that finds it busy says so.
pub(crate) struct Machine {
    lines: Vec<String>,
    load: f64,
}

impl Machine {
    /// Looks at `/proc` and asks the compiler; what cannot be found is called unknown.
    pub(crate) fn describe(python: &str, postgres: &str) -> Self {
        let cores = std::thread::available_parallelism().map_or_else(|_| "unknown".to_owned(), |n| n.to_string());
        let processor = value_in("/proc/cpuinfo", "model name");
        let memory = value_in("/proc/meminfo", "MemTotal");
        let memory_gib = memory.trim_end_matches(" kB").parse::<f64>().unwrap_or(f64::NAN) / 1024.0 / 1024.0;
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_else(|_| "unknown".to_owned());
        let rustc = Command::new("rustc").arg("--version").output();
        let rustc = rustc.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        let rustc = rustc.unwrap_or_else(|_| "rustc unknown".to_owned());
        let lines = vec![
            format!("{cores} cores ({processor}), {memory_gib:.0} GiB of memory, Linux {}", kernel.trim()),
            format!("{rustc}, {python}, {postgres} without fsync, everything on this one machine"),
        ];
        Self { lines, load: load() }
    }

    /// The sentences for the head of the report.
    pub(crate) fn sentences(&self) -> String {
        let load = format!("load average over the last minute before the run: {:.2}", self.load);
        self.lines.iter().map(String::as_str).chain([load.as_str()]).collect::<Vec<_>>().join("; ")
    }

    /// A warning if somebody else is using the processors.
    pub(crate) fn warning(&self) -> Option<String> {
        (self.load > 0.7)
            .then(|| format!("the machine is busy (load average {:.2}): expect figures that are too high", self.load))
    }
}

fn value_in(file: &str, field: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(field));
    line.and_then(|line| line.split_once(':')).map_or_else(|| "unknown".to_owned(), |(_, v)| v.trim().to_owned())
}

fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(f64::NAN)
}
