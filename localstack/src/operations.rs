//! Which operations of AWS each function declares, was seen to call, and is permitted: all three have to be the same.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use config::{ArchiverConfig, DeadmanConfig, HealthcheckConfig, MigratorConfig, PollerConfig, RouterConfig};
use serde_json::Value;
use testkit::operations;

use crate::lint;

/// A function and its role.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// Its package.
    pub name: &'static str,
    /// Its resource in `template.yaml`.
    pub resource: &'static str,
    /// Its role's.
    pub role: &'static str,
    /// The IAM actions that its code says it needs.
    pub declared: &'static [&'static str],
}

/// Every function.
pub const FUNCTIONS: [Function; 6] = [
    Function {
        name: RouterConfig::FUNCTION,
        resource: "AlertRouterFunction",
        role: "AlertRouterRole",
        declared: RouterConfig::OPERATIONS,
    },
    Function {
        name: HealthcheckConfig::FUNCTION,
        resource: "HealthcheckFunction",
        role: "HealthcheckRole",
        declared: HealthcheckConfig::OPERATIONS,
    },
    Function {
        name: DeadmanConfig::FUNCTION,
        resource: "DeadmanFunction",
        role: "DeadmanRole",
        declared: DeadmanConfig::OPERATIONS,
    },
    Function {
        name: PollerConfig::FUNCTION,
        resource: "DataPollerFunction",
        role: "DataPollerRole",
        declared: PollerConfig::OPERATIONS,
    },
    Function {
        name: ArchiverConfig::FUNCTION,
        resource: "ArchiverFunction",
        role: "ArchiverRole",
        declared: ArchiverConfig::OPERATIONS,
    },
    Function {
        name: MigratorConfig::FUNCTION,
        resource: "MigratorFunction",
        role: "MigratorRole",
        declared: MigratorConfig::OPERATIONS,
    },
];

/// Statements, by their Sid, that AWS itself makes use of with the function's role, and no code of ours.
pub const BY_AWS: [(&str, &str); 10] = [
    ("Logs", "Lambda writes down what the function prints"),
    ("AlertsPolled", "the event source receives, counts and deletes messages"),
    ("PingsPolled", "the event source receives, counts and deletes messages"),
    ("CompletionsPolled", "the event source receives, counts and deletes messages"),
    ("OwnFailures", "Lambda publishes failed asynchronous invocations"),
    ("DatabaseUrlsDecrypted", "SSM decrypts what the function reads"),
    ("ReceiverSecretsDecrypted", "SSM decrypts what the function reads"),
    ("OwnSecretsDecrypted", "SSM decrypts what the function reads"),
    ("SourceSecretsDecrypted", "SSM decrypts what the function reads"),
    ("TopicsKey", "SNS encrypts what is published"),
];

/// The statements of a role: its own policies' and those attached to it.
#[must_use]
pub fn statements<'t>(template: &'t Value, role: &str) -> Vec<&'t Value> {
    let own = template["Resources"][role]["Properties"]["Policies"].as_array().into_iter().flatten();
    let resources = template["Resources"].as_object().into_iter().flat_map(|resources| resources.values());
    let attached =
        resources.filter(|resource| resource["Type"] == "AWS::IAM::Policy").map(|policy| &policy["Properties"]);
    let attached = attached
        .filter(|policy| policy["Roles"].as_array().into_iter().flatten().any(|attached| attached["Ref"] == role));
    let documents = own.chain(attached).map(|policy| &policy["PolicyDocument"]["Statement"]);
    documents.flat_map(|statements| statements.as_array().into_iter().flatten()).collect()
}

/// The actions that a role permits to the function's own code.
#[must_use]
pub fn permitted(template: &Value, role: &str) -> BTreeSet<String> {
    let by_code = |statement: &&&Value| BY_AWS.iter().all(|(sid, _)| statement["Sid"] != *sid);
    let statements = statements(template, role);
    let actions = statements.iter().filter(by_code).flat_map(|statement| match &statement["Action"] {
        Value::Array(actions) => actions.iter().collect(),
        action => vec![action],
    });
    actions.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Compares all three for every function, after all tests have run, and prints what it found.
///
/// # Errors
/// When they differ anywhere, or a record cannot be read.
pub fn check() -> Result<()> {
    let template = lint::translated()?;
    let mut wrong = Vec::new();
    for function in FUNCTIONS {
        let declared: BTreeSet<String> = function.declared.iter().map(|action| (*action).to_owned()).collect();
        let observed = operations::observed(function.name)?;
        let permitted = permitted(&template, function.role);
        let differences = differences(function.name, &declared, &observed, &permitted);
        if differences.is_empty() {
            let list: Vec<&str> = declared.iter().map(String::as_str).collect();
            println!("{}: declared = observed = permitted: {}", function.name, list.join(", "));
        }
        wrong.extend(differences);
    }
    if !wrong.is_empty() {
        bail!("what functions call, declare and may do differs:\n  {}", wrong.join("\n  "));
    }
    Ok(())
}

fn differences(
    function: &str,
    declared: &BTreeSet<String>,
    observed: &BTreeSet<String>,
    permitted: &BTreeSet<String>,
) -> Vec<String> {
    let mut wrong = Vec::new();
    for action in declared.difference(observed) {
        wrong.push(format!("{function} declares {action}, and no test since the last `--forget` made it call that"));
    }
    for action in observed.difference(declared) {
        wrong.push(format!("{function} called {action}, which it does not declare"));
    }
    for action in declared.difference(permitted) {
        wrong.push(format!("{function} declares {action}, which its role in template.yaml does not permit"));
    }
    for action in permitted.difference(declared) {
        wrong.push(format!("{function} may {action}, says its role in template.yaml, and does not declare it"));
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn set(actions: &[&str]) -> BTreeSet<String> {
        actions.iter().map(|action| (*action).to_owned()).collect()
    }

    #[test]
    fn every_difference_is_told_with_its_function_and_its_action() {
        let (a, b) = (set(&["a:A"]), set(&["a:A", "b:B"]));
        assert_eq!(differences("f", &a, &a, &a), Vec::<String>::new());
        for (sets, told) in [
            ([&b, &a, &b], "no test"),
            ([&a, &b, &a], "called b:B"),
            ([&b, &b, &a], "does not permit"),
            ([&a, &a, &b], "may b:B"),
        ] {
            let [declared, observed, permitted] = sets;
            let found = differences("f", declared, observed, permitted);
            assert!(matches!(found.as_slice(), [one] if one.contains(told) && one.contains("b:B")), "{found:?}");
        }
    }

    #[test]
    fn a_role_permits_what_its_own_and_attached_policies_do_without_what_aws_makes_use_of() {
        let document = |sid: &str, action: Value| json!({"Statement": [{"Sid": sid, "Action": action}]});
        let template = json!({"Resources": {
            "Role": {"Type": "AWS::IAM::Role", "Properties": {"Policies": [
                {"PolicyDocument": document("Mine", json!("a:A"))},
                {"PolicyDocument": document("Logs", json!(["logs:PutLogEvents"]))},
            ]}},
            "More": {"Type": "AWS::IAM::Policy", "Properties": {
                "Roles": [{"Ref": "Role"}], "PolicyDocument": document("Theirs", json!(["b:B", "b:C"])),
            }},
            "Others": {"Type": "AWS::IAM::Policy", "Properties": {
                "Roles": [{"Ref": "Other"}], "PolicyDocument": document("No", json!("d:D")),
            }},
        }});
        assert_eq!(permitted(&template, "Role"), set(&["a:A", "b:B", "b:C"]));
    }
}
