//! As much HTTP/1.1 as the Runtime API needs, on a raw socket.
//!
//! Runtime clients keep one connection and send small requests; a general server costs more per call than the
//! whole exchange. Reading ahead lets a client send its answer and its next poll in one packet.

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Longest request head.
const MAX_HEAD: usize = 64 << 10;
const READ_SIZE: usize = 16 << 10;

/// A request with its whole body.
#[derive(Debug, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
    /// The body's real length; above the limit `body` holds only its beginning.
    pub(crate) body_len: usize,
    /// How much of the body was passed on instead of kept.
    pub(crate) streamed: usize,
    pub(crate) trailers: Vec<(String, String)>,
    pub(crate) keep_alive: bool,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    pub(crate) fn trailer(&self, name: &str) -> Option<&str> {
        self.trailers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
}

/// Why no request could be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("the connection ended")]
    Closed,
    #[error("malformed request: {0}")]
    Malformed(&'static str),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Bytes that were read and not used yet.
#[derive(Debug, Default)]
pub(crate) struct ReadBuffer {
    data: Vec<u8>,
}

/// What is left of a body.
#[derive(Debug, Clone, Copy)]
enum Left {
    Bytes(usize),
    /// The line with a chunk's size comes next.
    ChunkHead,
    Chunk(usize),
    Nothing,
}

/// The body of a request whose head was read.
#[derive(Debug)]
pub(crate) struct Body {
    left: Left,
}

struct Head {
    request: Request,
    left: Left,
    expects_continue: bool,
    length: usize,
}

impl ReadBuffer {
    /// Whether the beginning of another request is here already.
    pub(crate) fn has_more(&self) -> bool {
        !self.data.is_empty()
    }

    /// Reads the head of a request. A client that waits for `100 Continue` gets it.
    pub(crate) async fn read_head<S>(&mut self, stream: &mut S) -> Result<(Request, Body), ReadError>
    where
        S: AsyncRead + tokio::io::AsyncWrite + Unpin,
    {
        let head = loop {
            if let Some(head) = parse_head(&self.data)? {
                break head;
            }
            if self.data.len() > MAX_HEAD {
                return Err(ReadError::Malformed("head too long"));
            }
            self.fill(stream).await?;
        };
        self.data.drain(..head.length);
        if head.expects_continue {
            tokio::io::AsyncWriteExt::write_all(stream, b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        Ok((head.request, Body { left: head.left }))
    }

    /// Reads the body to its end; what exceeds `most` is not kept.
    pub(crate) async fn read_body<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        request: &mut Request,
        body: &mut Body,
        most: usize,
    ) -> Result<(), ReadError> {
        let mut kept = Vec::new();
        while let Some(piece) = self.read_piece(stream, request, body).await? {
            request.body_len = request.body_len.saturating_add(piece.len());
            let room = most.saturating_sub(kept.len()).min(piece.len());
            kept.extend_from_slice(piece.get(..room).unwrap_or_default());
        }
        request.body = Bytes::from(kept);
        Ok(())
    }

    /// The next piece of a body as it comes, `None` at its end; then the request has its trailers.
    pub(crate) async fn read_piece<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        request: &mut Request,
        body: &mut Body,
    ) -> Result<Option<Bytes>, ReadError> {
        loop {
            match body.left {
                Left::Nothing => return Ok(None),
                Left::Bytes(0) => body.left = Left::Nothing,
                Left::Bytes(left) => {
                    let piece = self.take(stream, left).await?;
                    body.left = Left::Bytes(left - piece.len());
                    return Ok(Some(piece));
                }
                Left::Chunk(left) => {
                    let piece = self.take(stream, left).await?;
                    body.left = Left::Chunk(left - piece.len());
                    if piece.len() == left {
                        if !self.read_line(stream).await?.is_empty() {
                            return Err(ReadError::Malformed("chunk end"));
                        }
                        body.left = Left::ChunkHead;
                    }
                    return Ok(Some(piece));
                }
                Left::ChunkHead => {
                    let line = self.read_line(stream).await?;
                    let digits = line.split(';').next().unwrap_or_default().trim();
                    let size = usize::from_str_radix(digits, 16).map_err(|_| ReadError::Malformed("chunk size"))?;
                    body.left = Left::Chunk(size);
                    if size == 0 {
                        self.read_trailers(stream, request).await?;
                        body.left = Left::Nothing;
                    }
                }
            }
        }
    }

    async fn read_trailers<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        request: &mut Request,
    ) -> Result<(), ReadError> {
        loop {
            let line = self.read_line(stream).await?;
            let Some((name, value)) = line.split_once(':') else { return Ok(()) };
            request.trailers.push((name.trim().to_owned(), value.trim().to_owned()));
        }
    }

    /// What is there, at least one byte and at most `most`.
    async fn take<S: AsyncRead + Unpin>(&mut self, stream: &mut S, most: usize) -> Result<Bytes, ReadError> {
        if self.data.is_empty() {
            self.fill(stream).await?;
        }
        let take = most.min(self.data.len());
        let rest = self.data.split_off(take);
        Ok(Bytes::from(std::mem::replace(&mut self.data, rest)))
    }

    async fn fill<S: AsyncRead + Unpin>(&mut self, stream: &mut S) -> Result<(), ReadError> {
        self.data.reserve(READ_SIZE);
        match stream.read_buf(&mut self.data).await? {
            0 => Err(ReadError::Closed),
            _ => Ok(()),
        }
    }

    async fn read_line<S: AsyncRead + Unpin>(&mut self, stream: &mut S) -> Result<String, ReadError> {
        loop {
            if let Some(end) = self.data.iter().position(|b| *b == b'\n') {
                let line = String::from_utf8_lossy(self.data.get(..end).unwrap_or_default()).trim().to_owned();
                self.data.drain(..=end);
                return Ok(line);
            }
            if self.data.len() > MAX_HEAD {
                return Err(ReadError::Malformed("line too long"));
            }
            self.fill(stream).await?;
        }
    }
}

