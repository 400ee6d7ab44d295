//! Where the client does not go, and what it makes of answers.

use std::sync::{Arc, Mutex};

use config::Address;
use testkit::receivers::Receivers;

use super::*;

/// What is expected of an endpoint that is asked for nothing in particular.
fn plainly() -> HttpAsk {
    HttpAsk { url: Address::Url(String::new()), status: 200, within: None, body: None }
}

/// A client to which every name leads to these addresses.
fn leading_to(reach: Reach, addresses: &[&str]) -> Web {
    let addresses: Vec<_> = addresses.iter().map(|address| address.parse().expect("an address")).collect();
    Web::looking_up(reach, Arc::new(move |_| Box::pin(std::future::ready(Ok(addresses.clone()))))).expect("a client")
}

/// Calls an endpoint; what is wrong with its answer.
async fn called(web: &Web, url: &str) -> Result<Option<String>, Failure> {
    let answer = ask(web, &plainly(), &SecretString::from(url), Duration::from_secs(2)).await?;
    Ok(answer.note)
}

#[tokio::test]
async fn a_name_that_leads_inside_is_not_connected_to() {
    // A server that would answer: what keeps the client away is the address alone.
    let inside = Receivers::start().await.expect("a server");
    let port = inside.url().rsplit_once(':').map(|(_, port)| port.to_owned()).expect("a port");
    for (reach, address) in [
        (Reach::Public, "127.0.0.1"),
        (Reach::Public, "169.254.169.254"),
        (Reach::Public, "::ffff:169.254.169.254"),
        (Reach::Public, "fd00:ec2::254"),
        (Reach::PublicAndLoopback, "169.254.169.254"),
        (Reach::PublicAndLoopback, "10.0.0.1"),
    ] {
        let web = leading_to(reach, &[address]);
        let failure = called(&web, &format!("https://rebound.example.com:{port}/hook")).await.expect_err(address);
        let address: std::net::IpAddr = address.parse().expect("an address");
        let expected = format!("rebound.example.com leads to {address}, which is not a public address");
        assert!(failure.text.contains(&expected), "{}", failure.text);
        assert_eq!(failure.kind, FailureKind::Refused);
    }
    assert_eq!(inside.received().len(), 0);
}

#[tokio::test]
async fn of_several_addresses_only_those_that_are_public_are_used() {
    let inside = Receivers::start().await.expect("a server");
    let port = inside.url().rsplit_once(':').map(|(_, port)| port.to_owned()).expect("a port");
    // The first is allowed in the local cloud, the second nowhere: the call must get through to the first alone.
    let web = leading_to(Reach::PublicAndLoopback, &["169.254.169.254", "127.0.0.1"]);
    assert_eq!(called(&web, &format!("http://mixed.example.com:{port}/hook")).await, Ok(None));
    assert_eq!(inside.received().len(), 1);
}

#[tokio::test]
async fn an_address_that_is_written_out_is_checked_in_every_spelling() {
    let web = leading_to(Reach::Public, &["1.1.1.1"]);
    for url in [
        "https://127.0.0.1/",
        "https://0x7f.1/",
        "https://2130706433/",
        "https://017700000001/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[fe80::1]/",
        "https://0/",
    ] {
        let failure = called(&web, url).await.expect_err(url);
        assert!(failure.text.contains("is not a public address"), "{url}: {}", failure.text);
    }
}

#[tokio::test]
async fn outside_the_local_cloud_nothing_is_sent_in_the_clear() {
    let asked = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&asked);
    let lookup = move |_| {
        *counted.lock().expect("a count") += 1;
        Box::pin(std::future::ready(Ok(vec![std::net::IpAddr::from([1, 1, 1, 1])]))) as futures::future::BoxFuture<_>
    };
    let web = Web::looking_up(Reach::Public, Arc::new(lookup)).expect("a client");
    let note = called(&web, "http://example.com/").await.expect("an answer");
    assert!(note.is_some_and(|note| note.starts_with("no answer")));
    assert_eq!(*asked.lock().expect("a count"), 0, "the name was not even looked up");
}

#[test]
fn each_way_to_answer_wrongly_is_said() {
    let mut ask = plainly();
    ask.within = Some(jiff::SignedDuration::from_secs(2));
    ask.body = Some("\"ok\"".to_owned());
    let said = |status, millis, found| complaint(&ask, status, Duration::from_millis(millis), found);
    assert_eq!(said(200, 2_000, true), None);
    assert_eq!(said(503, 100, true).as_deref(), Some("answered 503, expected 200"));
    assert_eq!(said(200, 100, false).as_deref(), Some("answered without `\"ok\"`"));
    assert_eq!(said(200, 2_500, true).as_deref(), Some("answered after 2.5s, expected within 2.0s"));
}
