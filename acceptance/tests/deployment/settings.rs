//! How functions, queues and schedules are set: nothing that only shows after it is deployed.

use localstack::operations::{FUNCTIONS, statements};
use serde_json::{Value, json};
use testkit::binaries::workspace;

use crate::template::{ENVIRONMENTS, deployment, number, resources, template};

#[test]
fn a_message_comes_again_only_after_its_reader_has_run_out_of_time() {
    for environment in ENVIRONMENTS {
        let deployment = deployment(environment);
        let mappings = resources("AWS::Lambda::EventSourceMapping");
        for (id, mapping) in mappings {
            let queue = mapping["EventSourceArn"]["Fn::GetAtt"][0].as_str().expect("a queue");
            let function = mapping["FunctionName"]["Ref"].as_str().expect("an alias").trim_end_matches("Aliaslive");
            let resource = |id: &str| &template()["Resources"][id]["Properties"];
            let visible = number(&resource(queue)["VisibilityTimeout"], &deployment);
            let timeout = number(&resource(function)["Timeout"], &deployment);
            // Lambda refuses less than once, and asks for six times: a throttled poll costs tries. Locally the tests
            // want to see a message again soon.
            let times = if environment == "local" { 1.0 } else { 6.0 };
            assert!(visible >= times * timeout, "{environment}, {id}: {visible} s for {timeout} s");
        }
    }
}

#[test]
fn every_function_logs_json_into_a_group_that_forgets() {
    let groups = resources("AWS::Logs::LogGroup");
    for function in FUNCTIONS {
        let logging = &template()["Resources"][function.resource]["Properties"]["LoggingConfig"];
        assert_eq!(logging["LogFormat"], "JSON", "{}", function.name);
        let group = logging["LogGroup"]["Ref"].as_str().expect("a log group of ours");
        assert_eq!(groups[group]["RetentionInDays"], json!({"Ref": "LogRetentionDays"}), "{}", function.name);
        assert_eq!(
            groups[group]["LogGroupName"]["Fn::Sub"],
            format!("/aws/lambda/${{AWS::StackName}}-{}", function.name)
        );
    }
}

#[test]
fn the_next_tick_is_the_retry_of_a_scheduled_function_and_its_failures_are_told() {
    let configs = resources("AWS::Lambda::EventInvokeConfig");
    let schedules = resources("AWS::Scheduler::Schedule");
    let target = |schedule: &Value| {
        schedule["Target"]["Arn"]["Ref"].as_str().expect("an alias").trim_end_matches("Aliaslive").to_owned()
    };
    for (id, schedule) in &schedules {
        let function = target(schedule);
        let invoked = configs.values().find(|config| config["FunctionName"]["Ref"] == function).expect("a config");
        // Whatever invokes the function, Lambda's own queue keeps it until the first next tick.
        let others = schedules.values().filter(|other| target(other) == function);
        let shortest = others.map(|other| interval(other).min(LONGEST_EVENT_AGE)).min();
        assert_eq!(
            (&invoked["MaximumRetryAttempts"], &invoked["MaximumEventAgeInSeconds"]),
            (&json!(0), &json!(shortest)),
            "{id}"
        );
        let retries = &schedule["Target"]["RetryPolicy"];
        let interval = interval(schedule).min(LONGEST_EVENT_AGE);
        assert_eq!(*retries, json!({"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": interval}), "{id}");
        let told = &invoked["DestinationConfig"]["OnFailure"]["Destination"];
        assert_eq!(*told, json!({"Ref": "SelfTopic"}), "{id}");
    }
}

/// As long as Lambda's own queue keeps an event at most, in seconds.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html>
const LONGEST_EVENT_AGE: u64 = 21_600;

/// Seconds from one run of a schedule to the next: every so many minutes, or once a day, or on one day of the week.
fn interval(schedule: &Value) -> u64 {
    let expression = schedule["ScheduleExpression"].as_str().expect("an expression");
    let (kind, fields) = expression.trim_end_matches(')').split_once('(').expect("a kind");
    let fields: Vec<&str> = fields.split(' ').collect();
    match (kind, fields.as_slice()) {
        ("rate", [number, "minute" | "minutes"]) => 60 * number.parse::<u64>().expect("minutes"),
        ("cron", [_, _, "*", "*", "?", "*"]) => 86_400,
        ("cron", [_, _, "?", "*", day, "*"]) if !day.contains(['*', ',', '-']) => 604_800,
        _ => panic!("{expression}: how often is that?"),
    }
}

#[test]
fn what_a_schedule_sends_is_a_sample_that_is_tried() {
    // Timelines invoke every sample: the function's own parser takes them.
    let samples = |function: &str| -> Vec<Value> {
        let folder = std::fs::read_dir(workspace().join("events").join(function)).expect("samples of the function");
        let files = folder.flatten().map(|file| std::fs::read(file.path()).expect("a sample"));
        files.map(|text| serde_json::from_slice(&text).expect("JSON")).collect()
    };
    for (id, schedule) in resources("AWS::Scheduler::Schedule") {
        let target = schedule["Target"]["Arn"]["Ref"].as_str().expect("an alias").trim_end_matches("Aliaslive");
        let function = FUNCTIONS.iter().find(|function| function.resource == target).expect("a function of ours");
        let input = schedule["Target"]["Input"].as_str().expect("an input");
        let input: Value = serde_json::from_str(input).expect("JSON");
        assert!(samples(function.name).contains(&input), "{id}: no file in events/{}/ is {input}", function.name);
    }
}

