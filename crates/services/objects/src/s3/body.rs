//! Bodies on their way in and out: verified, hashed and stored piece by piece, never held whole unless they are small.

use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use md5::Md5;
use parking_lot::Mutex;
use pilvi_bus::http::{Body, BoxError};
use pilvi_store::blobs::{BlobWriter, Blobs};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use tokio::task::JoinHandle;

use super::chunked::Decoder;
use super::signature::same;
use crate::errors::{Code, Result, S3Error};
use crate::object::checksum::{Algorithm, Checksum, Hasher};
use crate::object::inline::{Inline, LIMIT};
use crate::object::multipart::GREATEST_PART;
use crate::object::range::Span;
use crate::state::{Data, Piece};

/// How much is read from a file at once. Larger reads gain nothing; smaller ones pay for a thread's turn too often.
const READ: usize = 512 * 1024;

/// A request's body with its transfer encodings and declared hash.
pub struct Incoming {
    /// Never locked: the mutex only makes a request shareable while it waits, which a body by itself is not.
    body: Mutex<Body>,
    decoder: Option<Decoder>,
    /// The running hash and the declared one.
    sha256: Option<(Sha256, String)>,
    /// Bytes that were announced (decoded ones).
    announced: Option<u64>,
    received: u64,
    ended: bool,
}

impl Incoming {
    /// A body; `declared` is the hex hash in `x-amz-content-sha256`, if it is one.
    pub fn new(body: Body, decoder: Option<Decoder>, declared: Option<String>, announced: Option<u64>) -> Self {
        let sha256 = declared.map(|hash| (Sha256::new(), hash));
        Self { body: Mutex::new(body), decoder, sha256, announced, received: 0, ended: false }
    }

    /// Bytes that were announced.
    pub fn announced(&self) -> Option<u64> {
        self.announced
    }

    /// The next bytes; `None` at the end, when everything declared has been verified.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            if let Some(bytes) = self.decoded()? {
                self.received += bytes.len() as u64;
                if let Some((hash, _)) = &mut self.sha256 {
                    hash.update(&bytes);
                }
                return Ok(Some(bytes));
            }
            if self.ended {
                return Ok(None);
            }
            match self.body.get_mut().frame().await {
                Some(Ok(frame)) => {
                    let Ok(bytes) = frame.into_data() else { continue };
                    if let Some(decoder) = &mut self.decoder {
                        decoder.feed(&bytes);
                        continue;
                    }
                    if bytes.is_empty() {
                        continue;
                    }
                    self.received += bytes.len() as u64;
                    if let Some((hash, _)) = &mut self.sha256 {
                        hash.update(&bytes);
                    }
                    return Ok(Some(bytes));
                }
                Some(Err(_)) => return Err(Code::IncompleteBody.into()),
                None => self.end()?,
            }
        }
    }

    fn decoded(&mut self) -> Result<Option<Bytes>> {
        match &mut self.decoder {
            Some(decoder) => decoder.take(),
            None => Ok(None),
        }
    }

    fn end(&mut self) -> Result<()> {
        self.ended = true;
        if let Some(decoder) = &mut self.decoder {
            decoder.end()?;
        }
        if self.announced.is_some_and(|announced| announced != self.received) {
            return Err(Code::IncompleteBody.into());
        }
        if let Some((hash, declared)) = self.sha256.take() {
            let computed = hex::encode(hash.finalize());
            if !same(computed.as_bytes(), declared.as_bytes()) {
                return Err(S3Error::from(Code::XAmzContentSHA256Mismatch)
                    .with("ClientComputedContentSHA256", declared)
                    .with("S3ComputedContentSHA256", computed));
            }
        }
        Ok(())
    }

    /// The whole body, if it is at most `limit` bytes.
    pub async fn all(&mut self, limit: usize) -> Result<Bytes> {
        if self.announced.is_some_and(|announced| announced > limit as u64) {
            return Err(Code::MaxMessageLengthExceeded.into());
        }
        let Some(first) = self.next().await? else { return Ok(Bytes::new()) };
        let mut whole: Option<BytesMut> = None;
        while let Some(more) = self.next().await? {
            let whole = whole.get_or_insert_with(|| BytesMut::from(first.as_ref()));
            whole.extend_from_slice(&more);
            if whole.len() > limit {
                return Err(Code::MaxMessageLengthExceeded.into());
            }
        }
        let whole = whole.map_or(first, BytesMut::freeze);
        if whole.len() > limit {
            return Err(Code::MaxMessageLengthExceeded.into());
        }
        Ok(whole)
    }

    /// A header that came behind the body.
    fn trailer(&self, name: &str) -> Option<&str> {
        let trailers = self.decoder.as_ref()?.trailers();
        trailers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// What a stored body has to agree with.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// MD5 from `Content-MD5`, decoded.
    pub md5: Option<Vec<u8>>,
    /// Algorithm and value of the checksum; without a value it comes behind the body, or is only computed.
    pub checksum: Option<(Algorithm, Option<String>)>,
    /// Whether the value has to come behind the body.
    pub trailing: bool,
    /// Whether the CRC-64/NVME is wanted besides.
    pub also_crc64: bool,
}

