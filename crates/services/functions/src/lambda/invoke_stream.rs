//! InvokeWithResponseStream: the answer in the frames of `application/vnd.amazon.eventstream`.
//!
//! The payload is sent when the function has answered; it is not passed on while it is being written.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use crc_fast::CrcAlgorithm::Crc32IsoHdlc;
use pilvi_bus::Ctx;
use pilvi_executor::{Outcome, StreamPart};
use pilvi_model::shape::Desc;
use pilvi_model::{Shape, ShapeError, Val};
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use super::invoke::not_found;
use crate::core::Functions;
use crate::errors::FunctionError;
use crate::names::Named;
use crate::run::{MOST_SYNCHRONOUS, Run, checked};

/// Bytes of one frame's payload at most.
const FRAME: usize = 64 * 1024;
/// How many pieces of an answer may wait to be framed.
const PIECES: usize = 16;

/// What InvokeWithResponseStream takes.
#[derive(Shape)]
pub(crate) struct StreamInput {
    pub(crate) function_name: String,
    invocation_type: Option<String>,
    log_type: Option<String>,
    client_context: Option<String>,
    pub(crate) qualifier: Option<String>,
    payload: Option<Bytes>,
}

/// The frames, one after the other.
pub(crate) struct EventStream(Vec<u8>);

impl Shape for EventStream {
    fn from_val(val: Val) -> Result<Self, ShapeError> {
        Err(ShapeError::kind("nothing", &val))
    }

    fn into_val(self) -> Val {
        Val::Blob(self.0.into())
    }

    fn describe() -> Desc {
        Desc::Opaque
    }
}

/// What the function answered.
#[derive(Shape)]
pub(crate) struct StreamOutput {
    status_code: Option<i64>,
    executed_version: Option<String>,
    event_stream: EventStream,
}

pub(crate) async fn invoke_with_response_stream(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: StreamInput,
) -> Result<StreamOutput, FunctionError> {
    let named = Named::parse(&ctx, &input.function_name, input.qualifier.as_deref())?;
    let function = functions.route(&named).map_err(|error| not_found(error, &named))?;
    let mut stream = Vec::new();
    if input.invocation_type.as_deref() == Some("DryRun") {
        return Ok(StreamOutput { status_code: Some(204), executed_version: None, event_stream: EventStream(stream) });
    }
    let run = Run {
        request_id: ctx.request_id.clone(),
        payload: checked(input.payload, MOST_SYNCHRONOUS)?,
        invoked_arn: named.arn(),
        client_context: input.client_context,
    };
    let (sender, mut pieces) = mpsc::channel(PIECES);
    let taken = async {
        while let Some(piece) = pieces.recv().await {
            if let StreamPart::Chunk(bytes) = piece {
                frame("PayloadChunk", "application/octet-stream", &bytes, &mut stream);
            }
        }
    };
    let (result, ()) = tokio::join!(functions.run_with(&ctx, &function, run, Some(sender)), taken);
    let result = result?;
    let mut complete: Map<String, Value> = Map::new();
    match &result.outcome {
        Outcome::Success(payload) => {
            for chunk in payload.chunks(FRAME) {
                frame("PayloadChunk", "application/octet-stream", chunk, &mut stream);
            }
        }
        Outcome::Error { kind, payload } => {
            complete.insert("ErrorCode".to_owned(), kind.as_str().into());
            complete.insert("ErrorDetails".to_owned(), String::from_utf8_lossy(payload).into());
        }
    }
    if input.log_type.as_deref() == Some("Tail") {
        complete.insert("LogResult".to_owned(), STANDARD.encode(&result.log_tail).into());
    }
    let complete = Value::Object(complete).to_string();
    frame("InvokeComplete", "application/json", complete.as_bytes(), &mut stream);
    Ok(StreamOutput {
        status_code: Some(200),
        executed_version: Some(function.version),
        event_stream: EventStream(stream),
    })
}

/// Appends a frame: lengths, their sum, headers, payload, the sum of it all ("Event stream encoding" of the Transcribe developer
/// guide, which all services share).
fn frame(event: &str, content_type: &str, payload: &[u8], stream: &mut Vec<u8>) {
    /// The type of a header whose value is a text.
    const TEXT: u8 = 7;
    let mut headers = Vec::new();
    for (name, value) in [(":event-type", event), (":content-type", content_type), (":message-type", "event")] {
        headers.push(u8::try_from(name.len()).unwrap_or(0));
        headers.extend_from_slice(name.as_bytes());
        headers.push(TEXT);
        headers.extend_from_slice(&u16::try_from(value.len()).unwrap_or(0).to_be_bytes());
        headers.extend_from_slice(value.as_bytes());
    }
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes();
    let sum = |bytes: &[u8]| {
        let sum = crc_fast::checksum(Crc32IsoHdlc, bytes);
        u32::try_from(sum).unwrap_or(0).to_be_bytes()
    };
    let mut frame = Vec::with_capacity(16 + headers.len() + payload.len());
    frame.extend_from_slice(&length(16 + headers.len() + payload.len()));
    frame.extend_from_slice(&length(headers.len()));
    frame.extend_from_slice(&sum(&frame));
    frame.extend_from_slice(&headers);
    frame.extend_from_slice(payload);
    frame.extend_from_slice(&sum(&frame));
    stream.extend_from_slice(&frame);
}
