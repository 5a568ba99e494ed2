//! XML as S3 speaks it: a small tree for reading, a writer for answering.
//!
//! The tree is deliberately loose about namespaces (clients send the 2006-03-01 one, another, or none), and strict about form: what
//! is not well-formed, nested too deeply or carries a DOCTYPE is refused, so that no document can expand.

use quick_xml::Reader;
use quick_xml::escape::{escape, resolve_xml_entity};
use quick_xml::events::Event;

use crate::errors::{Code, Result, S3Error};

/// The namespace of every document.
pub const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";
/// Deeper than any document of the API.
const DEEPEST: usize = 24;

/// An element of a request's document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Element {
    /// Name without prefix.
    pub name: String,
    /// `xsi:type`, which grants carry.
    pub xsi_type: Option<String>,
    /// Text, when it has no children.
    pub text: String,
    /// Children in order.
    pub children: Vec<Element>,
}

impl Element {
    /// Reads a document.
    pub fn parse(bytes: &[u8]) -> Result<Element> {
        let malformed = || S3Error::from(Code::MalformedXML);
        let text = std::str::from_utf8(bytes).map_err(|_| malformed())?;
        let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
        let mut open: Vec<Element> = Vec::new();
        let mut root: Option<Element> = None;
        loop {
            let event = reader.read_event().map_err(|_| malformed())?;
            match event {
                Event::Start(start) => {
                    if root.is_some() || open.len() >= DEEPEST {
                        return Err(malformed());
                    }
                    open.push(begin(&start).ok_or_else(malformed)?);
                }
                Event::Empty(start) => {
                    let element = begin(&start).ok_or_else(malformed)?;
                    close(element, &mut open, &mut root).ok_or_else(malformed)?;
                }
                Event::End(_) => {
                    let element = open.pop().ok_or_else(malformed)?;
                    close(element, &mut open, &mut root).ok_or_else(malformed)?;
                }
                Event::Text(part) => {
                    let part = part.decode().map_err(|_| malformed())?;
                    append(&mut open, &part).ok_or_else(malformed)?;
                }
                Event::CData(part) => {
                    let part = part.decode().map_err(|_| malformed())?;
                    append(&mut open, &part).ok_or_else(malformed)?;
                }
                Event::GeneralRef(reference) => {
                    let resolved = match reference.resolve_char_ref().map_err(|_| malformed())? {
                        Some(character) => character.to_string(),
                        None => {
                            let name = reference.decode().map_err(|_| malformed())?;
                            resolve_xml_entity(&name).ok_or_else(malformed)?.to_owned()
                        }
                    };
                    append(&mut open, &resolved).ok_or_else(malformed)?;
                }
                Event::DocType(_) => return Err(malformed()),
                Event::Eof => break,
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            }
        }
        if !open.is_empty() {
            return Err(malformed());
        }
        root.ok_or_else(malformed)
    }

    /// Reads a document whose root must have this name.
    pub fn parse_root(bytes: &[u8], name: &str) -> Result<Element> {
        let root = Self::parse(bytes)?;
        if root.name == name { Ok(root) } else { Err(Code::MalformedXML.into()) }
    }

    /// The first child of this name.
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// All children of this name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text of the first child of this name.
    pub fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.as_str())
    }

    /// The text of a child that must be there.
    pub fn required(&self, name: &str) -> Result<&str> {
        self.text_of(name).ok_or_else(|| Code::MalformedXML.into())
    }

    /// Refuses children that are not in the list.
    pub fn only(&self, names: &[&str]) -> Result<()> {
        let known = self.children.iter().all(|child| names.contains(&child.name.as_str()));
        if known { Ok(()) } else { Err(Code::MalformedXML.into()) }
    }

    /// The element as a document again.
    pub fn to_document(&self) -> String {
        let mut writer = Writer::document(&self.name);
        for child in &self.children {
            child.write(&mut writer);
        }
        if self.children.is_empty() {
            writer.text(&self.text);
        }
        writer.finish(&self.name)
    }

    fn write(&self, writer: &mut Writer) {
        if self.children.is_empty() {
            writer.leaf(&self.name, &self.text);
            return;
        }
        writer.open(&self.name);
        for child in &self.children {
            child.write(writer);
        }
        writer.close(&self.name);
    }
}

