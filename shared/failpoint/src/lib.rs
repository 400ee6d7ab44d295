//! Places where a test can kill the process, to prove that nothing is lost between two statements.
//!
//! A build without debug assertions carries none of it. In a build with them:
//! - `FAILPOINT_ABORT_AT=n` kills the process at the n-th point it passes (counted from 1),
//! - `FAILPOINT_ABORT_ON=text` kills it when a message body that contains `text` is about to be read,
//! - `FAILPOINT_PANIC_ON=text` panics there instead, as a defect in a reader would,
//! - `FAILPOINT_LOG=file` appends the name of every point passed, so that a test can enumerate them,
//! - `FAILPOINT_HASTE=1` leaves out the pauses after which something is tried again, so that a test need not wait.
//!
//! Killing is `abort`: no destructor runs, no buffer is flushed, as with SIGKILL or a lost machine.

#[cfg(debug_assertions)]
mod armed {
    use std::io::Write;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicUsize, Ordering};

    struct Plan {
        abort_at: Option<usize>,
        abort_on: Option<String>,
        panic_on: Option<String>,
        log: Option<String>,
        haste: bool,
    }

    #[expect(clippy::disallowed_methods, reason = "tests arm it, no deployment does")]
    fn variable(name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }

    static PASSED: AtomicUsize = AtomicUsize::new(0);
    static PLAN: OnceLock<Plan> = OnceLock::new();

    fn plan() -> &'static Plan {
        PLAN.get_or_init(|| Plan {
            abort_at: variable("FAILPOINT_ABORT_AT").and_then(|n| n.parse().ok()),
            abort_on: variable("FAILPOINT_ABORT_ON"),
            panic_on: variable("FAILPOINT_PANIC_ON"),
            log: variable("FAILPOINT_LOG"),
            haste: variable("FAILPOINT_HASTE").is_some(),
        })
    }

    pub(crate) fn pass(name: &str) {
        let plan = plan();
        let nth = PASSED.fetch_add(1, Ordering::SeqCst) + 1;
        if let Some(path) = &plan.log {
            let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
            // A log that cannot be written shows as a missing point in the test that reads it.
            let _ = file.and_then(|mut file| writeln!(file, "{name}"));
        }
        if plan.abort_at == Some(nth) {
            std::process::abort();
        }
    }

    pub(crate) fn is_hasty() -> bool {
        plan().haste
    }

    #[expect(clippy::panic, reason = "a test asked for it")]
    pub(crate) fn reading(body: &str) {
        let meant = |text: &Option<String>| text.as_ref().is_some_and(|text| body.contains(text.as_str()));
        if meant(&plan().abort_on) {
            std::process::abort();
        }
        if meant(&plan().panic_on) {
            panic!("a test asked for a panic on this message");
        }
    }
}

/// A place to die at, named after what was done just before.
#[inline]
pub fn pass(name: &str) {
    #[cfg(debug_assertions)]
    armed::pass(name);
    #[cfg(not(debug_assertions))]
    let _ = name;
}

/// A message is about to be read: the place where a poisonous one kills.
#[inline]
pub fn reading(body: &str) {
    #[cfg(debug_assertions)]
    armed::reading(body);
    #[cfg(not(debug_assertions))]
    let _ = body;
}

/// A pause before something is tried again; a test may leave it out.
#[inline]
pub fn pause(pause: std::time::Duration) -> std::time::Duration {
    #[cfg(debug_assertions)]
    if armed::is_hasty() {
        return std::time::Duration::ZERO;
    }
    pause
}
