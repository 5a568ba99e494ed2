//! The `aws-chunked` content encoding: chunks with or without signatures, and headers behind the last one
//! ("Transferring payloads in multiple chunks" in the S3 API reference).

use bytes::{Buf, Bytes, BytesMut};
use sha2::{Digest, Sha256};

use super::signature::{hmac_sha256, same};
use crate::errors::{Code, Result, S3Error};

/// Longest line of a chunk's head or a trailer, in bytes.
const LONGEST_LINE: usize = 4096;
/// Most bytes of all trailers together.
const LONGEST_TRAILERS: usize = 16 * 1024;

/// What chunk signatures are computed from.
pub struct Signer {
    /// The signing key of the request.
    pub key: Vec<u8>,
    /// `20260102T030405Z`.
    pub time: String,
    /// `20260102/eu-west-1/s3/aws4_request`.
    pub scope: String,
    /// The signature before: first the request's own.
    pub previous: String,
}

enum State {
    Head,
    Data { left: u64 },
    DataEnd,
    Trailers,
    Done,
}

/// Takes the encoding off.
pub struct Decoder {
    state: State,
    buffer: BytesMut,
    signer: Option<Signer>,
    hash: Sha256,
    stated: Option<String>,
    trailers: Vec<(String, String)>,
    trailer_bytes: usize,
}

impl Decoder {
    /// A decoder; with a signer, each chunk's signature is verified.
    pub fn new(signer: Option<Signer>) -> Self {
        Self {
            state: State::Head,
            buffer: BytesMut::new(),
            signer,
            hash: Sha256::new(),
            stated: None,
            trailers: Vec::new(),
            trailer_bytes: 0,
        }
    }

    /// Takes encoded bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Whether the end was reached.
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Headers that came behind the last chunk, names in lower case.
    pub fn trailers(&self) -> &[(String, String)] {
        &self.trailers
    }

    /// The next decoded bytes; `None` when more has to be fed first (or all is done).
    pub fn take(&mut self) -> Result<Option<Bytes>> {
        loop {
            match self.state {
                State::Head => {
                    let Some(line) = self.line()? else { return Ok(None) };
                    let (size, extension) = match line.split_once(';') {
                        Some((size, extension)) => (size, Some(extension)),
                        None => (line.as_str(), None),
                    };
                    let size = parse_size(size).ok_or_else(malformed)?;
                    self.stated = extension.and_then(|e| e.trim().strip_prefix("chunk-signature=")).map(str::to_owned);
                    self.hash = Sha256::new();
                    if size == 0 {
                        self.check_chunk()?;
                        self.state = State::Trailers;
                    } else {
                        self.state = State::Data { left: size };
                    }
                }
                State::Data { left } => {
                    if self.buffer.is_empty() {
                        return Ok(None);
                    }
                    let now = usize::try_from(left).unwrap_or(usize::MAX).min(self.buffer.len());
                    let data = self.buffer.split_to(now).freeze();
                    if self.signer.is_some() {
                        self.hash.update(&data);
                    }
                    let left = left - now as u64;
                    self.state = if left == 0 { State::DataEnd } else { State::Data { left } };
                    return Ok(Some(data));
                }
                State::DataEnd => {
                    if self.buffer.len() < 2 {
                        return Ok(None);
                    }
                    if !self.buffer.starts_with(b"\r\n") {
                        return Err(malformed());
                    }
                    self.buffer.advance(2);
                    self.check_chunk()?;
                    self.state = State::Head;
                }
                State::Trailers => {
                    let Some(line) = self.line()? else { return Ok(None) };
                    if line.is_empty() {
                        self.check_trailers()?;
                        self.state = State::Done;
                        return Ok(None);
                    }
                    self.trailer_bytes += line.len();
                    let (name, value) = line.split_once(':').ok_or_else(malformed)?;
                    if self.trailer_bytes > LONGEST_TRAILERS {
                        return Err(malformed());
                    }
                    self.trailers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
                }
                State::Done => return Ok(None),
            }
        }
    }

    /// Tells that nothing more comes; some clients leave the last empty line out.
    pub fn end(&mut self) -> Result<()> {
        match self.state {
            State::Done => Ok(()),
            State::Trailers => {
                if !self.buffer.is_empty() {
                    self.buffer.extend_from_slice(b"\r\n");
                    self.take()?;
                }
                self.check_trailers()?;
                self.state = State::Done;
                Ok(())
            }
            _ => Err(Code::IncompleteBody.into()),
        }
    }

    /// A line without its end; `None` when it is not all there.
    fn line(&mut self) -> Result<Option<String>> {
        let Some(at) = self.buffer.iter().position(|&b| b == b'\n') else {
            return if self.buffer.len() > LONGEST_LINE { Err(malformed()) } else { Ok(None) };
        };
        let mut line = self.buffer.split_to(at);
        self.buffer.advance(1);
        if line.last() == Some(&b'\r') {
            line.truncate(line.len() - 1);
        }
        if line.len() > LONGEST_LINE {
            return Err(malformed());
        }
        String::from_utf8(line.to_vec()).map(Some).map_err(|_| malformed())
    }

