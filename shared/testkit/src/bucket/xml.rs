//! The documents that S3 speaks, written and read with what the SDK itself reads and writes them with.

use std::collections::BTreeMap;

use aws_smithy_xml::decode::{Document, ScopedDecoder, XmlDecodeError, try_data};
use aws_smithy_xml::encode::{ScopeWriter, XmlWriter};

use super::refusal::Refusal;

const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// A document with this root.
pub(super) fn document(root: &str, fill: impl FnOnce(&mut ScopeWriter<'_, '_>)) -> String {
    let mut document = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let mut writer = XmlWriter::new(&mut document);
    let mut scope = writer.start_el(root).write_ns(NAMESPACE, None).finish();
    fill(&mut scope);
    scope.finish();
    document
}

/// An element that holds a text.
pub(super) fn text(parent: &mut ScopeWriter<'_, '_>, tag: &str, text: &str) {
    let mut element = parent.start_el(tag).finish();
    element.data(text);
    element.finish();
}

/// The texts right below one element, by their tags.
pub(super) type Fields = BTreeMap<String, String>;

/// The texts of every `item` in a document whose root is `root`.
pub(super) fn items(body: &[u8], root: &str, item: &str) -> Result<Vec<Fields>, Refusal> {
    read_items(body, root, item).map_err(|error| Refusal::new(400, "MalformedXML", format!("Not a {root}: {error}")))
}

/// The texts that stand right below a document's root.
pub(super) fn fields(body: &[u8], root: &str) -> Result<Fields, Refusal> {
    let read = || -> Result<Fields, XmlDecodeError> {
        let mut document = Document::try_from(body)?;
        fields_of(&mut expect(&mut document, root)?)
    };
    read().map_err(|error| Refusal::new(400, "MalformedXML", format!("Not a {root}: {error}")))
}

fn read_items(body: &[u8], root: &str, item: &str) -> Result<Vec<Fields>, XmlDecodeError> {
    let mut document = Document::try_from(body)?;
    let mut decoder = expect(&mut document, root)?;
    let mut items = Vec::new();
    while let Some(mut tag) = decoder.next_tag() {
        if tag.start_el().matches(item) {
            items.push(fields_of(&mut tag)?);
        }
    }
    Ok(items)
}

fn expect<'inp, 'a>(document: &'a mut Document<'inp>, root: &str) -> Result<ScopedDecoder<'inp, 'a>, XmlDecodeError> {
    let decoder = document.root_element()?;
    if decoder.start_el().matches(root) {
        Ok(decoder)
    } else {
        Err(XmlDecodeError::custom(format!("its root is {}", decoder.start_el().local())))
    }
}

/// The texts right below an element; what has elements of its own is left out.
fn fields_of(element: &mut ScopedDecoder<'_, '_>) -> Result<Fields, XmlDecodeError> {
    let mut fields = Fields::new();
    while let Some(mut tag) = element.next_tag() {
        let name = tag.start_el().local().to_owned();
        if let Ok(text) = try_data(&mut tag) {
            fields.insert(name, text.into_owned());
        }
    }
    Ok(fields)
}