#[test]
fn whatever_tells_self_may_use_the_topics_key() {
    let resources = &template()["Resources"];
    let admitted = &resources["TopicsKeyPolicy"]["Properties"]["Roles"];
    for function in FUNCTIONS {
        let may = |statement: &&Value| statement["Action"] == "sns:Publish";
        let tells = statements(template(), function.role).iter().any(may);
        let admitted = admitted.as_array().expect("roles").contains(&json!({"Ref": function.role}));
        assert_eq!(tells, admitted, "{}", function.name);
    }
}

#[test]
fn the_migrator_answers_before_cloudformation_stops_waiting() {
    let resources = &template()["Resources"];
    let timeout = number(&resources["MigratorFunction"]["Properties"]["Timeout"], &deployment("prod"));
    let patience = number(&resources["Migration"]["Properties"]["ServiceTimeout"], &deployment("prod"));
    assert!(timeout < patience, "{timeout} s, {patience} s");
}

#[test]
fn no_message_is_dropped_between_an_alarm_and_the_record() {
    let dead_letters = json!({"Fn::GetAtt": ["AlertsDeadLetterQueue", "Arn"]});
    let subscription = &template()["Resources"]["AlarmsToAlerts"]["Properties"];
    assert_eq!(subscription["RedrivePolicy"]["deadLetterTargetArn"], dead_letters);
    let queues = resources("AWS::SQS::Queue");
    let alerts = queues["AlertsQueue"];
    assert_eq!(alerts["RedrivePolicy"], json!({"deadLetterTargetArn": dead_letters, "maxReceiveCount": 5}));
    let holds = |queue: &str, field: &str| queues[queue][field].as_u64().unwrap_or_else(|| panic!("{queue}: {field}"));
    for queue in ["AlertsDeadLetterQueue", "AlertsHeldQueue"] {
        assert!(holds(queue, "MaximumMessageSize") >= holds("AlertsQueue", "MaximumMessageSize"), "{queue}");
        assert_eq!(holds(queue, "MessageRetentionPeriod"), 1_209_600, "{queue}: as long as SQS keeps anything");
    }
}

#[test]
fn an_evaluation_is_over_before_the_next_one_begins() {
    // Its lease ends with its invocation: one that died holds up no other.
    let timeout = &template()["Resources"]["DeadmanFunction"]["Properties"]["Timeout"];
    let schedules = resources("AWS::Scheduler::Schedule");
    let rate = &schedules["DeadmanFunctionSchedule"]["ScheduleExpression"];
    assert_eq!(*rate, json!("rate(1 minute)"));
    assert!(number(timeout, &deployment("prod")) < 60.0, "{timeout} s");
}

#[test]
fn a_ping_that_cannot_be_taken_is_kept() {
    let queues = resources("AWS::SQS::Queue");
    let (pings, kept) = (queues["PingsQueue"], queues["PingsDeadLetterQueue"]);
    let dead_letters = json!({"Fn::GetAtt": ["PingsDeadLetterQueue", "Arn"]});
    assert_eq!(pings["RedrivePolicy"]["deadLetterTargetArn"], dead_letters);
    let tries = number(&pings["RedrivePolicy"]["maxReceiveCount"], &deployment("prod"));
    let visibility = number(&pings["VisibilityTimeout"], &deployment("prod"));
    assert!((7_200.0..86_400.0).contains(&(tries * visibility)), "Postgres may be gone for two hours");
    assert_eq!(pings["MaximumMessageSize"], kept["MaximumMessageSize"]);
    for queue in [pings, kept] {
        assert_eq!(queue["MessageRetentionPeriod"], 1_209_600, "as long as SQS keeps anything");
    }
}

#[test]
fn every_queue_refuses_what_does_not_come_over_tls() {
    let policies = resources("AWS::SQS::QueuePolicy");
    for id in resources("AWS::SQS::Queue").into_keys() {
        // Those of the local cloud alone are read by tests.
        if template()["Resources"][id]["Condition"] == "IsLocal" {
            continue;
        }
        let refuses = |policy: &&Value| {
            let statements = policy["PolicyDocument"]["Statement"].as_array().into_iter().flatten();
            let refused = statements.filter(|statement| statement["Effect"] == "Deny");
            policy["Queues"] == json!([{"Ref": id}])
                && refused.into_iter().any(|one| one["Condition"] == json!({"Bool": {"aws:SecureTransport": "false"}}))
        };
        assert!(policies.values().copied().any(|policy| refuses(&policy)), "{id}");
    }
}

#[test]
fn queues_are_encrypted_and_topics_with_a_key_only_where_one_is_named() {
    for (id, queue) in resources("AWS::SQS::Queue") {
        assert_eq!(queue["SqsManagedSseEnabled"], Value::Bool(true), "{id}");
    }
    let key = json!({"Fn::If": ["HasTopicsKey", {"Ref": "TopicsKmsKeyArn"}, {"Ref": "AWS::NoValue"}]});
    for (id, topic) in resources("AWS::SNS::Topic") {
        assert_eq!(topic["KmsMasterKeyId"], key, "{id}");
    }
}
