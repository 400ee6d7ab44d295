//! `cargo demo`, `cargo local …` and `cargo package-functions`.

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand, ValueEnum};
use localstack::{
    client,
    cloud::{Cloud, Options, Schedules},
    demo, lint, operations, package,
    progress::Progress,
    stack::Stack,
    supervisor::{self, asked_to_end},
};

/// A whole Watchkeeper on this machine: Postgres, an AWS emulator and fake receivers.
#[derive(Debug, Parser)]
#[command(name = "cargo local")]
struct Cli {
    #[command(subcommand)]
    command: Order,
}

#[derive(Debug, Subcommand)]
enum Order {
    /// Start the local cloud and deploy template.yaml into it; Ctrl-C ends it.
    Up {
        #[command(flatten)]
        choices: Choices,
        /// Return once it is deployed, and leave it running.
        #[arg(long)]
        detach: bool,
    },
    /// What `up --detach` leaves running.
    #[command(hide = true)]
    Supervise {
        #[command(flatten)]
        choices: Choices,
    },
    /// End the local cloud.
    Down,
    /// Invoke a function and print its answer.
    Invoke {
        /// alert-router, healthcheck, deadman, migrator.
        function: String,
        /// A file with the payload, or - for stdin.
        file: String,
    },
    /// Print what a function logged.
    Logs {
        /// alert-router, healthcheck, deadman, migrator.
        function: String,
    },
    /// Let Postgres fail, or stop failing.
    Postgres {
        /// pause freezes it as a dead network would; stop ends it cleanly.
        order: PostgresOrder,
    },
    /// Kill a function's sandboxes with SIGKILL.
    Kill {
        /// alert-router, healthcheck, deadman, migrator.
        function: String,
    },
    /// Check template.yaml with cfn-lint and checkov, before and after SAM's translation.
    Lint,
    /// Compare what functions called while tests ran with what they declare and what their roles permit.
    Operations {
        /// Forget what was called so far, instead.
        #[arg(long)]
        forget: bool,
    },
    /// Build every function for AWS Lambda into target/lambda/.
    PackageFunctions {
        /// Must be template.yaml's Architecture.
        #[arg(long, default_value = "arm64", value_parser = ["arm64", "x86_64"])]
        arch: String,
    },
    /// Watch stale data page somebody once, and recover.
    Demo {
        /// Stay up afterwards, until Ctrl-C.
        #[arg(long)]
        keep: bool,
    },
}

#[derive(Debug, Args)]
struct Choices {
    /// Let schedules run by themselves.
    #[arg(long)]
    schedules: bool,
    /// Use this watch file instead of config/local.toml.
    #[arg(long, value_name = "FILE")]
    watch_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PostgresOrder {
    Stop,
    Start,
    Pause,
    Resume,
}

impl Choices {
    fn options(&self) -> Result<Options> {
        let schedules = if self.schedules { Schedules::Enabled } else { Schedules::Disabled };
        let watch_file = match &self.watch_file {
            Some(file) => Some(file.canonicalize().with_context(|| format!("no watch file {}", file.display()))?),
            None => None,
        };
        Ok(Options { schedules, watch_file, ..Options::standard() })
    }

    fn arguments(&self) -> Result<Vec<String>> {
        let mut arguments = Vec::new();
        if self.schedules {
            arguments.push("--schedules".to_owned());
        }
        if let Some(file) = self.options()?.watch_file {
            arguments.extend(["--watch-file".to_owned(), file.display().to_string()]);
        }
        Ok(arguments)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse().command).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(order: Order) -> Result<bool> {
    let standard = Options::standard();
    let directory = standard.directory.as_path();
    match order {
        Order::Up { choices, detach: false } => run_up(&choices.options()?).await?,
        Order::Up { choices, detach: true } => {
            client::detach(directory, &choices.arguments()?).await?;
            println!("the local cloud is up; `cargo local down` ends it. Where everything is:");
            println!("{}", directory.join("stack.json").display());
        }
        Order::Supervise { choices } => {
            // Out of the terminal's session: closing the terminal must not end what was detached from it.
            let _ = rustix::process::setsid();
            run_up(&choices.options()?).await?;
        }
        Order::Down => match supervisor::end(directory).await? {
            true => println!("the local cloud has ended"),
            false => println!("no local cloud runs here"),
        },
        Order::Invoke { function, file } => return client::invoke(directory, &function, &file).await,
        Order::Logs { function } => client::logs(directory, &function).await?,
        Order::Postgres { order } => client::order(directory, &format!("postgres/{}", order.name())).await?,
        Order::Kill { function } => client::order(directory, &format!("kill/{function}")).await?,
        Order::Lint => lint::lint()?,
        Order::Operations { forget: true } => testkit::operations::forget()?,
        Order::Operations { forget: false } => operations::check()?,
        Order::PackageFunctions { arch } => package::package(&arch)?,
        Order::Demo { keep } => {
            let progress = Progress::start();
            let Some(cloud) = start(&standard, progress).await? else { return Ok(false) };
            let told = tokio::select! {
                told = demo::play(&cloud, progress) => told,
                reason = asked_to_end() => { eprintln!("{}", reason?); return Ok(false) }
            };
            if keep {
                describe(&cloud.stack);
                supervisor::keep(cloud, directory).await?;
            }
            told?;
        }
    }
    Ok(true)
}

async fn run_up(options: &Options) -> Result<()> {
    let Some(cloud) = start(options, Progress::start()).await? else { return Ok(()) };
    describe(&cloud.stack);
    supervisor::keep(cloud, &options.directory).await
}

/// Starts a cloud; none if we were asked to end meanwhile. The guards of what had started end it with us.
async fn start(options: &Options, progress: Progress) -> Result<Option<Cloud>> {
    tokio::select! {
        cloud = Cloud::start(options, progress) => cloud.map(Some),
        reason = asked_to_end() => {
            eprintln!("{}; giving up the start", reason?);
            // Work on blocking threads would hold up a return from main.
            std::process::exit(130);
        }
    }
}

fn describe(stack: &Stack) {
    println!("AWS        {} (region {}, any credentials; account {})", stack.aws_endpoint, stack.region, stack.account);
    println!("Postgres   {}", stack.database_url);
    println!("receivers  {}/received and {0}/pagerduty/incidents", stack.receivers_url);
    println!("try        echo '{{}}' | cargo local invoke healthcheck -");
    println!("end it     Ctrl-C here, or `cargo local down`");
}

impl PostgresOrder {
    fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Start => "start",
            Self::Pause => "pause",
            Self::Resume => "resume",
        }
    }
}
