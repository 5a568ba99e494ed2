//! DecodeAuthorizationMessage.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;

use crate::core::Identity;
use crate::errors::IamError;

/// What DecodeAuthorizationMessage takes.
#[derive(Shape)]
pub(crate) struct DecodeInput {
    encoded_message: String,
}

/// The decoded message.
#[derive(Shape)]
pub(crate) struct DecodeOutput {
    decoded_message: Option<String>,
}

/// Only services that hide the reason of a refusal (EC2) hand out encoded messages. None of those is built, so no
/// message can be one of ours.
pub(crate) async fn decode_authorization_message(
    _: Arc<Identity>,
    _: Ctx,
    _: DecodeInput,
) -> Result<DecodeOutput, IamError> {
    Err(IamError::InvalidAuthorizationMessage("The encoded authorization message is invalid."))
}
