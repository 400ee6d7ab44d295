//! Recorded signals through another watch file: what would have been told, while nothing is.

use serde_json::{Value, json};
use testkit::runtime_api::Sandbox;

use crate::messages::{Alarm, native, one};
use crate::world::{World, accepts};

async fn replay(router: &Sandbox, watch_file: Option<&str>) -> Value {
    let mut asked = json!({"since": "2020-01-01T00:00:00Z", "until": "2099-01-01T00:00:00Z"});
    if let Some(watch_file) = watch_file {
        asked["watch_file"] = json!(watch_file);
    }
    let outcome = router.invoke(&json!({"replay": asked})).await.expect("a process");
    outcome.answered().unwrap_or_else(|error| panic!("{error:#}\n{}", router.output()))["replay"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_watch_file_is_answered_with_the_pages_it_adds_and_removes_and_nothing_is_sent() {
    let world = World::new().await;
    let router = world.router().await;
    accepts(&router, one(&Alarm { metric: "Depth", state: "ALARM", severity: "HIGH", at: "06:00:00" }.body())).await;
    accepts(&router, one(&native("disk", "firing", "LOW", "06:01:00"))).await;
    let sent = world.receivers.received().len();

    let same = replay(&router, None).await;
    assert_eq!(
        (&same["added"]["count"], &same["removed"]["count"], &same["kept"]["count"]),
        (&json!(0), &json!(0), &json!(3))
    );

    let local =
        std::fs::read_to_string(testkit::binaries::workspace().join("config/local.toml")).expect("a watch file");
    let milder = format!("{local}\n[[classify]]\nwhen = {{ kind = \"metric\" }}\nseverity = \"LOW\"\n");
    let answer = replay(&router, Some(&milder)).await;
    let pages = |of: &str| -> Vec<String> {
        let listed = answer[of]["pages"].as_array().cloned().unwrap_or_default();
        listed.iter().map(|page| format!("{} {} {}", page["receiver"], page["severity"], page["subject"])).collect()
    };
    assert_eq!(pages("removed"), [r#""mail" "HIGH" "AWS/SQS/Depth""#, r#""on-call" "HIGH" "AWS/SQS/Depth""#]);
    assert_eq!(pages("added"), [r#""hook" "LOW" "AWS/SQS/Depth""#]);
    assert_eq!(answer["kept"]["count"], 1);
    assert_eq!(replay(&router, Some(&milder)).await, answer, "the same answer every time");
    assert_eq!(world.receivers.received().len(), sent, "nothing was sent");
    assert_eq!(world.column("select count(*) from watchkeeper.signals").await, ["2"], "nothing was recorded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_file_with_a_mistake_is_refused_with_its_line() {
    let world = World::new().await;
    let router = world.router().await;
    let asked = json!({"since": "2026-03-01T00:00:00Z", "until": "2026-03-02T00:00:00Z",
                       "watch_file": "namespace = \"N\"\n[routes]\ndefault = [\"nobody\"]\n"});
    let refused = router.invoke(&json!({"replay": asked})).await.expect("a process").answered().expect_err("refused");
    let refused = refused.to_string();
    assert!(refused.contains("BadPayload") && refused.contains("watch_file:3"), "{refused}");
}
