//! GetCallerIdentity, GetAccessKeyInfo.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;

use crate::core::Identity;
use crate::errors::IamError;
use crate::ids;

/// What GetCallerIdentity takes.
#[derive(Shape)]
pub(crate) struct GetCallerIdentityInput {}

/// Who calls.
#[derive(Shape)]
pub(crate) struct GetCallerIdentityOutput {
    user_id: Option<String>,
    account: Option<String>,
    arn: Option<String>,
}

pub(crate) async fn get_caller_identity(
    identity: Arc<Identity>,
    ctx: Ctx,
    _: GetCallerIdentityInput,
) -> Result<GetCallerIdentityOutput, IamError> {
    if let Some(key) = &ctx.access_key {
        identity.note_use(key, "sts", &ctx.region);
    }
    Ok(GetCallerIdentityOutput {
        user_id: Some(ctx.principal.id()),
        account: Some(ctx.account.clone()),
        arn: Some(ctx.principal.arn(&ctx.region)),
    })
}

/// What GetAccessKeyInfo takes.
#[derive(Shape)]
pub(crate) struct GetAccessKeyInfoInput {
    access_key_id: String,
}

/// The account of a key.
#[derive(Shape)]
pub(crate) struct GetAccessKeyInfoOutput {
    account: Option<String>,
}

pub(crate) async fn get_access_key_info(
    _: Arc<Identity>,
    ctx: Ctx,
    input: GetAccessKeyInfoInput,
) -> Result<GetAccessKeyInfoOutput, IamError> {
    let account = ids::account_of_key(&input.access_key_id).unwrap_or_else(|| ctx.account.clone());
    Ok(GetAccessKeyInfoOutput { account: Some(account) })
}
