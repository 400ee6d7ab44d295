//! The values of one tuple.

use crate::Error;

/// The values of one tuple, in order; see [`fields`].
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    left: &'a [u8],
    count: usize,
}

/// Takes a tuple apart: a NULL is `None`.
///
/// # Errors
/// When it is shorter than the number of its values takes. What follows is checked value by value.
pub fn fields(tuple: &[u8]) -> Result<Fields<'_>, Error> {
    let Some((count, left)) = tuple.split_first_chunk() else {
        return Err(Error::Malformed("a row of less than two bytes".to_owned()));
    };
    let count = i16::from_be_bytes(*count);
    let count = usize::try_from(count).map_err(|_| Error::Malformed(format!("a row claims {count} columns")))?;
    Ok(Fields { left, count })
}

impl<'a> Fields<'a> {
    /// How many values are still to come.
    pub fn remaining(&self) -> usize {
        self.count
    }

    fn take(&mut self) -> Result<Option<&'a [u8]>, Error> {
        let Some((length, left)) = self.left.split_first_chunk() else {
            return Err(Error::Malformed("a row ends before the length of a value".to_owned()));
        };
        let length = i32::from_be_bytes(*length);
        self.left = left;
        if length == -1 {
            return self.whole(None);
        }
        let value = usize::try_from(length).ok().and_then(|length| left.split_at_checked(length));
        let Some((value, left)) = value else {
            return Err(Error::Malformed(format!(
                "a value claims {length} bytes where the row has {} left",
                left.len()
            )));
        };
        self.left = left;
        self.whole(Some(value))
    }

    /// After the last value nothing may follow.
    fn whole(&self, value: Option<&'a [u8]>) -> Result<Option<&'a [u8]>, Error> {
        if self.count == 0 && !self.left.is_empty() {
            return Err(Error::Malformed(format!("{} bytes follow the last value of a row", self.left.len())));
        }
        Ok(value)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Option<&'a [u8]>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.count = self.count.checked_sub(1)?;
        let taken = self.take();
        if taken.is_err() {
            self.count = 0;
        }
        Some(taken)
    }
}
