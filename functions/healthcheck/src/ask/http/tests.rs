//! Where the client does not go, and what it makes of answers.

use std::sync::{Arc, Mutex};

use config::Environment;
use config::watch_file::{Ask, WatchFile};

use super::*;

/// What a check of this address asks.
fn endpoint(url: &str) -> HttpAsk {
    let text = format!(
        "namespace = \"N\"\n[check.site]\nhttp = \"{url}\"\nseverity = \"HIGH\"\n\
         [receiver.team]\nsns = {{ topic = \"pages\" }}\n[routes]\ndefault = [\"team\"]\n"
    );
    let environment = Environment::parse("local").expect("a name");
    let watch_file = WatchFile::parse(&text, "w.toml", &environment).expect("a watch file");
    match &watch_file.checks[0].ask {
        Ask::Http(ask) => ask.clone(),
        other => panic!("not an endpoint: {other:?}"),
    }
}

/// A client to which every name leads to these addresses.
fn leading_to(reach: Reach, addresses: &[&str]) -> Web {
    let addresses: Vec<_> = addresses.iter().map(|address| address.parse().expect("an address")).collect();
    Web::looking_up(reach, Arc::new(move |_| Box::pin(std::future::ready(Ok(addresses.clone()))))).expect("a client")
}
