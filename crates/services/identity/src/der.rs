//! Just enough DER and PEM for what IAM has to know of keys and certificates: that they are well-formed, when they end and
//! which RSA key is in them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// The explicit tag of a certificate's version.
const VERSION: u8 = 0xA0;
/// `rsaEncryption` with its NULL parameters, as an AlgorithmIdentifier (RFC 8017, appendix A.1).
const RSA: [u8; 15] = [0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01, 0x05, 0x00];

/// The first PEM block with one of these labels, decoded.
pub(crate) fn pem(text: &str, labels: &[&str]) -> Option<Vec<u8>> {
    labels.iter().find_map(|label| {
        let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
        let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
        let body: String = body.split_whitespace().collect();
        STANDARD.decode(body).ok()
    })
}

/// A PEM block of this label.
pub(crate) fn to_pem(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let lines: Vec<&str> = body.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// Reads elements one after the other.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The next element, whatever it is: its tag and content.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (tag, rest) = self.0.split_first()?;
        let (first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            short if *short < 0x80 => (usize::from(*short), rest),
            long => {
                let count = usize::from(long & 0x7F);
                let bytes = rest.get(..count).filter(|_| (1..=4).contains(&count))?;
                let length = bytes.iter().fold(0usize, |length, byte| (length << 8) | usize::from(*byte));
                (length, rest.get(count..)?)
            }
        };
        let content = rest.get(..length)?;
        self.0 = rest.get(length..)?;
        Some((*tag, content))
    }

    /// The next element, which has to be of this tag.
    fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, content)| content)
    }
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = content.len().to_be_bytes();
    let significant: &[u8] = length.get(length.iter().take_while(|byte| **byte == 0).count()..).unwrap_or_default();
    match significant {
        [] => out.push(0),
        [short] if *short < 0x80 => out.push(*short),
        long => {
            out.push(0x80 | u8::try_from(long.len()).unwrap_or(8));
            out.extend_from_slice(long);
        }
    }
    out.extend_from_slice(content);
    out
}

/// What IAM wants to know of an X.509 certificate (RFC 5280, section 4.1).
pub(crate) struct Certificate {
    /// Seconds since 1970.
    pub(crate) not_after: i64,
    /// The modulus of an RSA key; of other kinds of keys nothing is known.
    pub(crate) rsa_modulus: Option<Vec<u8>>,
}

/// Reads a certificate in PEM; `None` where it is none.
pub(crate) fn certificate(text: &str) -> Option<Certificate> {
    let der = pem(text, &["CERTIFICATE"])?;
    let mut outer = Reader(Reader(&der).expect(SEQUENCE)?);
    let mut body = Reader(outer.expect(SEQUENCE)?);
    outer.expect(SEQUENCE)?;
    outer.expect(BIT_STRING)?;
    let mut first = body.next()?;
    if first.0 == VERSION {
        first = body.next()?;
    }
    if first.0 != INTEGER {
        return None;
    }
    body.expect(SEQUENCE)?; // signature
    body.expect(SEQUENCE)?; // issuer
    let mut validity = Reader(body.expect(SEQUENCE)?);
    validity.next()?;
    let not_after = time(validity.next()?)?;
    body.expect(SEQUENCE)?; // subject
    let key = body.expect(SEQUENCE)?;
    Some(Certificate { not_after, rsa_modulus: spki_rsa(key).map(|(modulus, _)| modulus.to_vec()) })
}

fn time((tag, content): (u8, &[u8])) -> Option<i64> {
    let text = std::str::from_utf8(content).ok()?;
    let full = match tag {
        // Two digits: those from 50 on are of the last century (RFC 5280, section 4.1.2.5.1).
        UTC_TIME => format!("{}{text}", if text.get(..2)? >= "50" { "19" } else { "20" }),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let time = jiff::civil::DateTime::strptime("%Y%m%d%H%M%SZ", full).ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second())
}

/// Modulus and exponent in the content of a SubjectPublicKeyInfo.
fn spki_rsa(content: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut key = Reader(content);
    let algorithm = key.expect(SEQUENCE)?;
    if Some(algorithm) != RSA.get(2..) {
        return None;
    }
    let bits = key.expect(BIT_STRING)?;
    let mut numbers = Reader(Reader(bits.get(1..)?).expect(SEQUENCE)?);
    Some((numbers.expect(INTEGER)?, numbers.expect(INTEGER)?))
}

/// Modulus and exponent of an RSA public key in PEM.
pub(crate) fn public_rsa(text: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let der = pem(text, &["PUBLIC KEY", "RSA PUBLIC KEY"])?;
    let content = Reader(&der).expect(SEQUENCE)?;
    if let Some((modulus, exponent)) = spki_rsa(content) {
        return Some((modulus.to_vec(), exponent.to_vec()));
    }
    let mut numbers = Reader(content);
    Some((numbers.expect(INTEGER)?.to_vec(), numbers.expect(INTEGER)?.to_vec()))
}

/// The SubjectPublicKeyInfo of an RSA key.
pub(crate) fn rsa_spki(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let numbers = [element(INTEGER, modulus), element(INTEGER, exponent)].concat();
    let mut bits = vec![0];
    bits.extend(element(SEQUENCE, &numbers));
    element(SEQUENCE, &[RSA.to_vec(), element(BIT_STRING, &bits)].concat())
}

/// A private key in PEM.
pub(crate) enum PrivateKey {
    /// An RSA key's modulus.
    Rsa(Vec<u8>),
    /// Of another kind.
    Other,
}

/// Reads a private key, PKCS #1, PKCS #8 or SEC 1; `None` where it is none or is encrypted.
pub(crate) fn private_key(text: &str) -> Option<PrivateKey> {
    let rsa = |content: &[u8]| {
        let mut numbers = Reader(content);
        numbers.expect(INTEGER)?;
        Some(PrivateKey::Rsa(numbers.expect(INTEGER)?.to_vec()))
    };
    if let Some(der) = pem(text, &["RSA PRIVATE KEY"]) {
        return rsa(Reader(&der).expect(SEQUENCE)?);
    }
    if let Some(der) = pem(text, &["PRIVATE KEY"]) {
        let mut wrapped = Reader(Reader(&der).expect(SEQUENCE)?);
        wrapped.expect(INTEGER)?;
        if Some(wrapped.expect(SEQUENCE)?) != RSA.get(2..) {
            return Some(PrivateKey::Other);
        }
        return rsa(Reader(wrapped.expect(OCTET_STRING)?).expect(SEQUENCE)?);
    }
    let der = pem(text, &["EC PRIVATE KEY"])?;
    Reader(&der).expect(SEQUENCE).map(|_| PrivateKey::Other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_rsa_key_reads_back() {
        let (modulus, exponent) = (vec![0, 0xC1, 7, 9], vec![1, 0, 1]);
        let text = to_pem("PUBLIC KEY", &rsa_spki(&modulus, &exponent));
        assert_eq!(public_rsa(&text), Some((modulus, exponent)));
    }

    #[test]
    fn times_of_both_forms() {
        assert_eq!(time((UTC_TIME, b"700101000001Z")), Some(1));
        assert_eq!(time((UTC_TIME, b"010101000000Z")), Some(978_307_200));
        assert_eq!(time((GENERALIZED_TIME, b"20010101000000Z")), Some(978_307_200));
        assert_eq!(time((INTEGER, b"20010101000000Z")), None);
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), label in "CERTIFICATE|PUBLIC KEY|PRIVATE KEY") {
            let text = to_pem(&label, &bytes);
            let _ = (certificate(&text), public_rsa(&text), private_key(&text));
        }
    }
}
