//! The digests by which a client checks that its message arrived as sent.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>

use md5::{Digest, Md5};

use super::message::{AttributeData, MessageAttribute};

/// MD5 of a message's body.
pub fn body_md5(body: &str) -> [u8; 16] {
    Md5::digest(body.as_bytes()).into()
}

/// MD5 over attributes: sorted by name, each as name, type, a byte for the kind of transport and value,
/// every one of them except that byte preceded by its length as four bytes, big-endian.
/// `None` when there are none, because the answer then has no digest at all.
pub fn attributes_md5<'a>(attributes: impl IntoIterator<Item = &'a MessageAttribute>) -> Option<[u8; 16]> {
    let mut sorted: Vec<&MessageAttribute> = attributes.into_iter().collect();
    if sorted.is_empty() {
        return None;
    }
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    let mut md5 = Md5::new();
    for attribute in sorted {
        update_framed(&mut md5, attribute.name.as_bytes());
        update_framed(&mut md5, attribute.data_type.as_bytes());
        let transport = match attribute.value {
            AttributeData::Text(_) => 1u8,
            AttributeData::Binary(_) => 2u8,
        };
        md5.update([transport]);
        update_framed(&mut md5, attribute.value.bytes());
    }
    Some(md5.finalize().into())
}

fn update_framed(md5: &mut Md5, bytes: &[u8]) {
    // Messages are limited to 1 MiB, so the length always fits.
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    md5.update(length.to_be_bytes());
    md5.update(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str, data_type: &str, value: &str) -> MessageAttribute {
        MessageAttribute {
            name: name.to_owned(),
            data_type: data_type.to_owned(),
            value: AttributeData::Text(value.to_owned()),
        }
    }

    fn hex(digest: [u8; 16]) -> String {
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn attribute_digests_equal_those_that_aws_answered() {
        let all =
            [text("Help.Me", "String", "Me"), text("Hello", "String", "There"), text("General", "String", "Kenobi")];
        assert_eq!(hex(attributes_md5(&all).unwrap()), "4c360f3fdafd970e05fae2f149d997f5");
        assert_eq!(hex(attributes_md5(&all[1..2]).unwrap()), "a311262e065454b75da111d535b8dacd");
        let binary = MessageAttribute {
            name: "attr1".to_owned(),
            data_type: "Binary".to_owned(),
            value: AttributeData::Binary(
                b"traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01".to_vec(),
            ),
        };
        assert_eq!(hex(attributes_md5([&binary]).unwrap()), "8cbe4db156db8a94db8b801b7addb984");
        assert_eq!(attributes_md5([]), None);
    }

    #[test]
    fn body_digest() {
        assert_eq!(hex(body_md5("msg")), "6e2baaf3b97dbeef01c0043275f9a0e7");
    }
}
