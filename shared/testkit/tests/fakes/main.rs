//! What the fakes promise to everyone who tests against them.

mod bucket;
mod chats;
mod pagerduty;
mod plain_http;
mod proxy;
mod receivers;
mod runpod;
mod runtime_api;
