//! How much memory a process holds, from `/proc`.

use anyhow::Context;

/// Resident memory, in MiB.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    /// Now (`VmRSS`).
    pub(crate) resident: f64,
    /// At most, ever (`VmHWM`).
    pub(crate) peak: f64,
}

/// Reads the memory of a living process.
pub(crate) fn of(process: u32) -> anyhow::Result<Memory> {
    let path = format!("/proc/{process}/status");
    let status = std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    let field = |name: &str| -> anyhow::Result<f64> {
        let line =
            status.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("{path}: {name}"))?;
        let kib: f64 = line.trim().trim_end_matches(" kB").parse().with_context(|| format!("{path}: {name}{line}"))?;
        Ok(kib / 1024.0)
    };
    Ok(Memory { resident: field("VmRSS:")?, peak: field("VmHWM:")? })
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_process_holds_some_memory_and_never_less_than_its_peak() -> anyhow::Result<()> {
        let memory = super::of(std::process::id())?;
        assert!(memory.resident > 0.5 && memory.resident <= memory.peak, "{memory:?}");
        Ok(())
    }
}
