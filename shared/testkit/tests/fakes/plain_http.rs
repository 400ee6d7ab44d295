//! Just enough HTTP to see what a server really sends, an empty answer included.

use std::io::{Read, Write};
use std::net::TcpStream;

/// One request on a connection of its own. The answer is empty if the server hung up without one.
pub(crate) fn send(url: &str, method: &str, path: &str, body: &str) -> anyhow::Result<String> {
    send_with(url, method, path, "X-Test: Yes", body)
}

/// The same with a header of one's own.
pub(crate) fn send_with(url: &str, method: &str, path: &str, header: &str, body: &str) -> anyhow::Result<String> {
    let address = url.trim_start_matches("http://");
    let mut connection = TcpStream::connect(address)?;
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\n{header}\r\nConnection: close");
    write!(connection, "{head}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    Ok(answer)
}

/// The status of an answer.
pub(crate) fn status(answer: &str) -> Option<u16> {
    answer.split_whitespace().nth(1)?.parse().ok()
}

/// The JSON of an answer.
pub(crate) fn json(answer: &str) -> anyhow::Result<serde_json::Value> {
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Ok(serde_json::from_str(body)?)
}

/// The value of a header, by its lower-case name.
pub(crate) fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let line = answer.lines().find(|line| line.to_lowercase().starts_with(&format!("{name}:")))?;
    Some(line.split_once(':')?.1.trim())
}