    fn check_chunk(&mut self) -> Result<()> {
        let Some(signer) = &mut self.signer else { return Ok(()) };
        let stated = self.stated.take().ok_or(Code::SignatureDoesNotMatch)?;
        let to_sign = format!(
            "AWS4-HMAC-SHA256-PAYLOAD\n{}\n{}\n{}\ne3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n{}",
            signer.time,
            signer.scope,
            signer.previous,
            hex::encode(std::mem::take(&mut self.hash).finalize())
        );
        signer.check(&to_sign, stated)
    }

    fn check_trailers(&mut self) -> Result<()> {
        let at = self.trailers.iter().position(|(name, _)| name == "x-amz-trailer-signature");
        let stated = at.map(|at| self.trailers.remove(at).1);
        let Some(signer) = &mut self.signer else { return Ok(()) };
        if self.trailers.is_empty() {
            return Ok(());
        }
        let stated = stated.ok_or(Code::SignatureDoesNotMatch)?;
        let canonical: String = self.trailers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let to_sign = format!(
            "AWS4-HMAC-SHA256-TRAILER\n{}\n{}\n{}\n{}",
            signer.time,
            signer.scope,
            signer.previous,
            hex::encode(Sha256::digest(canonical))
        );
        signer.check(&to_sign, stated)
    }
}

impl Signer {
    fn check(&mut self, to_sign: &str, stated: String) -> Result<()> {
        let expected = hex::encode(hmac_sha256(&self.key, to_sign.as_bytes()));
        if !same(expected.as_bytes(), stated.as_bytes()) {
            return Err(Code::SignatureDoesNotMatch.into());
        }
        self.previous = stated;
        Ok(())
    }
}

fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let hex = !text.is_empty() && text.len() <= 12 && text.bytes().all(|b| b.is_ascii_hexdigit());
    if hex { u64::from_str_radix(text, 16).ok() } else { None }
}

fn malformed() -> S3Error {
    S3Error::from(Code::IncompleteBody)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Decoded = (Vec<u8>, Vec<(String, String)>);

    fn decode(encoded: &[u8], step: usize) -> Result<Decoded> {
        let mut decoder = Decoder::new(None);
        let mut out = Vec::new();
        for piece in encoded.chunks(step.max(1)) {
            decoder.feed(piece);
            while let Some(bytes) = decoder.take()? {
                out.extend_from_slice(&bytes);
            }
        }
        decoder.end()?;
        Ok((out, decoder.trailers().to_vec()))
    }

    #[test]
    fn trailers_come_behind_the_data() {
        let encoded = b"5\r\nhello\r\n6;chunk-signature=x\r\n world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n";
        let expected = (b"hello world".to_vec(), vec![("x-amz-checksum-crc32".to_owned(), "DUoRhQ==".to_owned())]);
        for step in [1, 2, 7, 1000] {
            assert_eq!(decode(encoded, step).unwrap(), expected);
        }
        assert!(decode(b"5\r\nhel", 3).is_err());
        assert!(decode(b"zz\r\n", 3).is_err());
        assert!(decode(b"5\r\nhelloworld", 3).is_err());
    }

    #[test]
    fn the_documented_signed_upload() {
        // "Example: PUT Object" of "Transferring payload in multiple chunks (AWS Signature Version 4)".
        let key = super::super::signature::signing_key(
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "20130524",
            "us-east-1",
            "s3",
        );
        let signer = |previous: &str| Signer {
            key: key.clone(),
            time: "20130524T000000Z".into(),
            scope: "20130524/us-east-1/s3/aws4_request".into(),
            previous: previous.into(),
        };
        let mut encoded =
            b"10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n".to_vec();
        encoded.extend(vec![b'a'; 65536]);
        encoded.extend(b"\r\n400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n");
        encoded.extend(vec![b'a'; 1024]);
        encoded
            .extend(b"\r\n0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n");
        let run = |previous: &str| {
            let mut decoder = Decoder::new(Some(signer(previous)));
            decoder.feed(&encoded);
            let mut size = 0;
            while let Some(bytes) = decoder.take()? {
                size += bytes.len();
            }
            decoder.end().map(|()| size)
        };
        assert_eq!(run("4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9").unwrap(), 66560);
        assert_eq!(run("00").unwrap_err().code, Code::SignatureDoesNotMatch);
    }

    proptest! {
        #[test]
        fn never_panics(bytes in "[0-9a-f;:\r\n]{0,100}", step in 1usize..10) {
            let _ = decode(bytes.as_bytes(), step);
        }
    }
}
