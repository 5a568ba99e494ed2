//! Answers that come piece by piece.

use bytes::Bytes;
use tokio::io::AsyncRead;
use tokio::sync::mpsc;

use crate::http::{Body, ReadBuffer, ReadError, Request};

/// Most that is passed on of one answer.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const MAX_STREAM: usize = 200 << 20;

/// A piece of a streamed answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamPart {
    /// First: the content type that the function gave. With `application/vnd.awslambda.http-integration-response` the
    /// body begins with a JSON document (`statusCode`, `headers`, `cookies`) and eight zero bytes.
    Begin {
        /// As in the runtime's request.
        content_type: String,
    },
    /// The next bytes.
    Chunk(Bytes),
}

/// The way from one answer's request to whoever wants its pieces.
pub(crate) struct Streamed {
    to: mpsc::Sender<StreamPart>,
}

impl Streamed {
    pub(crate) fn new(to: mpsc::Sender<StreamPart>) -> Self {
        Self { to }
    }

    /// Passes the body on as it comes, as fast as it is taken; nothing of it is kept. A body that nobody wants any
    /// more is read to its end all the same: the function goes on as if somebody did.
    pub(crate) async fn pass_on<S: AsyncRead + Unpin>(
        self,
        buffer: &mut ReadBuffer,
        stream: &mut S,
        request: &mut Request,
        body: &mut Body,
    ) -> Result<(), ReadError> {
        let content_type = request.header("content-type").unwrap_or("application/octet-stream").to_owned();
        let _ = self.to.send(StreamPart::Begin { content_type }).await;
        while let Some(piece) = buffer.read_piece(stream, request, body).await? {
            request.streamed += piece.len();
            if request.streamed <= MAX_STREAM {
                let _ = self.to.send(StreamPart::Chunk(piece)).await;
            }
        }
        Ok(())
    }
}

/// Whether all of an answer was passed on.
pub(crate) fn is_complete(request: &Request) -> bool {
    request.streamed <= MAX_STREAM
}
