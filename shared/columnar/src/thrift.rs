//! As much of Thrift's compact protocol as is needed to look at a header before it is believed.
//! <https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>

/// Types of fields.
pub(crate) const I32: u8 = 5;
pub(crate) const STRUCT: u8 = 12;

/// Parquet nests a handful of structures.
const DEPTH_MAX: usize = 32;

/// Reads one structure after the other. `None` everywhere means that the bytes are not Thrift, or end too soon.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    left: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { left: bytes }
    }

    /// How many bytes are not read yet.
    pub(crate) fn left(&self) -> usize {
        self.left.len()
    }

    fn byte(&mut self) -> Option<u8> {
        let (byte, left) = self.left.split_first()?;
        self.left = left;
        Some(*byte)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// A number of up to 32 bits.
    pub(crate) fn i32(&mut self) -> Option<i32> {
        let zigzag = self.varint()?;
        i32::try_from((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64)).ok()
    }

    /// The next field of a structure: `Some(None)` at its end. `last` is the field before it, 0 at first.
    pub(crate) fn field(&mut self, last: &mut i16) -> Option<Option<(i16, u8)>> {
        let byte = self.byte()?;
        if byte == 0 {
            return Some(None);
        }
        *last = match byte >> 4 {
            0 => i16::try_from(self.i32()?).ok()?,
            delta => last.checked_add(i16::from(delta))?,
        };
        Some(Some((*last, byte & 0x0f)))
    }

    /// Passes over a field's value, and so proves that its bytes are there: a list is as long as it claims.
    pub(crate) fn skip(&mut self, kind: u8) -> Option<()> {
        self.skip_at(kind, DEPTH_MAX)
    }

    fn skip_at(&mut self, kind: u8, depth: usize) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match kind {
            // Booleans stand in the type itself.
            1 | 2 => {}
            3 => drop(self.byte()?),
            4..=6 => drop(self.varint()?),
            7 => self.left = self.left.get(8..)?,
            8 => {
                let length = usize::try_from(self.varint()?).ok()?;
                self.left = self.left.get(length..)?;
            }
            9 | 10 => {
                let byte = self.byte()?;
                let length = if byte >> 4 == 15 { self.varint()? } else { u64::from(byte >> 4) };
                for _ in 0..length {
                    self.element(byte & 0x0f, depth)?;
                }
            }
            11 => {
                let length = self.varint()?;
                let kinds = if length > 0 { self.byte()? } else { 0 };
                for _ in 0..length {
                    self.element(kinds >> 4, depth)?;
                    self.element(kinds & 0x0f, depth)?;
                }
            }
            STRUCT => {
                let mut last = 0;
                while let Some((_, kind)) = self.field(&mut last)? {
                    self.skip_at(kind, depth)?;
                }
            }
            _ => return None,
        }
        Some(())
    }

    /// Booleans take a byte each within a collection.
    fn element(&mut self, kind: u8, depth: usize) -> Option<()> {
        if matches!(kind, 1 | 2) { self.byte().map(drop) } else { self.skip_at(kind, depth) }
    }
}
