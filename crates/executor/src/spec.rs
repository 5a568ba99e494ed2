//! What the executor is asked to run.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::logs::LogSink;

/// One function as it is configured at one moment. Environments are shared by all invocations whose spec has the same
/// `key`, so the key must change whenever anything else in here does (function + version + configuration revision).
#[derive(Clone)]
pub struct FunctionSpec {
    /// Stable identity of this configuration; the key of its pool of environments.
    pub key: String,
    /// `AWS_LAMBDA_FUNCTION_NAME`.
    pub name: String,
    /// `$LATEST` or a number: `AWS_LAMBDA_FUNCTION_VERSION` and the version in the START line.
    pub version: String,
    /// Runtime identifier as in the API: `nodejs18.x`, `python3.11`, `provided.al2023`, `go1.x`.
    pub runtime: String,
    /// The handler's name as in the API (`index.handler`).
    pub handler: String,
    /// Unpacked code; becomes `LAMBDA_TASK_ROOT`. Never written to.
    pub code: PathBuf,
    /// Unpacked layers, first to last; they are merged under `/opt` (a later one wins).
    pub layers: Vec<PathBuf>,
    /// The function's own variables.
    pub environment: BTreeMap<String, String>,
    /// Memory setting in MB; the process tree is killed above it.
    pub memory_mb: u32,
    /// Time limit of one invocation.
    pub timeout: Duration,
    /// Size of `/tmp` in MB (enforced by the sandbox tier).
    pub ephemeral_storage_mb: u32,
    /// `AWS_LAMBDA_LOG_GROUP_NAME`.
    pub log_group: String,
    /// `AWS_REGION` and `AWS_DEFAULT_REGION`.
    pub region: String,
    /// Where log lines go.
    pub logs: Arc<dyn LogSink>,
    /// Asked once per environment, when it starts.
    pub credentials: Arc<dyn CredentialsSource>,
    /// The cloud that calls from inside the function are led to; none leaves the network as it is.
    pub endpoint: Option<Endpoint>,
}

impl fmt::Debug for FunctionSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FunctionSpec").field("key", &self.key).field("runtime", &self.runtime).finish_non_exhaustive()
    }
}

/// Where the cloud listens, as functions reach it. Plain HTTP and TLS are served on the same port.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The listening address (loopback when the server listens on all interfaces).
    pub address: SocketAddr,
    /// `AWS_ENDPOINT_URL` for the function, e.g. `http://localhost:4566`.
    pub url: String,
    /// PEM file of the certificate authority that signs the server's certificates.
    pub ca_pem: Option<PathBuf>,
}

/// Temporary credentials of the function's role.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// `AWS_ACCESS_KEY_ID`.
    pub access_key_id: String,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: String,
    /// `AWS_SESSION_TOKEN`; left out when empty.
    pub session_token: String,
    /// When they end, in seconds by [`CredentialsSource::now`]; the environment is replaced before. `None`: never.
    pub expires: Option<i64>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// Gives an environment its role's credentials when it starts.
#[async_trait]
pub trait CredentialsSource: Send + Sync {
    /// `Ok(None)` starts the environment without any; an error fails the invocation with its text.
    async fn credentials(&self) -> Result<Option<Credentials>, String>;

    /// The time by which credentials end, in seconds since 1970.
    fn now(&self) -> i64 {
        let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    }
}

#[async_trait]
impl CredentialsSource for Option<Credentials> {
    async fn credentials(&self) -> Result<Option<Credentials>, String> {
        Ok(self.clone())
    }
}

/// One event for a function.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The request's id (a UUID); appears in log lines, `context.awsRequestId` and error messages.
    pub request_id: String,
    /// The event, JSON text.
    pub payload: Bytes,
    /// The ARN by which it was called (with its alias or version, if any).
    pub invoked_arn: String,
    /// `Lambda-Runtime-Trace-Id` and `_X_AMZN_TRACE_ID`.
    pub trace_id: Option<String>,
    /// JSON text of the client context (already decoded from base64).
    pub client_context: Option<String>,
    /// JSON text of the Cognito identity.
    pub cognito_identity: Option<String>,
}