fn begin(start: &quick_xml::events::BytesStart<'_>) -> Option<Element> {
    let name = std::str::from_utf8(start.local_name().into_inner()).ok()?.to_owned();
    let mut element = Element { name, ..Element::default() };
    for attribute in start.attributes() {
        let attribute = attribute.ok()?;
        if attribute.key.as_ref() == b"xsi:type" {
            element.xsi_type = Some(String::from_utf8(attribute.value.to_vec()).ok()?);
        }
    }
    Some(element)
}

fn close(mut element: Element, open: &mut [Element], root: &mut Option<Element>) -> Option<()> {
    if !element.children.is_empty() {
        if !element.text.trim().is_empty() {
            return None;
        }
        element.text.clear();
    }
    match open.last_mut() {
        Some(parent) => parent.children.push(element),
        None if root.is_none() => *root = Some(element),
        None => return None,
    }
    Some(())
}

fn append(open: &mut [Element], text: &str) -> Option<()> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return None,
    }
    Some(())
}

/// Writes a document.
pub struct Writer {
    out: String,
}

impl Writer {
    /// Starts a document with its root element open.
    pub fn document(root: &str) -> Self {
        let mut out = String::with_capacity(512);
        out.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<");
        out.push_str(root);
        out.push_str(" xmlns=\"");
        out.push_str(NAMESPACE);
        out.push_str("\">");
        Self { out }
    }

    /// Starts a document whose root has no namespace (`<Error>`).
    pub fn bare(root: &str) -> Self {
        Self { out: format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root}>") }
    }

    /// Opens an element.
    pub fn open(&mut self, name: &str) {
        self.out.push('<');
        self.out.push_str(name);
        self.out.push('>');
    }

    /// Opens a grantee, which names its kind in an attribute.
    pub fn open_typed(&mut self, name: &str, kind: &str) {
        self.out
            .push_str(&format!("<{name} xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"{kind}\">"));
    }

    /// Closes an element.
    pub fn close(&mut self, name: &str) {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    /// Text of the open element.
    pub fn text(&mut self, text: &str) {
        // `escape` leaves control characters; S3 writes them as references where XML 1.0 has a place for them.
        for part in escape(text).split_inclusive(['\r', '\n', '\t']) {
            match part.strip_suffix('\r') {
                Some(before) => {
                    self.out.push_str(before);
                    self.out.push_str("&#13;");
                }
                None => self.out.push_str(part),
            }
        }
    }

    /// An element with text.
    pub fn leaf(&mut self, name: &str, text: &str) {
        self.open(name);
        self.text(text);
        self.close(name);
    }

    /// An element with a value that prints itself.
    pub fn value(&mut self, name: &str, value: impl std::fmt::Display) {
        self.leaf(name, &value.to_string());
    }

    /// An element, if there is something to write.
    pub fn maybe(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.leaf(name, text);
        }
    }

    /// An element of another document, with all that is in it.
    pub fn element(&mut self, element: &Element) {
        element.write(self);
    }

    /// Closes the root and gives the document.
    pub fn finish(mut self, root: &str) -> String {
        self.close(root);
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_a_document() {
        let tree = Element::parse(
            b"<?xml version='1.0'?><!-- c --><Delete xmlns='http://x/'><Object><Key>a&amp;b &#x41;<![CDATA[<c>]]></Key></Object><Quiet>true</Quiet></Delete>",
        )
        .unwrap();
        assert_eq!(tree.child("Object").unwrap().text_of("Key"), Some("a&b A<c>"));
        assert_eq!(tree.text_of("Quiet"), Some("true"));
    }

    #[test]
    fn refuses_what_is_not_a_document() {
        for bad in [
            "",
            "<a>",
            "</a>",
            "<a></b>",
            "<a/><b/>",
            "x<a/>",
            "<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>",
            "<a>&e;</a>",
            "<a>t<b/></a>",
        ] {
            assert_eq!(Element::parse(bad.as_bytes()).unwrap_err().code, Code::MalformedXML, "{bad}");
        }
        assert!(Element::parse(&b"<a>".repeat(100_000)).is_err());
    }

    proptest! {
        #[test]
        fn text_survives(text in "[^\u{0}-\u{8}\u{b}\u{c}\u{e}-\u{1f}\u{fffe}\u{ffff}]{0,60}") {
            let mut writer = Writer::document("R");
            writer.leaf("T", &text);
            let read = Element::parse(writer.finish("R").as_bytes()).unwrap();
            prop_assert_eq!(read.text_of("T"), Some(text.as_str()));
        }

        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), tagged in "[<>/&;#a-c\"'!\\[\\]=? -]{0,80}") {
            let _ = Element::parse(&bytes);
            let _ = Element::parse(tagged.as_bytes());
        }
    }
}
