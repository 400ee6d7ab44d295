//! A database that only a function may ask: a function in the emulator's Lambda that answers what its statement says.

use std::process::Command;

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{FunctionCode, Runtime};
use serde_json::{Value, json};

use crate::world::{World, answer};

/// The statement is the answer, or what to do instead.
const FUNCTION: &str = r#"
import json, time
def handler(event, context):
    sql = event["sql"]
    if sql == "crash":
        raise RuntimeError("could not connect to the database")
    if sql == "hang":
        time.sleep(20)
    return json.loads(sql)
"#;

/// Zips the function up and puts it into the emulator.
async fn deploy(world: &World) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("function.zip");
    let zip = "import sys, zipfile; zipfile.ZipFile(sys.argv[1], 'w').writestr('query.py', sys.argv[2])";
    let zipped = Command::new("python3").args(["-c", zip]).arg(&path).arg(FUNCTION).status().expect("python3 runs");
    assert!(zipped.success());
    let code = Blob::new(std::fs::read(&path).expect("a zip"));
    aws_sdk_lambda::Client::new(world.aws())
        .create_function()
        .function_name("ops-pipeline-db-query")
        .runtime(Runtime::Python311)
        .handler("query.handler")
        .role("arn:aws:iam::000000000000:role/query")
        .timeout(30)
        .code(FunctionCode::builder().zip_file(code).build())
        .send()
        .await
        .expect("a function");
}

/// A watch file whose database is asked through `function`; each check's statement is the function's answer.
fn through(function: &str, checks: &[(&str, String)]) -> String {
    let mut text = format!(
        "namespace = \"OPsPipeline\"\n[database.pipeline]\nlambda = \"{function}\"\nstatement_timeout = \"3s\"\n\
         [receiver.team]\nsns = {{ topic = \"pages\" }}\n[routes]\ndefault = [\"team\"]\n"
    );
    for (name, sql) in checks {
        text.push_str(&crate::world::check(name, sql, &[("n", name)]));
    }
    text
}

fn body(body: &Value) -> String {
    json!({"statusCode": 200, "body": body.to_string()}).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_is_asked_in_turn_and_a_wrong_answer_costs_only_its_check() {
    let world = World::new().await;
    deploy(&world).await;
    let checks = [
        ("number", body(&json!({"rows": [{"n": 42.5}]}))),
        ("decimal", body(&json!({"rows": [{"n": "180.25"}]}))),
        ("nothing", body(&json!({"rows": [{"n": null}]}))),
        ("no-number", body(&json!({"rows": [{"n": "NaN"}]}))),
        ("bare", json!({"rows": [{"n": 7}]}).to_string()),
        ("refused", body(&json!({"error": "permission denied for table lane_telemetry"}))),
        ("empty", body(&json!({"rows": []}))),
        ("word", body(&json!({"rows": [{"n": "many"}]}))),
        ("other", body(&json!({"rows": [{"m": 1}]}))),
        ("status", json!({"statusCode": 500, "body": "{\"error\": \"timeout\"}"}).to_string()),
        ("crashes", "crash".to_owned()),
        ("hangs", "hang".to_owned()),
    ];
    let healthcheck = world.start(&world.write(&through("ops-pipeline-db-query", &checks)), &[]).await;
    let summary = answer(&healthcheck, json!({})).await;
    assert_eq!(
        summary["metrics"],
        json!({"number": 42.5, "decimal": 180.25, "nothing": null, "no-number": null, "bare": 7.0}),
        "{summary}"
    );
    assert_eq!(summary["did"]["dropped"], 1);
    let failed: Vec<_> = summary["failed"].as_array().into_iter().flatten().collect();
    let expected = [
        ("refused", "function ops-pipeline-db-query answered 200: permission denied for table lane_telemetry"),
        ("empty", "the statement answered no row, expected one"),
        ("word", "column `n` is the text `many`, expected a number"),
        ("other", "the row has no column `n`, it has m"),
        ("status", "function ops-pipeline-db-query answered 500: timeout"),
        // The emulator has a name of its own for the error's type.
        ("crashes", "function ops-pipeline-db-query failed: Runtime.HandlerError: could not connect to the database"),
        ("hangs", "function ops-pipeline-db-query did not answer within 3.0s"),
    ];
    assert_eq!(failed.len(), expected.len(), "{failed:?}");
    for ((name, error), failed) in expected.iter().zip(failed) {
        assert_eq!((failed["name"].as_str(), failed["error"].as_str()), (Some(*name), Some(*error)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_there_is_not_is_one_failure_for_all_its_checks() {
    let world = World::new().await;
    let one = body(&json!({"rows": [{"n": 1}]}));
    let checks = [("one", one.clone()), ("two", one.clone()), ("three", one)];
    let healthcheck = world.start(&world.write(&through("no-such-function", &checks)), &[]).await;
    let failed = answer(&healthcheck, json!({})).await["failed"].clone();
    assert_eq!(failed.as_array().map(Vec::len), Some(1), "{failed}");
    assert_eq!(failed[0]["name"], "pipeline");
    let error = failed[0]["error"].as_str().unwrap_or_default();
    assert!(error.contains("function no-such-function could not be invoked: ResourceNotFoundException"), "{error}");
    let raised = world.raised().await;
    let kinds: Vec<_> = raised.iter().map(|signal| (signal["kind"].as_str(), signal["subject"].as_str())).collect();
    assert_eq!(kinds, [(Some("check-failed"), Some("pipeline"))]);
}