/// A body that was stored.
pub struct Stored {
    /// Size in bytes.
    pub size: u64,
    /// MD5 in hex.
    pub md5: String,
    /// Checksum by the asked algorithm, or CRC-64/NVME.
    pub checksum: Checksum,
    /// The CRC-64/NVME, where it was asked for besides another.
    pub crc64: Option<Checksum>,
    /// Where the bytes are; none when there are none.
    pub data: Option<Data>,
}

impl Stored {
    /// The piece that holds the bytes.
    pub fn into_piece(self, number: u32) -> Option<Piece> {
        let data = self.data?;
        Some(Piece { number, size: self.size, checksum: Some(self.checksum), data })
    }
}

/// Reads a body to its end and stores it.
pub async fn store(blobs: &Blobs, incoming: &mut Incoming, expected: Expected) -> Result<Stored> {
    if incoming.announced.is_some_and(|size| size > GREATEST_PART) {
        return Err(too_large(incoming.announced.unwrap_or_default()));
    }
    let algorithm = expected.checksum.as_ref().map_or(Algorithm::Crc64Nvme, |(algorithm, _)| *algorithm);
    let mut sink = Sink::new(blobs, algorithm);
    if expected.also_crc64 && algorithm != Algorithm::Crc64Nvme {
        sink.crc64 = Some(Hasher::new(Algorithm::Crc64Nvme));
    }
    while let Some(bytes) = incoming.next().await? {
        sink.write(&bytes).await?;
        if sink.size > GREATEST_PART {
            return Err(too_large(sink.size));
        }
    }
    let given = match &expected.checksum {
        Some((_, Some(value))) => Some(value.clone()),
        Some((algorithm, None)) if expected.trailing => {
            let value = incoming.trailer(algorithm.header()).ok_or_else(|| S3Error::from(Code::IncompleteBody))?;
            if !algorithm.accepts(value) {
                return Err(S3Error::request(format!("Value for {} trailing header is invalid.", algorithm.header())));
            }
            Some(value.to_owned())
        }
        _ => None,
    };
    let stored = sink.finish_checked(&expected, given.as_deref()).await?;
    Ok(stored)
}

fn too_large(proposed: u64) -> S3Error {
    S3Error::from(Code::EntityTooLarge)
        .with("ProposedSize", proposed.to_string())
        .with("MaxSizeAllowed", GREATEST_PART.to_string())
}

/// Hashes and stores bytes as they come.
pub struct Sink {
    blobs: Blobs,
    small: Vec<u8>,
    writer: Option<BlobWriter>,
    md5: Md5,
    hasher: Hasher,
    /// A second checksum.
    crc64: Option<Hasher>,
    /// Bytes so far.
    pub size: u64,
}

impl Sink {
    /// A sink that computes this checksum besides the MD5.
    pub fn new(blobs: &Blobs, algorithm: Algorithm) -> Self {
        Self {
            blobs: blobs.clone(),
            small: Vec::new(),
            writer: None,
            md5: Md5::new(),
            hasher: Hasher::new(algorithm),
            crc64: None,
            size: 0,
        }
    }

    /// Takes bytes.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.size += bytes.len() as u64;
        self.md5.update(bytes);
        self.hasher.update(bytes);
        if let Some(crc64) = &mut self.crc64 {
            crc64.update(bytes);
        }
        if self.writer.is_none() {
            if self.small.len() + bytes.len() <= LIMIT {
                self.small.extend_from_slice(bytes);
                return Ok(());
            }
            let mut writer = self.blobs.writer().await.map_err(S3Error::internal)?;
            writer.write(&std::mem::take(&mut self.small)).await.map_err(S3Error::internal)?;
            self.writer = Some(writer);
        }
        if let Some(writer) = &mut self.writer {
            writer.write(bytes).await.map_err(S3Error::internal)?;
        }
        Ok(())
    }

    /// Ends the body.
    pub async fn finish(self) -> Result<Stored> {
        self.finish_checked(&Expected::default(), None).await
    }

    /// Ends the body if it agrees with what was declared; nothing becomes durable otherwise.
    async fn finish_checked(self, expected: &Expected, given: Option<&str>) -> Result<Stored> {
        let md5 = self.md5.finalize();
        if let Some(declared) = &expected.md5 {
            use base64::Engine;
            let base64 = base64::engine::general_purpose::STANDARD;
            if !same(declared, md5.as_slice()) {
                return Err(S3Error::from(Code::BadDigest)
                    .with("ExpectedDigest", base64.encode(declared))
                    .with("CalculatedDigest", base64.encode(md5)));
            }
        }
        let checksum = self.hasher.finish();
        let crc64 = self.crc64.map(Hasher::finish);
        if given.is_some_and(|given| given != checksum.value) {
            let text =
                format!("The {} you specified did not match the calculated checksum.", checksum.algorithm.name());
            return Err(S3Error::new(Code::BadDigest, text));
        }
        let data = match self.writer {
            Some(writer) => Some(Data::Blob(writer.finish().await.map_err(S3Error::internal)?.id)),
            None if self.small.is_empty() => None,
            None => Some(Data::Inline(Inline(self.small.into()))),
        };
        Ok(Stored { size: self.size, md5: hex::encode(md5), checksum, crc64, data })
    }
}

