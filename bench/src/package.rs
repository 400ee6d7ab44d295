//! How large a function's deployment zip is: the stripped release binary with the watch files beside it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};
use testkit::binaries::{binary, workspace};

use crate::table::Row;
use crate::world::{Subject, World};

/// In MiB, of a function and of the one that writes Parquet.
const BUDGETS: [f64; 2] = [4.0, 8.0];

/// The row of one function.
pub(crate) fn measure(world: &World, subject: &Subject) -> anyhow::Result<Row> {
    let folder = world.directory.path().join("package").join(subject.function);
    std::fs::create_dir_all(&folder).context("making a folder to zip")?;
    let bootstrap = folder.join("bootstrap");
    std::fs::copy(binary(subject.function)?, &bootstrap).context("copying the binary")?;
    let zip = folder.with_extension("zip");
    let mut command = Command::new(&world.python);
    command.args(["-m", "zipfile", "--create"]).arg(&zip).arg(&bootstrap);
    for beside in ["config", "samconfig.toml"] {
        command.args(Some(workspace().join(beside)).filter(|path| path.exists()));
    }
    let zipped = command.output().context("running Python's zipfile")?;
    if !zipped.status.success() {
        bail!("zipping {} failed: {}", subject.function, String::from_utf8_lossy(&zipped.stderr));
    }
    let budget = BUDGETS[usize::from(subject.function == "archiver")];
    let row = Row::new(format!("{}: deployment zip", subject.function), mib(&zip)?, "MiB").budget(budget);
    Ok(row.note(format!("{:.1} unpacked", mib(&bootstrap)?)))
}

fn mib(file: &Path) -> anyhow::Result<f64> {
    let bytes = std::fs::metadata(file).with_context(|| format!("looking at {}", file.display()))?.len();
    #[expect(clippy::cast_precision_loss, reason = "no file here has 2^53 bytes")]
    let bytes = bytes as f64;
    Ok(bytes / 1024.0 / 1024.0)
}
