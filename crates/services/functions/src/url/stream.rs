//! Answers that are passed on piece by piece.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use http_body::Frame;
use http_body_util::BodyExt as _;
use pilvi_bus::http::{Body, BoxError, Response};
use pilvi_bus::{ApiError, Ctx};
use pilvi_executor::{InvokeResult, StreamPart};
use serde_json::{Map, Value};
use tokio::sync::mpsc::{self, Receiver};

use super::response;
use crate::core::Functions;
use crate::run::Run;
use crate::state::Function;

/// How many pieces may wait for a slow client.
const PIECES: usize = 16;
/// The content type of a stream that begins with its head.
const WITH_HEAD: &str = "application/vnd.awslambda.http-integration-response";
/// What stands between head and body.
const DELIMITER: [u8; 8] = [0; 8];
/// What is read in search of the head's end.
const MOST_HEAD: usize = 6 * 1024 * 1024;

/// How a function answers an address that streams.
pub(super) enum Streaming {
    /// Piece by piece.
    Begun(Response),
    /// All at once, or it failed before its first piece.
    Whole(InvokeResult),
}

/// Runs a function, until it is known how it answers.
pub(super) async fn run(
    functions: Arc<Functions>,
    ctx: Ctx,
    function: Function,
    run: Run,
) -> Result<Streaming, ApiError> {
    let (sender, mut pieces) = mpsc::channel(PIECES);
    let running = tokio::spawn(async move { functions.run_with(&ctx, &function, run, Some(sender)).await });
    let Some(begin) = pieces.recv().await else {
        let ran = running.await.map_err(ApiError::internal)?;
        return Ok(Streaming::Whole(ran?));
    };
    let (content_type, first) = match begin {
        StreamPart::Begin { content_type } => (content_type, Bytes::new()),
        StreamPart::Chunk(bytes) => (String::new(), bytes),
    };
    if content_type == WITH_HEAD {
        let answer = match head(&mut pieces, first).await {
            Some((head, first)) => response::with_head(&head, body(first, pieces), response::BYTES),
            None => None,
        };
        return Ok(Streaming::Begun(answer.unwrap_or_else(|| response::plain(StatusCode::BAD_GATEWAY))));
    }
    let content_type = HeaderValue::try_from(content_type).ok().filter(|kind| !kind.is_empty());
    let content_type = content_type.unwrap_or(response::BYTES);
    Ok(Streaming::Begun(response::of(StatusCode::OK, body(first, pieces), content_type)))
}

/// The head of a stream, and what was read of its body.
async fn head(pieces: &mut Receiver<StreamPart>, first: Bytes) -> Option<(Map<String, Value>, Bytes)> {
    let mut read = first.to_vec();
    loop {
        let end = read.windows(DELIMITER.len()).position(|window| window == DELIMITER);
        if let Some(end) = end {
            let rest = Bytes::from(read.split_off(end + DELIMITER.len()));
            return Some((serde_json::from_slice(read.get(..end)?).ok()?, rest));
        }
        match pieces.recv().await? {
            StreamPart::Chunk(bytes) if read.len() + bytes.len() <= MOST_HEAD => read.extend_from_slice(&bytes),
            _ => return None,
        }
    }
}

fn body(first: Bytes, rest: Receiver<StreamPart>) -> Body {
    Pieces { first, rest }.boxed_unsync()
}

/// A body of pieces as they come.
struct Pieces {
    first: Bytes,
    rest: Receiver<StreamPart>,
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if !self.first.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.first)))));
        }
        loop {
            match self.rest.poll_recv(cx) {
                Poll::Ready(Some(StreamPart::Chunk(bytes))) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Poll::Ready(Some(StreamPart::Begin { .. })) => {}
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use pilvi_bus::http::collect;

    use super::*;

    #[tokio::test]
    async fn a_stream_may_begin_with_its_head() {
        let (sender, mut pieces) = mpsc::channel(PIECES);
        for piece in [&b"{\"statusCode\""[..], b": 202}\0\0\0\0\0", b"\0\0\0he", b"i"] {
            sender.send(StreamPart::Chunk(Bytes::from_static(piece))).await.unwrap();
        }
        drop(sender);
        let (head, first) = head(&mut pieces, Bytes::new()).await.unwrap();
        let (parts, body) = response::with_head(&head, body(first, pieces), response::BYTES).unwrap().into_parts();
        assert_eq!((parts.status.as_u16(), &*collect(body, 100).await.unwrap()), (202, &b"hei"[..]));
    }
}