/// The part of an object's bytes that is wanted, as a body that reads while it is sent.
pub async fn outgoing(blobs: &Blobs, pieces: &[Piece], span: Span) -> Result<Body> {
    let mut wanted = Vec::new();
    let mut at = 0;
    for piece in pieces {
        let from = span.start.max(at);
        let to = (span.start + span.length).min(at + piece.size);
        if from < to {
            wanted.push((piece.data.clone(), Span { start: from - at, length: to - from }));
        }
        at += piece.size;
    }
    if wanted.is_empty() {
        return Ok(pilvi_bus::http::empty());
    }
    if let [(Data::Inline(inline), span)] = wanted.as_slice() {
        return Ok(pilvi_bus::http::full(slice(inline, *span)));
    }
    let mut reader = Reader { blobs: blobs.clone(), wanted: wanted.into_iter(), open: None, ahead: None };
    // A missing file must become an error answer, so the first read happens before the answer's head.
    reader.advance().await.map_err(S3Error::internal)?;
    let chunks = stream::unfold(reader, |mut reader| async move {
        match reader.next().await {
            Ok(Some(bytes)) => Some((Ok(Frame::data(bytes)), reader)),
            Ok(None) => None,
            Err(error) => {
                tracing::error!(%error, "an object's bytes cannot be read");
                Some((Err(BoxError::from(error)), reader))
            }
        }
    });
    Ok(StreamBody::new(chunks).boxed_unsync())
}

fn slice(inline: &Inline, span: Span) -> Bytes {
    let start = usize::try_from(span.start).unwrap_or(usize::MAX).min(inline.0.len());
    let end = start.saturating_add(usize::try_from(span.length).unwrap_or(usize::MAX)).min(inline.0.len());
    inline.0.slice(start..end)
}

type Ahead = JoinHandle<std::io::Result<(File, Bytes)>>;

/// Reads pieces one after another, one read ahead of the sender.
struct Reader {
    blobs: Blobs,
    wanted: std::vec::IntoIter<(Data, Span)>,
    /// The file being read, and how many bytes of it are still wanted.
    open: Option<(File, u64)>,
    ahead: Option<Pending>,
}

enum Pending {
    Ready(Bytes),
    Reading(Ahead, u64),
}

impl Reader {
    /// Starts the next read.
    async fn advance(&mut self) -> std::io::Result<()> {
        if self.open.is_none() {
            match self.wanted.next() {
                None => return Ok(()),
                Some((Data::Inline(inline), span)) => {
                    self.ahead = Some(Pending::Ready(slice(&inline, span)));
                    return Ok(());
                }
                Some((Data::Blob(id), span)) => {
                    let path = self.blobs.path(&id);
                    let open = move || {
                        let mut file = File::open(path)?;
                        file.seek(SeekFrom::Start(span.start))?;
                        Ok::<_, std::io::Error>(file)
                    };
                    let file = tokio::task::spawn_blocking(open).await.map_err(std::io::Error::other)??;
                    self.open = Some((file, span.length));
                }
            }
        }
        if let Some((mut file, left)) = self.open.take() {
            let now = usize::try_from(left).unwrap_or(usize::MAX).min(READ);
            let read = move || {
                let mut buffer = vec![0; now];
                file.read_exact(&mut buffer)?;
                Ok((file, Bytes::from(buffer)))
            };
            self.ahead = Some(Pending::Reading(tokio::task::spawn_blocking(read), left - now as u64));
        }
        Ok(())
    }

    async fn next(&mut self) -> std::io::Result<Option<Bytes>> {
        let bytes = match self.ahead.take() {
            None => return Ok(None),
            Some(Pending::Ready(bytes)) => bytes,
            Some(Pending::Reading(handle, left)) => {
                let (file, bytes) = handle.await.map_err(std::io::Error::other)??;
                self.open = (left > 0).then_some((file, left));
                bytes
            }
        };
        self.advance().await?;
        Ok(Some(bytes))
    }
}
