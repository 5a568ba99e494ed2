//! Additional checksums (S3 user guide, "Checking object integrity"): five algorithms, full-object or composite.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crc_fast::{CrcAlgorithm, Digest as Crc, checksum_combine};
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// An algorithm of `x-amz-checksum-algorithm`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// CRC-32 (ISO HDLC).
    Crc32,
    /// CRC-32C (Castagnoli).
    Crc32c,
    /// CRC-64/NVME: what S3 computes by itself when the client names nothing.
    Crc64Nvme,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
}

/// Whether a multipart object's checksum covers its bytes or its parts' checksums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// Over all bytes.
    FullObject,
    /// Over the parts' checksums; the value ends in `-` and the number of parts.
    Composite,
}

impl Kind {
    /// The wire's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::FullObject => "FULL_OBJECT",
            Self::Composite => "COMPOSITE",
        }
    }

    /// Reads the wire's word.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "FULL_OBJECT" => Some(Self::FullObject),
            "COMPOSITE" => Some(Self::Composite),
            _ => None,
        }
    }
}

/// A checksum that an object or part carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksum {
    /// By which algorithm.
    pub algorithm: Algorithm,
    /// Base64, with `-N` behind it when it is a composite.
    pub value: String,
    /// What it covers.
    pub kind: Kind,
}

/// All algorithms, in the order of the reference.
pub const ALL: [Algorithm; 5] =
    [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64Nvme, Algorithm::Sha1, Algorithm::Sha256];

impl Algorithm {
    /// The wire's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    /// Reads the wire's word, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        ALL.into_iter().find(|a| a.name().eq_ignore_ascii_case(text))
    }

    /// The header that carries it.
    pub fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    /// The element that carries it in documents.
    pub fn element(self) -> &'static str {
        match self {
            Self::Crc32 => "ChecksumCRC32",
            Self::Crc32c => "ChecksumCRC32C",
            Self::Crc64Nvme => "ChecksumCRC64NVME",
            Self::Sha1 => "ChecksumSHA1",
            Self::Sha256 => "ChecksumSHA256",
        }
    }

    /// Bytes of a checksum.
    pub fn length(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// Whether a value has the form of this algorithm's checksum.
    pub fn accepts(self, value: &str) -> bool {
        STANDARD.decode(value).is_ok_and(|bytes| bytes.len() == self.length())
    }

    /// The kind that a multipart upload has when the client names none: CRC-64 covers the bytes, the others the parts.
    pub fn default_kind(self) -> Kind {
        if self == Self::Crc64Nvme { Kind::FullObject } else { Kind::Composite }
    }

    fn crc(self) -> Option<CrcAlgorithm> {
        match self {
            Self::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
            Self::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
            Self::Crc64Nvme => Some(CrcAlgorithm::Crc64Nvme),
            Self::Sha1 | Self::Sha256 => None,
        }
    }

    /// Whether this kind may be asked of a multipart upload (the table in "Full object and composite checksums").
    pub fn supports(self, kind: Kind) -> bool {
        match kind {
            Kind::FullObject => self.crc().is_some(),
            Kind::Composite => self != Self::Crc64Nvme,
        }
    }
}

/// A running checksum.
pub enum Hasher {
    /// One of the CRCs, which are computed eight bytes at a time by the CPU's own instructions.
    Crc(Algorithm, Box<Crc>),
    /// SHA-1.
    Sha1(Sha1),
    /// SHA-256.
    Sha256(Sha256),
}

impl Hasher {
    /// Starts a checksum.
    pub fn new(algorithm: Algorithm) -> Self {
        match (algorithm, algorithm.crc()) {
            (_, Some(crc)) => Self::Crc(algorithm, Box::new(Crc::new(crc))),
            (Algorithm::Sha1, _) => Self::Sha1(Sha1::new()),
            _ => Self::Sha256(Sha256::new()),
        }
    }

