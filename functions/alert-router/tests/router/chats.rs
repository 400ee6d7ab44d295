//! Slack, Telegram and a signed webhook, told by the real router with secrets out of SSM.

use testkit::receivers::Behaviour;
use testkit::runtime_api::Sandbox;

use crate::calm::router_with;
use crate::messages::{native, one};
use crate::world::{World, accepts, retry};

/// Who is told here, besides the receivers of the local watch file.
const WATCH_FILE: &str = r#"
[receiver.signed]
webhook = { url = "ssm:receivers/hook_url", secret = "ssm:receivers/hook_secret" }
[routes]
default = ["team", "chat", "signed"]
"#;
/// The password of the local bot, and what the webhook is signed with.
const SECRETS: [&str; 2] = ["local-bot-token-0000000000000", "hook-secret-do-not-show"];

/// What the router said and put on record about its attempts, once it is clear that it holds no secret.
async fn said_and_recorded(world: &World, router: &Sandbox) -> String {
    let record = "select delivery::text || coalesce(attempt::text, '') from watchkeeper.deliveries as delivery
                  left join watchkeeper.delivery_attempts as attempt using (delivery_id)";
    let said = router.output() + &world.column(record).await.join("\n");
    for secret in SECRETS {
        assert!(!said.contains(secret), "{secret} shows:\n{said}");
    }
    said
}

/// The first lines of what a chat was told.
fn headlines(world: &World, integration: &str) -> Vec<String> {
    let headline = |text: &str| text.lines().next().unwrap_or_default().to_owned();
    let requests = world.receivers.received_by(integration);
    requests.iter().map(|request| headline(request.json["text"].as_str().unwrap_or_default())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn chats_and_a_signed_webhook_hear_the_beginning_and_the_end_and_no_secret_stays_behind() {
    let world = World::new().await;
    world.put_parameter("receivers/hook_secret", SECRETS[1]).await;
    let (_file, router) = router_with(&world, WATCH_FILE).await;
    accepts(&router, one(&native("disk <1>", "firing", "MEDIUM", "06:00:00"))).await;
    accepts(&router, one(&native("disk <1>", "resolved", "MEDIUM", "06:05:00"))).await;

    let slack = ["ℹ️ *[MEDIUM] local: disk &lt;1&gt;*", "✅ *[RESOLVED] local: disk &lt;1&gt;*"];
    assert_eq!(headlines(&world, "slack"), slack);
    let telegram = ["ℹ️ <b>[MEDIUM] local: disk &lt;1&gt;</b>", "✅ <b>[RESOLVED] local: disk &lt;1&gt;</b>"];
    assert_eq!(headlines(&world, "telegram"), telegram);
    let hooked = world.receivers.received_by("webhook");
    assert_eq!(hooked.len(), 2);
    for request in &hooked {
        let signature = request.headers["watchkeeper-signature"].strip_prefix("t=").expect("a date");
        let sent: i64 = signature.split(',').next().and_then(|sent| sent.parse().ok()).expect("seconds");
        assert!((request.at.as_second() - sent).abs() < 60, "it is dated when it is sent");
    }

    let ids = "select provider_id from watchkeeper.delivery_attempts join watchkeeper.deliveries using (delivery_id)
               where receiver = 'chat' order by attempted_at";
    let told: Vec<String> =
        world.receivers.received_by("telegram").iter().map(|request| request.n.to_string()).collect();
    assert_eq!(world.column(ids).await, told, "Telegram's own ids are on record");
    said_and_recorded(&world, &router).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_that_refuses_is_tried_again_or_given_up_as_it_says_and_shows_no_token() {
    let world = World::new().await;
    world.put_parameter("receivers/hook_secret", SECRETS[1]).await;
    let (_file, router) = router_with(&world, WATCH_FILE).await;
    world.receivers.behave(Behaviour::answer("telegram", 429).header("retry-after", "600").times(1));
    world.receivers.behave(Behaviour::answer("slack", 410).times(2));
    accepts(&router, one(&native("disk-1", "firing", "MEDIUM", "06:00:00"))).await;

    let attempts = "select receiver || ' ' || outcome || ' ' || http_status from watchkeeper.delivery_attempts
                    join watchkeeper.deliveries using (delivery_id)
                    where receiver in ('chat', 'team') and notice = 'firing' order by receiver, attempted_at";
    assert_eq!(world.column(attempts).await, ["chat rate-limited 429", "team permanent 410"]);
    let wait = "select (due_at - created_at) between interval '10 minutes' and interval '11 minutes'
                from watchkeeper.deliveries where receiver = 'chat' and notice = 'firing'";
    assert_eq!(world.column(wait).await, ["t"], "it comes back when Telegram said");
    retry(&router, Some(&world.in_minutes(12).await)).await;
    assert_eq!(world.column(attempts).await.first().map(String::as_str), Some("chat rate-limited 429"));
    assert!(world.column(attempts).await.contains(&"chat accepted 200".to_owned()));

    let said = said_and_recorded(&world, &router).await;
    assert!(said.contains("channel_is_archived"), "Slack's own words are on record:\n{said}");
}
