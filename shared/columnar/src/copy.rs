//! The stream of `COPY ... (FORMAT binary)`: a header, tuples, a trailer.
//! <https://www.postgresql.org/docs/15/sql-copy.html#id-1.9.3.55.9.4>

use crate::{Error, TUPLE_MAX};

mod fields;

pub use fields::{Fields, fields};

/// What to send before the first tuple: the signature, no flags, no extension.
pub const HEADER: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What to send after the last tuple.
pub const TRAILER: &[u8; 2] = &[0xff, 0xff];

const SIGNATURE: usize = 11;
/// Flags of which a reader that does not know them must not go on: the upper half.
const CRITICAL: u32 = 0xffff_0000;

/// Cuts what Postgres sends into tuples, wherever its pieces end.
#[derive(Debug, Default)]
pub struct Stream {
    /// Bytes of a tuple, or of the header, that is not whole yet.
    rest: Vec<u8>,
    at: At,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum At {
    #[default]
    Header,
    Tuples,
    End,
}

/// What stands at the beginning of some bytes.
enum Next {
    Header(usize),
    Tuple(usize),
    Trailer(usize),
    Incomplete,
}

impl Stream {
    /// Before the first byte.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next piece and gives every tuple that is whole with it.
    ///
    /// # Errors
    /// When the bytes are no such stream, or `each` refuses a tuple; the stream is of no use then.
    pub fn feed<E: From<Error>>(
        &mut self,
        piece: &[u8],
        mut each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.rest.is_empty() {
            // Postgres sends a tuple to a piece: nothing need be copied.
            let taken = self.cut(piece, &mut each)?;
            self.rest.extend_from_slice(&piece[taken..]);
        } else {
            let mut rest = std::mem::take(&mut self.rest);
            rest.extend_from_slice(piece);
            let taken = self.cut(&rest, &mut each)?;
            rest.drain(..taken);
            self.rest = rest;
        }
        Ok(())
    }

    /// Says that nothing comes any more.
    ///
    /// # Errors
    /// When the trailer has not come: then rows may be missing.
    pub fn finish(self) -> Result<(), Error> {
        match self.at {
            At::End => Ok(()),
            _ => Err(Error::Malformed("it ends without its trailer, so rows may be missing".to_owned())),
        }
    }

    fn cut<E: From<Error>>(&mut self, bytes: &[u8], each: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<usize, E> {
        let mut taken = 0;
        loop {
            let left = &bytes[taken..];
            let next = match self.at {
                At::Header => header(left)?,
                At::Tuples => tuple(left)?,
                At::End if left.is_empty() => return Ok(taken),
                At::End => {
                    return Err(Error::Malformed(format!("{} bytes follow the trailer", left.len())).into());
                }
            };
            match next {
                Next::Incomplete => return Ok(taken),
                Next::Header(length) => {
                    taken += length;
                    self.at = At::Tuples;
                }
                Next::Tuple(length) => {
                    each(&left[..length])?;
                    taken += length;
                }
                Next::Trailer(length) => {
                    taken += length;
                    self.at = At::End;
                }
            }
        }
    }
}

fn header(bytes: &[u8]) -> Result<Next, Error> {
    let seen = bytes.len().min(SIGNATURE);
    if bytes[..seen] != HEADER[..seen] {
        return Err(Error::Malformed("it does not begin with the signature of binary COPY".to_owned()));
    }
    let (Some(flags), Some(extension)) = (word(bytes, SIGNATURE), word(bytes, SIGNATURE + 4)) else {
        return Ok(Next::Incomplete);
    };
    if flags & CRITICAL != 0 {
        return Err(Error::Malformed(format!("its flags {flags:#010x} ask for what is not known here")));
    }
    let length = HEADER.len() as u64 + u64::from(extension);
    if length > TUPLE_MAX as u64 {
        return Err(Error::Malformed(format!("its header claims {extension} bytes of extension")));
    }
    Ok(if bytes.len() as u64 >= length { Next::Header(length as usize) } else { Next::Incomplete })
}

fn tuple(bytes: &[u8]) -> Result<Next, Error> {
    let Some(count) = bytes.first_chunk().map(|count| i16::from_be_bytes(*count)) else {
        return Ok(Next::Incomplete);
    };
    if count == -1 {
        return Ok(Next::Trailer(TRAILER.len()));
    }
    if count < 0 {
        return Err(Error::Malformed(format!("a row claims {count} columns")));
    }
    let mut end = 2;
    for _ in 0..count {
        let Some(length) = word(bytes, end) else { return Ok(Next::Incomplete) };
        end += 4;
        match length as i32 {
            -1 => {}
            negative if negative < 0 => {
                return Err(Error::Malformed(format!("a value claims a length of {negative} bytes")));
            }
            // A length is below 2^31, and a tuple is refused as soon as it is too long: no overflow.
            length => end += length as usize,
        }
        if end > TUPLE_MAX {
            return Err(Error::TooLong { bytes: end as u64 });
        }
    }
    Ok(if bytes.len() >= end { Next::Tuple(end) } else { Next::Incomplete })
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|word| u32::from_be_bytes(*word))
}

#[cfg(test)]
mod tests;
