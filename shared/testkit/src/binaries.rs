//! Builds the functions once, in the profile of the running tests, and says where they are.
//!
//! So `cargo test -p alert-router` works from an empty target folder: cargo builds a test's own package only, and a
//! test that runs a function needs the function.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, bail};

static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();

/// The binary of a function, built first if this process has not done so yet.
///
/// Several test processes may call this at once: cargo's own lock lets them wait for each other.
pub fn binary(function: &str) -> anyhow::Result<PathBuf> {
    let built = BUILT.get_or_init(|| build(&layout()).map_err(|error| format!("{error:#}")));
    let folder = built.as_ref().map_err(|error| anyhow::anyhow!("{error}"))?;
    let binary = folder.join(function);
    if !binary.is_file() {
        bail!("no binary {}: is there a package functions/{function}?", binary.display());
    }
    Ok(binary)
}

/// The workspace's root folder.
pub fn workspace() -> PathBuf {
    let testkit = Path::new(env!("CARGO_MANIFEST_DIR"));
    testkit.ancestors().nth(2).unwrap_or(testkit).to_owned()
}

/// Where cargo put the running program, and so where the functions belong.
#[derive(Debug, PartialEq)]
struct Layout {
    target: PathBuf,
    profile: String,
}

fn layout() -> Layout {
    let found = std::env::current_exe().ok().and_then(|program| layout_of(&program));
    found.unwrap_or_else(|| {
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from);
        Layout { target, profile: "debug".to_owned() }
    })
}

/// Tests are at `target/PROFILE/deps/NAME-HASH`, programs at `target/PROFILE/NAME`.
fn layout_of(program: &Path) -> Option<Layout> {
    let folder = program.parent()?;
    let folder = if folder.ends_with("deps") { folder.parent()? } else { folder };
    let target = folder.parent()?;
    // Cargo marks the folder it builds into; documentation tests run from elsewhere.
    let is_cargos = target.join("CACHEDIR.TAG").is_file() || target.join(".rustc_info.json").is_file();
    let profile = folder.file_name()?.to_str()?.to_owned();
    is_cargos.then(|| Layout { target: target.to_owned(), profile })
}

fn build(layout: &Layout) -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(workspace()).args(["build", "--quiet", "--bins"]);
    for function in functions()? {
        command.args(["--package", &function]);
    }
    // The folder of the profile `dev` is called `debug`.
    let profile = if layout.profile == "debug" { "dev" } else { &layout.profile };
    command.args(["--profile", profile]).arg("--target-dir").arg(&layout.target);
    let built = command.output().context("running cargo build")?;
    if !built.status.success() {
        bail!("building the functions failed ({}):\n{}", built.status, String::from_utf8_lossy(&built.stderr));
    }
    Ok(layout.target.join(&layout.profile))
}

/// The packages under `functions/`, each of which is one binary of the same name.
fn functions() -> anyhow::Result<Vec<String>> {
    let folder = workspace().join("functions");
    let mut functions = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| format!("listing {}", folder.display()))? {
        let entry = entry.context("listing the functions")?;
        if entry.path().join("Cargo.toml").is_file() {
            functions.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    functions.sort();
    Ok(functions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_running_test_knows_its_own_target_folder_and_profile() -> anyhow::Result<()> {
        let program = std::env::current_exe()?;
        let layout = layout_of(&program).context("no layout")?;
        assert!(program.starts_with(layout.target.join(&layout.profile)), "{layout:?}");
        Ok(())
    }

    #[test]
    fn a_program_outside_a_target_folder_has_no_layout() {
        assert_eq!(layout_of(Path::new("/nowhere/at/all")), None);
    }

    #[test]
    fn a_function_is_built_where_the_tests_are() -> anyhow::Result<()> {
        let migrator = binary("migrator")?;
        assert_eq!(migrator.parent(), Some(layout().target.join(layout().profile).as_path()));
        assert!(migrator.is_file());
        Ok(())
    }

    #[test]
    fn a_function_that_does_not_exist_is_named() {
        let error = binary("nobody").err().map(|error| error.to_string());
        assert!(error.as_deref().is_some_and(|error| error.contains("functions/nobody")), "{error:?}");
    }
}
