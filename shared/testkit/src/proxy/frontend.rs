//! What clients send: https://www.postgresql.org/docs/16/protocol-message-formats.html.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::session_state::needs_session;

/// No message of ours is larger; a length beyond it is no message.
const LARGEST: usize = 256 << 20;
/// The protocol version that opens a session; every other first message asks for something else.
const VERSION_3: i32 = 196_608;

/// One message, as it came.
#[derive(Debug)]
pub(super) struct Sent {
    /// `None` for the ones before a session, which have no type.
    tag: Option<u8>,
    body: Vec<u8>,
}

impl Sent {
    /// The next message; `opening` while there is no session.
    pub(super) async fn read(from: &mut (impl AsyncRead + Unpin), opening: bool) -> io::Result<Self> {
        let tag = if opening { None } else { Some(from.read_u8().await?) };
        let length = usize::try_from(from.read_i32().await?).unwrap_or_default();
        if !(4..=LARGEST).contains(&length) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "no message of the PostgreSQL protocol"));
        }
        let mut body = vec![0; length - 4];
        from.read_exact(&mut body).await?;
        Ok(Self { tag, body })
    }

    /// The bytes on the wire.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let length = i32::try_from(self.body.len() + 4).unwrap_or(i32::MAX);
        let mut bytes: Vec<u8> = self.tag.into_iter().collect();
        bytes.extend(length.to_be_bytes());
        bytes.extend(&self.body);
        bytes
    }

    /// Whether a session begins with it.
    pub(super) fn opens_session(&self) -> bool {
        self.tag.is_none() && self.body.get(..4) == Some(&VERSION_3.to_be_bytes())
    }

    /// Whether the server answers now: the guest waits for nothing else once a session is open.
    pub(super) fn wants_answer(&self) -> bool {
        matches!(self.tag, Some(b'Q' | b'S'))
    }

    /// Whether it is this simple statement.
    pub(super) fn is_simple(&self, statement: &str) -> bool {
        self.tag == Some(b'Q') && texts(&self.body).next().is_some_and(|sql| sql.eq_ignore_ascii_case(statement))
    }

    /// Why a transaction pooler would not have it, if it would not.
    pub(super) fn refusal(&self) -> Option<String> {
        match self.tag {
            None if self.opens_session() => {
                let names = texts(&self.body[4..]).step_by(2);
                let known = ["user", "database", "application_name", "client_encoding", ""];
                let mut others = names.filter(|name| !known.contains(&name.as_str()));
                others.next().map(|name| format!("startup parameter {name}"))
            }
            Some(b'Q') => needs_session(&texts(&self.body).next()?),
            Some(b'P') => {
                let mut texts = texts(&self.body);
                let (name, sql) = (texts.next()?, texts.next()?);
                if name.is_empty() { needs_session(&sql) } else { Some(format!("named statement {name}")) }
            }
            _ => None,
        }
    }

    /// The same kind of message, which the server refuses with the reason in its words: so whatever was sent before and
    /// comes after is answered in order.
    pub(super) fn refused(&self, why: &str) -> Self {
        let sql = format!("\"the pooler refuses {}\"\0", why.replace('"', ""));
        let body = match self.tag {
            Some(b'P') => [b"\0", sql.as_bytes(), &0_i16.to_be_bytes()].concat(),
            _ => sql.into_bytes(),
        };
        Self { tag: self.tag, body }
    }
}

/// The answer to an opening that is refused.
pub(super) fn fatal(code: &str, message: &str) -> Vec<u8> {
    let fields = format!("SFATAL\0VFATAL\0C{code}\0M{message}\0\0");
    let length = i32::try_from(fields.len() + 4).unwrap_or(i32::MAX);
    [b"E".as_slice(), &length.to_be_bytes(), fields.as_bytes()].concat()
}

/// Texts that end in a zero byte, one after another.
fn texts(bytes: &[u8]) -> impl Iterator<Item = String> {
    bytes.split(|byte| *byte == 0).map(|text| String::from_utf8_lossy(text).into_owned())
}
