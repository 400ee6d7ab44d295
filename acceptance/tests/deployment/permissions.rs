//! Variables and roles: each function is given what it asks for, and nothing else.

use std::collections::BTreeSet;

use config::{ArchiverConfig, Branch, DeadmanConfig, HealthcheckConfig, MigratorConfig, PollerConfig, RouterConfig};
use localstack::operations::{BY_AWS, FUNCTIONS, permitted, statements};

use crate::template::{ENVIRONMENTS, deployment, template, watch_file};

/// What the SDK or TLS reads, and no code of ours.
const OF_LIBRARIES: [&str; 1] = ["SSL_CERT_FILE"];

/// Actions that know neither resources nor conditions, and give away nothing that anybody could use.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html>
const KNOWS_NO_LIMIT: [&str; 2] = ["cloudwatch:GetMetricData", "cloudwatch:DescribeAlarms"];

fn reads(function: &str) -> (&'static [&'static str], &'static [Branch]) {
    match function {
        RouterConfig::FUNCTION => (RouterConfig::REQUIRED, RouterConfig::BRANCHES),
        HealthcheckConfig::FUNCTION => (HealthcheckConfig::REQUIRED, HealthcheckConfig::BRANCHES),
        DeadmanConfig::FUNCTION => (DeadmanConfig::REQUIRED, DeadmanConfig::BRANCHES),
        PollerConfig::FUNCTION => (PollerConfig::REQUIRED, PollerConfig::BRANCHES),
        ArchiverConfig::FUNCTION => (ArchiverConfig::REQUIRED, ArchiverConfig::BRANCHES),
        MigratorConfig::FUNCTION => (MigratorConfig::REQUIRED, MigratorConfig::BRANCHES),
        other => panic!("{other} has no variables yet"),
    }
}

#[test]
fn every_variable_is_read_and_every_variable_that_is_read_is_set() {
    for function in FUNCTIONS {
        let variables = &template()["Resources"][function.resource]["Properties"]["Environment"]["Variables"];
        let set: BTreeSet<&str> = variables.as_object().expect("variables").keys().map(String::as_str).collect();
        let read: BTreeSet<&str> = reads(function.name).0.iter().chain(&OF_LIBRARIES).copied().collect();
        assert_eq!(set, read, "{}", function.name);
    }
}

#[test]
fn a_role_may_read_exactly_the_branches_that_its_function_reads() {
    for function in FUNCTIONS {
        let branches = reads(function.name).1;
        let policies: Vec<String> = statements(template(), function.role).iter().map(ToString::to_string).collect();
        for branch in Branch::ALL {
            let may_read = policies.iter().any(|policy| policy.contains(&format!("/watchkeeper/{}*", branch.as_str())));
            assert_eq!(may_read, branches.contains(&branch), "{}: {}", function.name, branch.as_str());
        }
    }
}

#[test]
fn a_role_permits_exactly_what_its_function_declares_to_call() {
    for function in FUNCTIONS {
        let declared: BTreeSet<String> = function.declared.iter().map(|action| (*action).to_owned()).collect();
        assert_eq!(permitted(template(), function.role), declared, "{}", function.name);
    }
}

#[test]
fn what_aws_makes_use_of_is_a_statement_that_exists_and_every_statement_has_a_name() {
    let names = |role| statements(template(), role).into_iter().map(|statement| statement["Sid"].as_str());
    let all: Vec<&str> =
        FUNCTIONS.iter().flat_map(|function| names(function.role).map(|sid| sid.expect("a Sid"))).collect();
    for (sid, reason) in BY_AWS {
        assert!(all.contains(&sid), "{sid} ({reason}) is nowhere any more");
    }
}

#[test]
fn a_permission_on_everything_has_a_condition() {
    for function in FUNCTIONS {
        for statement in statements(template(), function.role) {
            let wide = statement["Resource"] == "*" || statement["Action"].to_string().contains(":*");
            let harmless = statement["Action"].as_str().is_some_and(|action| KNOWS_NO_LIMIT.contains(&action));
            assert!(!wide || harmless || statement["Condition"].is_object(), "{}: {statement}", function.name);
        }
    }
}

#[test]
fn metrics_may_be_sent_to_the_namespace_of_the_watch_files() {
    for role in ["HealthcheckRole", "DeadmanRole", "DataPollerRole", "ArchiverRole"] {
        let statements = statements(template(), role);
        let sending = statements.iter().find(|statement| statement["Action"] == "cloudwatch:PutMetricData");
        let namespace = &sending.expect("the permission")["Condition"]["StringEquals"]["cloudwatch:namespace"];
        let parameter = namespace["Ref"].as_str().expect("a parameter");
        for environment in ENVIRONMENTS {
            let permitted = deployment(environment).parameter(parameter).map(str::to_owned);
            assert_eq!(permitted, Some(watch_file(environment).namespace), "{role}, {environment}");
        }
    }
}
