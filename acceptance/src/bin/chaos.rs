//! `cargo run -p acceptance --bin chaos -- --seed 7 --signals 10000` repeats a chaos run.

use acceptance::chaos::Chaos;
use anyhow::{Context, Result, bail};

fn main() -> Result<()> {
    let mut chaos = Chaos { seed: 7, signals: 10_000 };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().with_context(|| format!("{name}: expected a number after it"))?;
        let number = || value.parse().with_context(|| format!("{name} {value}: expected a whole number"));
        match name.as_str() {
            "--seed" => chaos.seed = number()?,
            "--signals" => chaos.signals = usize::try_from(number()?)?.max(1),
            _ => bail!("{name}: expected --seed NUMBER or --signals NUMBER"),
        }
    }
    println!("seed {}: {} signals", chaos.seed, chaos.signals);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    println!("{}", runtime.block_on(chaos.run())?);
    Ok(())
}
