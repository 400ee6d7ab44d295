//! `cargo check-config [FILE…]`: reads watch files as their functions will, and says everything that is wrong.
//!
//! A file is called after its environment. Without arguments it checks all of `config/`. What `template.yaml` and
//! `samconfig.toml` deploy into that environment has to fit: the namespace, thresholds of alarms, permits for what checks,
//! heartbeats, sources and retention ask.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use config::{Deployment, Environment, WatchFile};

fn main() -> ExitCode {
    let named: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let files = if named.is_empty() { all() } else { Ok(named) };
    let files = match files {
        Ok(files) if !files.is_empty() => files,
        Ok(_) => return refuse("config/ holds no watch file: expected config/<environment>.toml"),
        Err(error) => {
            return refuse(&format!("cannot list config/ ({error}): run this at the project's root, or name files"));
        }
    };
    let wrong = files.iter().filter(|file| !check(file)).count();
    if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn all() -> std::io::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir("config")?.flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|of| of == "toml")).collect();
    files.sort();
    Ok(files)
}

fn check(file: &Path) -> bool {
    let name = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let read = Environment::parse(name)
        .map_err(|error| format!("{}: {error}", file.display()))
        .and_then(|environment| WatchFile::load(file, &environment).map_err(|error| error.to_string()));
    let watch_file = match read {
        Ok(watch_file) => watch_file,
        Err(problems) => {
            eprintln!("{problems}");
            return false;
        }
    };
    let unfit = match deployment(&watch_file.environment) {
        Ok(deployment) => deployment.problems(&watch_file),
        Err(why) => vec![why],
    };
    for problem in &unfit {
        eprintln!("{}: {problem}", file.display());
    }
    if unfit.is_empty() {
        let (checks, heartbeats) = (watch_file.checks.len(), watch_file.heartbeats.len());
        let receivers = watch_file.receivers.len();
        println!("{}: fine ({checks} checks, {heartbeats} heartbeats, {receivers} receivers)", file.display());
    }
    unfit.is_empty()
}

/// What is deployed into an environment.
fn deployment(environment: &Environment) -> Result<Deployment, String> {
    let read = |file: &str| {
        std::fs::read_to_string(file).map_err(|error| format!("{file} ({error}): run this at the project's root"))
    };
    let (template, samconfig) = (read("template.yaml")?, read("samconfig.toml")?);
    Deployment::read(&template, &samconfig, environment).map_err(|error| error.to_string())
}

fn refuse(why: &str) -> ExitCode {
    eprintln!("{why}");
    ExitCode::FAILURE
}
