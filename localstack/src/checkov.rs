//! checkov over a template: what it finds beyond what is argued here, and what is argued here and not found any more.

use std::{collections::BTreeSet, path::Path, process::Command};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use testkit::tools::{self, target};

/// Checks that do not hold for this stack, and why that is right. Each goes for every resource of its kind.
const EXCEPTIONS: &[(&str, &str)] = &[
    (
        "CKV_AWS_18",
        "who reads or writes the archive is told by CloudTrail's data events, where somebody wants to know; access logs would \
         need a bucket of their own, and come by best effort",
    ),
    (
        "CKV_AWS_27",
        "queues are encrypted with SQS's own key, which checkov does not count; a key of KMS would have to admit SNS and \
         EventBridge, and costs more than the rest of the stack",
    ),
    (
        "CKV_AWS_115",
        "the event source's MaximumConcurrency bounds the router and schedules the rest; a reservation would be taken from \
         the account, and cannot be had at all in accounts that still have the small default",
    ),
    (
        "CKV_AWS_116",
        "failed asynchronous invocations go to the topic `self`, with payload and error; messages have their queue's own \
         dead letters; the migrator answers CloudFormation",
    ),
    (
        "CKV_AWS_117",
        "in a VPC a function reaches SSM, SQS and SNS only through endpoints or a NAT gateway that cost more than the rest \
         of the stack; Postgres is spoken to over TLS with a verified name",
    ),
    ("CKV_AWS_158", "logs hold neither secrets nor message bodies, and CloudWatch Logs encrypts them with its own key"),
    ("CKV_AWS_173", "no variable is secret (secrets are in SSM), and Lambda encrypts them with its own key"),
];

/// What one run said.
#[derive(Debug, Default, PartialEq)]
struct Findings {
    /// (check, resource, what the check is about).
    failed: BTreeSet<(String, String, String)>,
    resources: u64,
    unreadable: u64,
}

/// Checks templates without asking anybody on the network. Answers what is wrong, one sentence each.
///
/// # Errors
/// When checkov cannot be installed or run.
pub fn check(templates: &[&Path]) -> Result<Vec<String>> {
    let tools = tools::CHECKOV.install()?;
    let mut checkov = Command::new(tools.program("checkov"));
    checkov.args(["--framework", "cloudformation", "--output", "json", "--compact", "--quiet"]);
    // Failed checks are read from the answer; any other exit status is a failure of checkov itself.
    checkov.args(["--skip-download", "--soft-fail"]);
    for template in templates {
        checkov.arg("--file").arg(template);
    }
    // It looks for a configuration of its own where it runs and at home.
    let home = target().join("checkov");
    std::fs::create_dir_all(&home).with_context(|| format!("making {}", home.display()))?;
    let run = checkov.current_dir(&home).env("HOME", &home).output().context("running checkov")?;
    if !run.status.success() {
        bail!("checkov failed ({}): {}", run.status, String::from_utf8_lossy(&run.stderr).trim());
    }
    let answer = serde_json::from_slice(&run.stdout).context("checkov answered no JSON")?;
    Ok(judge(&read(&answer), EXCEPTIONS))
}

/// Reads an answer: one report, or a list of them.
fn read(answer: &Value) -> Findings {
    let reports = answer.as_array().map_or(std::slice::from_ref(answer), Vec::as_slice);
    let mut findings = Findings::default();
    for report in reports {
        findings.resources += report["summary"]["resource_count"].as_u64().unwrap_or_default();
        findings.unreadable += report["summary"]["parsing_errors"].as_u64().unwrap_or_default();
        for check in report["results"]["failed_checks"].as_array().into_iter().flatten() {
            let text = |field: &str| check[field].as_str().unwrap_or("?").to_owned();
            findings.failed.insert((text("check_id"), text("resource"), text("check_name")));
        }
    }
    findings
}

fn judge(findings: &Findings, exceptions: &[(&str, &str)]) -> Vec<String> {
    let mut wrong = Vec::new();
    if findings.unreadable > 0 || findings.resources == 0 {
        wrong.push(format!(
            "checkov could not read it all: {} resources, {} files not understood",
            findings.resources, findings.unreadable
        ));
    }
    let excepted = |id: &str| exceptions.iter().any(|(excepted, _)| *excepted == id);
    for (id, resource, name) in findings.failed.iter().filter(|(id, ..)| !excepted(id)) {
        wrong.push(format!("checkov {id}, {resource}: {name}"));
    }
    for (id, reason) in exceptions {
        if !findings.failed.iter().any(|(failed, ..)| failed == id) {
            wrong.push(format!("checkov {id} holds everywhere: take its exception ({reason}) off the list"));
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn report(check: &str) -> Value {
        json!({
            "summary": {"resource_count": 3, "parsing_errors": 0},
            "results": {"failed_checks": [
                {"check_id": check, "resource": "AWS::SQS::Queue.AlertsQueue", "check_name": "Ensure something"},
            ]},
        })
    }

    #[test]
    fn a_finding_is_wrong_unless_it_is_argued() {
        let findings = read(&report("CKV_1"));
        assert_eq!(judge(&findings, &[]), ["checkov CKV_1, AWS::SQS::Queue.AlertsQueue: Ensure something"]);
        assert_eq!(judge(&findings, &[("CKV_1", "because")]), Vec::<String>::new());
    }

    #[test]
    fn an_exception_that_is_not_needed_any_more_is_wrong() {
        let wrong = judge(&read(&report("CKV_1")), &[("CKV_1", "because"), ("CKV_2", "old")]);
        assert!(matches!(wrong.as_slice(), [one] if one.contains("CKV_2") && one.contains("old")), "{wrong:?}");
    }

    #[test]
    fn a_list_of_reports_is_read_whole_and_one_that_saw_nothing_is_wrong() {
        let findings = read(&json!([report("CKV_1"), report("CKV_2")]));
        assert_eq!((findings.failed.len(), findings.resources), (2, 6));
        let nothing = json!({"passed": 0, "failed": 0});
        assert!(judge(&read(&nothing), &[])[0].contains("0 resources"));
    }
}
