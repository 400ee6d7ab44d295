//! When SSM is asked again, and what is used when it does not answer.

use std::time::{Duration, Instant};

use anyhow::Result;
use config::secrets::SecretProblem;
use config::{Branch, Current, Environment, Parameters, SecretRef, Switch};
use secrecy::ExposeSecret;

use crate::ssm::{Fault, Ssm};

const BRANCHES: &[Branch] = &[Branch::Features, Branch::Database];

/// A function of the local environment; `later` is how its invocations are dated, so that nobody has to wait.
struct Function {
    ssm: Ssm,
    parameters: Parameters,
    started: Instant,
}

impl Function {
    async fn start() -> Result<Self> {
        let ssm = Ssm::start().await?;
        ssm.put("features/enable_lag", "true");
        ssm.put("database/url", "postgres://first");
        let parameters = Parameters::new(ssm.client.clone(), Environment::parse("local")?, BRANCHES);
        Ok(Self { ssm, parameters, started: Instant::now() })
    }

    fn at(&self, seconds: u64) -> Instant {
        self.started + Duration::from_secs(seconds)
    }

    /// What an invocation works with that begins so many seconds after the start.
    async fn invoke(&mut self, seconds: u64) -> Current {
        let at = self.at(seconds);
        self.parameters.refresh(at).await
    }

    async fn refused(&mut self, seconds: u64) -> Option<Current> {
        let at = self.at(seconds);
        self.parameters.refused(at).await
    }
}

fn url(current: &Current) -> String {
    current.secrets.get(&SecretRef::store()).map_or_else(|err| err.to_string(), |url| url.expose_secret().to_owned())
}

#[tokio::test]
async fn a_switch_acts_within_a_minute() -> Result<()> {
    let mut function = Function::start().await?;
    assert_eq!(function.invoke(0).await.switches.get("enable_lag"), Switch::On);
    function.ssm.put("features/enable_lag", "OFF");
    assert_eq!(function.invoke(49).await.switches.get("enable_lag"), Switch::On, "read 49 s ago");
    assert_eq!(function.invoke(60).await.switches.get("enable_lag"), Switch::Off);
    function.ssm.delete("features/enable_lag");
    assert_eq!(function.invoke(120).await.switches.get("enable_lag"), Switch::On, "what is gone is not remembered");
    Ok(())
}

#[tokio::test]
async fn whoever_acts_on_the_world_reads_the_switches_again_right_before_it() -> Result<()> {
    let mut function = Function::start().await?;
    function.invoke(0).await;
    function.ssm.calls();
    function.ssm.put("features/enable_lag", "OFF");
    let at = function.at(1);
    assert_eq!(function.parameters.refresh_switches(at).await.switches.get("enable_lag"), Switch::Off);
    assert_eq!(function.ssm.calls(), 1, "the switches and no secrets");
    Ok(())
}

#[tokio::test]
async fn a_warm_function_asks_once_a_minute_for_switches_and_every_ten_minutes_for_secrets() -> Result<()> {
    let mut function = Function::start().await?;
    function.invoke(0).await;
    assert_eq!(function.ssm.calls(), 2, "each branch once");
    for seconds in 1..50 {
        function.invoke(seconds).await;
    }
    assert_eq!(function.ssm.calls(), 0);
    function.ssm.put("database/url", "postgres://second");
    let before = function.invoke(599).await;
    assert_eq!((function.ssm.calls(), url(&before).as_str()), (1, "postgres://first"));
    let after = function.invoke(600).await;
    assert_eq!((function.ssm.calls(), url(&after).as_str()), (1, "postgres://second"));
    assert_ne!(before.edition, after.edition);
    Ok(())
}

#[tokio::test]
async fn a_secret_that_was_refused_is_read_again_at_once_and_not_over_and_over() -> Result<()> {
    let mut function = Function::start().await?;
    function.invoke(0).await;
    assert!(function.refused(0).await.is_none(), "this invocation has just read it");
    function.ssm.calls();
    function.ssm.put("database/url", "postgres://rotated");
    assert_eq!(url(&function.invoke(1).await), "postgres://rotated", "the next one does");
    function.ssm.calls();
    // A later rotation, noticed in the middle of an invocation.
    function.invoke(30).await;
    function.ssm.put("database/url", "postgres://again");
    assert_eq!(function.refused(31).await.as_ref().map(url).as_deref(), Some("postgres://again"));
    function.ssm.calls();
    for seconds in 31..36 {
        assert!(function.refused(seconds).await.is_none(), "nothing has changed");
        function.invoke(seconds).await;
    }
    assert!(function.ssm.calls() <= 1, "a storm of refusals is not a storm of calls");
    Ok(())
}

