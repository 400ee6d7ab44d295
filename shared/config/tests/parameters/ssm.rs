//! A parameter store that does what a test says: answers, throttles, hangs up.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_ssm::Client;
use aws_sdk_ssm::config::{BehaviorVersion, Credentials, Region};
use testkit::emulator::REGION;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A client of an SSM at this address.
pub(crate) fn client(endpoint: &str, account: &str) -> Client {
    Client::from_conf(
        aws_sdk_ssm::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(Credentials::new(account, "test", None, None, "test"))
            .endpoint_url(endpoint)
            .build(),
    )
}

/// What the next call gets instead of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// `ThrottlingException`.
    Throttled,
    /// `AccessDeniedException`.
    Denied,
    /// Nothing, and the connection stays open.
    Hang,
}

/// A running fake.
pub(crate) struct Ssm {
    pub(crate) client: Client,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    parameters: BTreeMap<String, String>,
    faults: VecDeque<Fault>,
    /// What every call gets once `faults` is empty.
    lasting: Option<Fault>,
    calls: usize,
}

impl Ssm {
    pub(crate) async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let state = Arc::<Mutex<State>>::default();
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Ok(Self { client: client(&endpoint, "000000000000"), state })
    }

    /// Puts a parameter below `/local/watchkeeper/`.
    pub(crate) fn put(&self, path: &str, value: &str) {
        self.state().parameters.insert(format!("/local/watchkeeper/{path}"), value.to_owned());
    }

    pub(crate) fn delete(&self, path: &str) {
        self.state().parameters.remove(&format!("/local/watchkeeper/{path}"));
    }

    /// The next calls get these, one each.
    pub(crate) fn fail(&self, faults: &[Fault]) {
        self.state().faults.extend(faults);
    }

    /// All calls get this until told otherwise.
    pub(crate) fn fail_always(&self, fault: Option<Fault>) {
        self.state().lasting = fault;
    }

    /// How often it was called since it was last asked.
    pub(crate) fn calls(&self) -> usize {
        std::mem::take(&mut self.state().calls)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) -> std::io::Result<()> {
    let body = request(&mut stream).await?;
    let (status, answer) = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.calls += 1;
        match state.faults.pop_front().or(state.lasting) {
            None => ("200 OK", page(&state.parameters, &body)),
            Some(Fault::Throttled) => ("400 Bad Request", error("ThrottlingException", "Rate exceeded")),
            Some(Fault::Denied) => ("400 Bad Request", error("AccessDeniedException", "not authorized")),
            Some(Fault::Hang) => ("", String::new()),
        }
    };
    if status.is_empty() {
        return std::future::pending().await;
    }
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        answer.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(answer.as_bytes()).await
}

/// The body of a request whose length is given.
async fn request(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok()).flatten()
            });
            if body.len() >= length.unwrap_or_default() {
                return Ok(body.to_owned());
            }
        }
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(&buffer[..count]);
    }
}

/// The parameters below the path that a request names.
fn page(parameters: &BTreeMap<String, String>, request: &str) -> String {
    let below = parameters.iter().filter(|(name, _)| {
        let branch = name.rsplit_once('/').map_or("", |(branch, _)| branch);
        request.contains(&format!("\"Path\":\"{branch}\""))
    });
    let listed: Vec<_> = below.map(|(name, value)| format!(r#"{{"Name":"{name}","Value":"{value}"}}"#)).collect();
    format!(r#"{{"Parameters":[{}]}}"#, listed.join(","))
}

fn error(kind: &str, message: &str) -> String {
    format!(r#"{{"__type":"{kind}","message":"{message}"}}"#)
}
