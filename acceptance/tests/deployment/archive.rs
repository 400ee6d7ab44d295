//! The archive and who works on it: nothing that is archived can get lost, be seen, or be deleted by a function.

use std::collections::HashSet;

use domain::retention::Task;
use localstack::operations::{FUNCTIONS, statements};
use serde_json::{Value, json};

use crate::template::{resources, template};

#[test]
fn every_task_that_archiver_is_scheduled_for_is_one_it_knows_and_none_deletes_anybody() {
    let schedules = resources("AWS::Scheduler::Schedule");
    let mine = schedules.values().filter(|schedule| schedule["Target"]["Arn"]["Ref"] == "ArchiverFunctionAliaslive");
    let tasks: HashSet<Task> = mine
        .map(|schedule| {
            let input = schedule["Target"]["Input"].as_str().expect("an input");
            let input: Value = serde_json::from_str(input).expect("JSON");
            serde_json::from_value(input["task"].clone()).expect("a task")
        })
        .collect();
    assert_eq!(tasks, HashSet::from([Task::Archive, Task::Prune, Task::Verify]));
}

#[test]
fn the_archive_is_kept_private_and_cheap() {
    let archive = &template()["Resources"]["ArchiveBucket"];
    let [deleted, replaced] = ["DeletionPolicy", "UpdateReplacePolicy"].map(|policy| &archive[policy]);
    assert_eq!((deleted, replaced), (&json!("RetainExceptOnCreate"), &json!("Retain")), "rows that are nowhere else");
    let bucket = &archive["Properties"];
    assert_eq!(bucket["VersioningConfiguration"], json!({"Status": "Enabled"}));
    let blocked = bucket["PublicAccessBlockConfiguration"].as_object().expect("what is blocked");
    assert!(blocked.len() == 4 && blocked.values().all(|blocked| *blocked == json!(true)), "{blocked:?}");
    let rules = bucket["LifecycleConfiguration"]["Rules"].as_array().expect("rules");
    assert!(rules.iter().any(|rule| rule["AbortIncompleteMultipartUpload"] == json!({"DaysAfterInitiation": 1})));
    // Nothing that is current ever expires, and it goes to the glacier only where that is asked for.
    assert!(rules.iter().all(|rule| rule["ExpirationInDays"].is_null() && rule["Transitions"].is_null()));
    let glacier = rules.iter().filter_map(|rule| rule["Fn::If"].as_array()).collect::<Vec<_>>();
    let [moved] = glacier.as_slice() else { panic!("one rule is conditional: {glacier:?}") };
    assert_eq!((&moved[0], &moved[2]), (&json!("ArchivesToGlacier"), &json!({"Ref": "AWS::NoValue"})));
    assert_eq!(moved[1]["Transitions"], json!([{"StorageClass": "GLACIER", "TransitionInDays": 1}]));
}

#[test]
fn nothing_deletes_from_the_archive_or_replaces_what_is_there_and_nothing_speaks_to_it_without_tls() {
    let policy = &resources("AWS::S3::BucketPolicy")["ArchiveBucketPolicy"]["PolicyDocument"]["Statement"];
    let denied = policy.as_array().expect("statements").iter().filter(|statement| statement["Effect"] == "Deny");
    let denied: Vec<&Value> = denied.collect();
    let tls = json!({"Bool": {"aws:SecureTransport": "false"}});
    assert!(denied.iter().any(|one| one["Condition"] == tls && one["Principal"] == "*" && one["Action"] == "s3:*"));
    let archiver = json!({"AWS": {"Fn::GetAtt": ["ArchiverRole", "Arn"]}});
    let kept = denied.iter().find(|one| one["Principal"] == archiver).expect("what the archiver is denied");
    assert!(
        kept["Condition"].is_null() && kept["Action"].as_array().expect("actions").contains(&json!("s3:DeleteObject"))
    );
    // An object of rows is written once; a manifest is written anew.
    let replaces = denied.iter().find(|one| one["Action"] == "s3:PutObject").expect("what may not be replaced");
    assert_eq!(replaces["Condition"]["Null"], json!({"s3:if-none-match": "true"}));
    assert_eq!(
        replaces["Condition"]["Bool"],
        json!({"s3:ObjectCreationOperation": "true"}),
        "parts carry no condition"
    );
    assert!(replaces["Principal"] == archiver && replaces["Resource"].to_string().contains("/*.parquet"));
    for function in FUNCTIONS {
        let deletes = |statement: &&Value| statement["Action"].to_string().contains("s3:Delete");
        for statement in statements(template(), function.role).into_iter().filter(deletes) {
            assert_eq!(statement["Resource"], json!({"Ref": "RetainedObjectsArns"}), "{}", function.name);
        }
    }
}