#[tokio::test]
async fn an_ssm_that_is_gone_leaves_old_values_in_use_and_every_run_says_so() -> Result<()> {
    let mut function = Function::start().await?;
    function.ssm.put("features/enable_lag", "off");
    assert_eq!(function.invoke(0).await.stale, []);
    function.ssm.fail_always(Some(Fault::Denied));
    let current = function.invoke(420).await;
    assert_eq!((current.switches.get("enable_lag"), url(&current).as_str()), (Switch::Off, "postgres://first"));
    let said: Vec<_> = current.stale.iter().map(|stale| (stale.name(), stale.to_string())).collect();
    let why = "(AccessDeniedException: not authorized): its values of 7m ago are used";
    let expected =
        ("ssm:features".to_owned(), format!("SSM /local/watchkeeper/features could not be read again {why}"));
    assert_eq!(said, [expected]);
    function.ssm.calls();
    assert_eq!(function.invoke(421).await.stale.len(), 1, "it is said by every run");
    assert_eq!(function.ssm.calls(), 0, "and not asked in each");
    assert_eq!(function.invoke(1000).await.stale.len(), 2, "the secrets are due as well by now");
    function.ssm.fail_always(None);
    function.ssm.put("features/enable_lag", "on");
    let current = function.invoke(1006).await;
    assert_eq!((current.stale.len(), current.switches.get("enable_lag")), (0, Switch::On));
    Ok(())
}

#[tokio::test]
async fn a_cold_start_without_ssm_knows_nothing_says_so_and_asks_again_with_the_next_invocation() -> Result<()> {
    let mut function = Function::start().await?;
    function.ssm.fail_always(Some(Fault::Denied));
    let current = function.invoke(0).await;
    let switch = current.switches.get("enable_lag");
    assert!(!switch.is_off() && !switch.is_surely_on(), "alerting goes on, triggers do not: {switch:?}");
    let error = current.secrets.get(&SecretRef::store()).expect_err("nobody knows it");
    assert!(matches!(error.why, SecretProblem::Unreadable(_)), "{error}");
    let named = "ssm:database/url (SSM parameter /local/watchkeeper/database/url) could not be read: AccessDenied";
    assert!(error.to_string().starts_with(named), "{error}");
    assert_eq!(current.stale.len(), 2);
    assert!(current.stale[0].to_string().ends_with("nothing of it is known"), "{}", current.stale[0]);
    function.ssm.fail_always(None);
    let current = function.invoke(1).await;
    assert_eq!(url(&current), "postgres://first", "nothing works without it, so every invocation asks");
    assert_eq!(function.invoke(5).await.stale, []);
    Ok(())
}

#[tokio::test]
async fn three_throttled_calls_in_a_row_cost_nothing_but_time() -> Result<()> {
    let mut function = Function::start().await?;
    function.ssm.fail(&[Fault::Throttled, Fault::Throttled, Fault::Throttled]);
    let current = function.invoke(0).await;
    assert_eq!((current.stale.len(), url(&current).as_str()), (0, "postgres://first"));
    Ok(())
}

#[tokio::test]
async fn an_ssm_that_hangs_holds_up_a_warm_function_for_two_seconds_once() -> Result<()> {
    let mut function = Function::start().await?;
    function.invoke(0).await;
    function.ssm.fail_always(Some(Fault::Hang));
    let began = Instant::now();
    for seconds in 600..605 {
        let current = function.invoke(seconds).await;
        assert_eq!((current.stale.len(), url(&current).as_str()), (2, "postgres://first"));
    }
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    Ok(())
}

#[tokio::test]
async fn a_parameter_store_that_nobody_answers_for_is_said_when_a_secret_is_asked_for() -> Result<()> {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let ssm = crate::ssm::client(&format!("http://{closed}"), "000000000000");
    let mut parameters = Parameters::new(ssm, Environment::parse("local")?, BRANCHES);
    let error = parameters.refresh(Instant::now()).await.secrets.get(&SecretRef::store()).expect_err("nobody there");
    assert!(error.is_unreadable(), "{error}");
    Ok(())
}
