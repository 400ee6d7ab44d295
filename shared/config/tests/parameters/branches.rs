//! Secrets come from SSM by branches, ten to a page, and each function has those of its own branches.

use std::time::Instant;

use anyhow::Result;
use aws_sdk_ssm::Client;
use aws_sdk_ssm::types::ParameterType;
use config::secrets::SecretProblem;
use config::{Branch, Environment, HealthcheckConfig, Parameters, RouterConfig, SecretRef, Secrets};
use secrecy::ExposeSecret;
use testkit::emulator::Emulator;

use crate::ssm::client;

/// A parameter store of this test's own, with these SecureStrings in it.
async fn store(parameters: &[(String, &str)]) -> Result<Client> {
    let access = Emulator::shared("config").access(&Emulator::fresh_account());
    let ssm = client(&access.endpoint, &access.account);
    for (name, value) in parameters {
        ssm.put_parameter().name(name).value(*value).r#type(ParameterType::SecureString).send().await?;
    }
    Ok(ssm)
}

async fn load(ssm: &Client, environment: &Environment, branches: &[Branch]) -> Secrets {
    Parameters::new(ssm.clone(), environment.clone(), branches).refresh(Instant::now()).await.secrets
}

#[tokio::test]
async fn a_branch_of_many_pages_is_read_whole_and_only_in_its_own_environment() -> Result<()> {
    let mut parameters: Vec<_> =
        (0..23).map(|n| (format!("/local/watchkeeper/receivers/hook_{n}"), "https://hooks.example.com/x")).collect();
    parameters.push(("/local/watchkeeper/receivers/deep/er".to_owned(), "k3y\n"));
    parameters.push(("/prod/watchkeeper/receivers/other".to_owned(), "another"));
    let ssm = store(&parameters).await?;
    let secrets = load(&ssm, &Environment::parse("local")?, &[Branch::Receivers]).await;
    for n in 0..23 {
        let reference = SecretRef::parse(&format!("ssm:receivers/hook_{n}"), "")?;
        assert_eq!(secrets.get(&reference)?.expose_secret(), "https://hooks.example.com/x");
    }
    let deeper = secrets.get(&SecretRef::parse("ssm:receivers/deep/er", "")?)?;
    assert_eq!(deeper.expose_secret(), "k3y", "a line break at the end was never meant");
    let other = secrets.get(&SecretRef::parse("ssm:receivers/other", "")?).expect_err("of another environment");
    assert_eq!((other.why, other.parameter.as_str()), (SecretProblem::Missing, "/local/watchkeeper/receivers/other"));
    Ok(())
}

#[tokio::test]
async fn a_function_has_the_secrets_of_its_own_branches_only() -> Result<()> {
    let url = ("/prod/watchkeeper/database/url".to_owned(), "postgres://localhost/x");
    let key = ("/prod/watchkeeper/receivers/pagerduty".to_owned(), "k3y");
    let ssm = store(&[url, key]).await?;
    let environment = Environment::parse("production")?;
    let pagerduty = SecretRef::parse("ssm:receivers/pagerduty", "")?;
    let router = load(&ssm, &environment, RouterConfig::BRANCHES).await;
    assert!(router.get(&SecretRef::store()).is_ok() && router.get(&pagerduty).is_ok());
    let healthcheck = load(&ssm, &environment, HealthcheckConfig::BRANCHES).await;
    assert!(healthcheck.get(&SecretRef::store()).is_ok());
    assert_eq!(healthcheck.get(&pagerduty).expect_err("not its own").why, SecretProblem::OtherBranch);
    Ok(())
}