    /// Takes bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Crc(_, crc) => crc.update(bytes),
            Self::Sha1(sha) => sha.update(bytes),
            Self::Sha256(sha) => sha.update(bytes),
        }
    }

    /// The checksum of all bytes taken.
    pub fn finish(self) -> Checksum {
        let (algorithm, value) = match self {
            Self::Crc(algorithm, crc) => (algorithm, encode_crc(algorithm, crc.finalize())),
            Self::Sha1(sha) => (Algorithm::Sha1, STANDARD.encode(sha.finalize())),
            Self::Sha256(sha) => (Algorithm::Sha256, STANDARD.encode(sha.finalize())),
        };
        Checksum { algorithm, value, kind: Kind::FullObject }
    }
}

/// The checksum of a whole body at hand.
pub fn of(algorithm: Algorithm, body: &[u8]) -> Checksum {
    if let Some(crc) = algorithm.crc() {
        let value = encode_crc(algorithm, crc_fast::checksum(crc, body));
        return Checksum { algorithm, value, kind: Kind::FullObject };
    }
    let mut hasher = Hasher::new(algorithm);
    hasher.update(body);
    hasher.finish()
}

/// The checksum of an object made of parts, from each part's checksum and size in bytes; `None` if a part has none or a strange one.
pub fn of_parts<'a>(
    algorithm: Algorithm,
    kind: Kind,
    parts: impl Iterator<Item = (Option<&'a str>, u64)>,
) -> Option<Checksum> {
    let value = match kind {
        Kind::FullObject => {
            let crc = algorithm.crc()?;
            let mut whole: Option<u64> = None;
            for (value, size) in parts {
                let part = decode_crc(value?)?;
                whole = Some(whole.map_or(part, |before| checksum_combine(crc, before, part, size)));
            }
            encode_crc(algorithm, whole?)
        }
        Kind::Composite => {
            let mut hasher = Hasher::new(algorithm);
            let mut count = 0usize;
            for (value, _) in parts {
                hasher.update(&STANDARD.decode(value?).ok()?);
                count += 1;
            }
            format!("{}-{count}", hasher.finish().value)
        }
    };
    Some(Checksum { algorithm, value, kind })
}

fn encode_crc(algorithm: Algorithm, value: u64) -> String {
    let bytes = value.to_be_bytes();
    let skip = bytes.len().saturating_sub(algorithm.length());
    STANDARD.encode(bytes.get(skip..).unwrap_or_default())
}

fn decode_crc(value: &str) -> Option<u64> {
    let bytes = STANDARD.decode(value).ok()?;
    (bytes.len() <= 8).then(|| bytes.iter().fold(0u64, |sum, &byte| (sum << 8) | u64::from(byte)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_values() {
        // The check values of the CRC catalogue for "123456789".
        assert_eq!(of(Algorithm::Crc32, b"123456789").value, STANDARD.encode(0xcbf4_3926u32.to_be_bytes()));
        assert_eq!(of(Algorithm::Crc32c, b"123456789").value, STANDARD.encode(0xe306_9283u32.to_be_bytes()));
        assert_eq!(
            of(Algorithm::Crc64Nvme, b"123456789").value,
            STANDARD.encode(0xae8b_1486_0a79_9888u64.to_be_bytes())
        );
        assert_eq!(of(Algorithm::Sha256, b"").value, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    }

    proptest! {
        #[test]
        fn parts_combine_to_the_whole(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..6)) {
            let whole: Vec<u8> = chunks.concat();
            for algorithm in [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64Nvme] {
                let parts: Vec<(String, u64)> =
                    chunks.iter().map(|c| (of(algorithm, c).value, c.len() as u64)).collect();
                let combined = of_parts(algorithm, Kind::FullObject, parts.iter().map(|(v, n)| (Some(v.as_str()), *n)));
                prop_assert_eq!(combined, Some(of(algorithm, &whole)));
            }
        }

        #[test]
        fn hashing_piecewise_is_hashing_at_once(body in prop::collection::vec(any::<u8>(), 0..500), cut in 0usize..500) {
            let cut = cut.min(body.len());
            for algorithm in ALL {
                let mut hasher = Hasher::new(algorithm);
                hasher.update(&body[..cut]);
                hasher.update(&body[cut..]);
                prop_assert_eq!(hasher.finish(), of(algorithm, &body));
            }
        }
    }
}
