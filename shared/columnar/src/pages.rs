//! The pages of one column of a group, looked at before the library sees them: what a header claims is held against
//! the bytes there are, since the library allocates by it.
//! <https://parquet.apache.org/docs/file-format/data-pages/>

use bytes::Bytes;
use parquet::{
    basic::Encoding,
    column::page::{Page, PageMetadata, PageReader},
    errors::{ParquetError, Result},
};

use crate::{Carried, TUPLE_MAX, thrift};

/// A page holds at most one value beyond its size of some MiB, and a dictionary likewise.
const PAGE_MAX: usize = TUPLE_MAX + (8 << 20);

/// Reads pages from the bytes of one column of a group.
#[derive(Debug)]
pub(crate) struct Pages {
    left: Bytes,
    /// How many bytes of a dictionary one of its values takes at least.
    least: usize,
}

/// What a page's header says, as far as it matters here.
#[derive(Debug, Default)]
struct Header {
    kind: i32,
    uncompressed: usize,
    compressed: usize,
    values: u32,
    encoding: i32,
    levels: i32,
}

const DATA: i32 = 0;
const DICTIONARY: i32 = 2;

impl Pages {
    pub(crate) fn new(bytes: Bytes, carried: Carried) -> Self {
        let least = match carried {
            // Each value has four bytes of length before it.
            Carried::Text | Carried::Json | Carried::Bytea | Carried::AsText | Carried::Int2 => 4,
            Carried::Oid => 8,
            _ => carried.width().unwrap_or(4),
        };
        Self { left: bytes, least }
    }

    fn page(&mut self) -> Result<Option<Page>> {
        if self.left.is_empty() {
            return Ok(None);
        }
        let mut reader = thrift::Reader::new(&self.left);
        let header = header(&mut reader).ok_or_else(|| damaged("a page's header cannot be read"))?;
        let begin = self.left.len() - reader.left();
        if header.compressed > reader.left() {
            return Err(damaged("a page claims more bytes than its column has"));
        }
        if header.uncompressed > PAGE_MAX {
            return Err(damaged("a page claims to be larger than any that is written"));
        }
        let compressed = self.left.slice(begin..begin + header.compressed);
        let buf = decompress(&compressed, header.uncompressed)?;
        self.left = self.left.slice(begin + header.compressed..);
        match header.kind {
            DATA => Ok(Some(Page::DataPage {
                buf,
                num_values: header.values,
                encoding: encoding(header.encoding)?,
                def_level_encoding: match header.levels {
                    3 => Encoding::RLE,
                    _ => return Err(damaged("a page's levels are written in a foreign way")),
                },
                rep_level_encoding: Encoding::RLE,
                statistics: None,
            })),
            DICTIONARY if (header.values as usize).saturating_mul(self.least) > buf.len() => {
                Err(damaged("a dictionary claims more values than it has"))
            }
            DICTIONARY => Ok(Some(Page::DictionaryPage {
                buf,
                num_values: header.values,
                encoding: Encoding::PLAIN,
                is_sorted: false,
            })),
            _ => Err(damaged("a page of a foreign kind")),
        }
    }
}

/// Exactly so many bytes, or an error; never more memory than that.
fn decompress(compressed: &[u8], uncompressed: usize) -> Result<Bytes> {
    let bytes = zstd::bulk::decompress(compressed, uncompressed).map_err(|error| damaged(error.to_string()))?;
    if bytes.len() != uncompressed {
        return Err(damaged(format!("a page of {} bytes claims {uncompressed}", bytes.len())));
    }
    Ok(bytes.into())
}

/// Only what is written: others allocate by numbers within the page.
fn encoding(number: i32) -> Result<Encoding> {
    match number {
        0 => Ok(Encoding::PLAIN),
        2 | 8 => Ok(Encoding::RLE_DICTIONARY),
        5 => Ok(Encoding::DELTA_BINARY_PACKED),
        _ => Err(damaged(format!("a page's values are written in the foreign encoding {number}"))),
    }
}

fn header(reader: &mut thrift::Reader<'_>) -> Option<Header> {
    let mut header = Header::default();
    let mut last = 0;
    while let Some((id, kind)) = reader.field(&mut last)? {
        match (id, kind) {
            (1, thrift::I32) => header.kind = reader.i32()?,
            (2, thrift::I32) => header.uncompressed = usize::try_from(reader.i32()?).ok()?,
            (3, thrift::I32) => header.compressed = usize::try_from(reader.i32()?).ok()?,
            // data_page_header and dictionary_page_header begin alike.
            (5 | 7, thrift::STRUCT) => {
                let mut last = 0;
                while let Some((id, kind)) = reader.field(&mut last)? {
                    match (id, kind) {
                        (1, thrift::I32) => header.values = u32::try_from(reader.i32()?).ok()?,
                        (2, thrift::I32) => header.encoding = reader.i32()?,
                        (3, thrift::I32) => header.levels = reader.i32()?,
                        _ => reader.skip(kind)?,
                    }
                }
            }
            _ => reader.skip(kind)?,
        }
    }
    Some(header)
}

fn damaged(why: impl Into<String>) -> ParquetError {
    ParquetError::General(why.into())
}

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.page().transpose()
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        self.page()
    }

    // Both are asked only by readers that skip rows or have nested columns.
    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        Err(ParquetError::NYI("pages are read in order".to_owned()))
    }

    fn skip_next_page(&mut self) -> Result<()> {
        Err(ParquetError::NYI("pages are read in order".to_owned()))
    }
}