/// Parses a request head; `None` when it is not complete yet.
fn parse_head(data: &[u8]) -> Result<Option<Head>, ReadError> {
    if data.is_empty() {
        return Ok(None);
    }
    let mut slots = [httparse::EMPTY_HEADER; 64];
    let mut parsed = httparse::Request::new(&mut slots);
    let length = match parsed.parse(data) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(ReadError::Malformed("head")),
    };
    let mut head = Head {
        request: Request {
            method: parsed.method.unwrap_or_default().to_owned(),
            path: parsed.path.unwrap_or_default().to_owned(),
            keep_alive: parsed.version == Some(1),
            ..Request::default()
        },
        left: Left::Bytes(0),
        expects_continue: false,
        length,
    };
    for header in parsed.headers.iter() {
        let value = String::from_utf8_lossy(header.value).into_owned();
        if header.name.eq_ignore_ascii_case("content-length") {
            let length = value.trim().parse().map_err(|_| ReadError::Malformed("content-length"))?;
            if !matches!(head.left, Left::ChunkHead) {
                head.left = Left::Bytes(length);
            }
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            if value.to_ascii_lowercase().contains("chunked") {
                head.left = Left::ChunkHead;
            }
        } else if header.name.eq_ignore_ascii_case("connection") {
            if value.eq_ignore_ascii_case("close") {
                head.request.keep_alive = false;
            }
        } else if header.name.eq_ignore_ascii_case("expect") {
            head.expects_continue = value.eq_ignore_ascii_case("100-continue");
        }
        head.request.headers.push((header.name.to_owned(), value));
    }
    Ok(Some(head))
}

/// Appends a response with a body to `out`.
pub(crate) fn write_response(out: &mut Vec<u8>, status: u16, content_type: &str, body: &[u8]) {
    write_response_with(out, status, content_type, &[], body);
}

/// The same with further headers, whose values are ours.
pub(crate) fn write_response_with(
    out: &mut Vec<u8>,
    status: u16,
    content_type: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) {
    let reason = match status {
        200 => "OK",
        202 => "Accepted",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        413 => "Request Entity Too Large",
        _ => "Internal Server Error",
    };
    let head =
        format!("HTTP/1.1 {status} {reason}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n", body.len());
    out.extend_from_slice(head.as_bytes());
    for (name, value) in headers {
        out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read_all(input: &[u8]) -> Vec<Result<Request, String>> {
        let (mut client, mut server) = tokio::io::duplex(1 << 20);
        tokio::io::AsyncWriteExt::write_all(&mut client, input).await.unwrap();
        drop(client);
        let mut buffer = ReadBuffer::default();
        let mut requests = Vec::new();
        loop {
            let read = async {
                let (mut request, mut body) = buffer.read_head(&mut server).await?;
                buffer.read_body(&mut server, &mut request, &mut body, 8).await.map(|()| request)
            };
            match read.await {
                Ok(request) => requests.push(Ok(request)),
                Err(ReadError::Closed) => return requests,
                Err(error) => {
                    requests.push(Err(error.to_string()));
                    return requests;
                }
            }
        }
    }

    #[tokio::test]
    async fn pipelined_requests_chunks_and_trailers() {
        let input = b"POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET /b HTTP/1.1\r\n\r\n\
            POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\n1234\r\n6\r\n567890\r\n0\r\nLambda-Runtime-Function-Error-Type: T\r\n\r\n";
        let requests = read_all(input).await;
        let [Ok(a), Ok(b), Ok(c)] = requests.as_slice() else { panic!("{requests:?}") };
        assert_eq!((a.path.as_str(), a.body.as_ref()), ("/a", b"abc".as_ref()));
        assert_eq!((b.path.as_str(), b.body_len), ("/b", 0));
        assert_eq!((c.body.as_ref(), c.body_len), (b"12345678".as_ref(), 10), "cut at the limit, with its real length");
        assert_eq!(c.trailer("lambda-runtime-function-error-type"), Some("T"));
    }

    #[tokio::test]
    async fn nonsense_is_refused() {
        for input in [
            &b"\x00\x01\x02\r\n\r\n"[..],
            b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        ] {
            let requests = read_all(input).await;
            assert!(matches!(requests.as_slice(), [Err(_)]), "{requests:?}");
        }
    }
}
