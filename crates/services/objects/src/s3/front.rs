//! The way of a request: where to, who, what, may they, do it.

use std::sync::Arc;

use async_trait::async_trait;
use http::Method;
use http::request::Parts;
use pilvi_bus::http::{Body, Connection, HttpFront, Request, Response};
use pilvi_bus::{AccessRequest, Principal, RequestContext, region};
use uuid::Uuid;

use super::address::{self, Address, Host};
use super::answer::{self, Answer};
use super::body::Incoming;
use super::identify::identify;
use super::operation::{Level, Operation, find};
use super::policy::is_public_text;
use super::query::Query;
use super::request::Req;
use super::website::Visit;
use super::{cors, post_object, signature, website};
use crate::errors::{Code, Result, S3Error};
use crate::object::acl::{ALL_USERS, AUTHENTICATED_USERS, Grantee, Permission, canonical_id};
use crate::object::bucket_name;
use crate::state::{BUCKETS, Bucket, DOCUMENTS};
use crate::{Objects, versions};

/// Longest key in bytes.
pub const LONGEST_KEY: usize = 1024;

/// S3 as a front of the edge.
pub struct Front(pub Arc<Objects>);

#[async_trait]
impl HttpFront for Front {
    fn name(&self) -> &'static str {
        "s3"
    }

    fn accepts(&self, request: &Parts) -> bool {
        let path = request.uri.path();
        if ["/_pilvi", "/_localstack", "/_aws"].iter().any(|prefix| path.starts_with(prefix)) {
            return false;
        }
        let host = address::host(&pilvi_bus::http::host(request));
        if matches!(host, Host::Service | Host::Bucket(_) | Host::Website(_)) {
            return true;
        }
        let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let authorization = header("authorization");
        if let Some((_, credential)) = authorization.split_once("Credential=") {
            let credential = credential.split(',').next().unwrap_or_default();
            return signature::scope(credential).is_some();
        }
        if authorization.starts_with("AWS ") {
            return true;
        }
        let query = request.uri.query().unwrap_or_default();
        if let Ok(query) = Query::parse(query) {
            if let Some(credential) = query.get("X-Amz-Credential") {
                return signature::scope(credential).is_some();
            }
            if query.has("AWSAccessKeyId") && query.has("Signature") {
                return true;
            }
        }
        if request.method == Method::POST {
            return header("content-type").starts_with("multipart/form-data");
        }
        authorization.is_empty()
            && header("x-amz-target").is_empty()
            && (path != "/" || matches!(host, Host::Perhaps(_)))
    }

    async fn handle(&self, request: Request, connection: Connection) -> Response {
        let (parts, body) = request.into_parts();
        let request_id = request_id();
        let host_id = host_id();
        let head = parts.method == Method::HEAD;
        let path = parts.uri.path().to_owned();
        let waits = parts.headers.contains_key("expect");
        let result = self.0.answer(parts, body, connection, &request_id, &host_id).await;
        let refused = result.is_err();
        let response = match result {
            Ok(response) => response,
            Err(error) => {
                tracing::debug!(code = error.code.as_str(), message = %error.message, path, "an S3 request was refused");
                answer::error(&error, &request_id, &host_id, head)
            }
        };
        // A client that waits to be told to go on sends no body after a refusal, so what follows on the connection would be
        // taken for that body.
        let response = if refused && waits { response.set("connection", "close") } else { response };
        response.set("x-amz-request-id", &request_id).set("x-amz-id-2", &host_id).set("server", "AmazonS3")
    }
}

/// Sixteen characters, as S3's request ids are.
fn request_id() -> String {
    let id = Uuid::new_v4().simple().to_string().to_ascii_uppercase();
    id.get(..16).unwrap_or(&id).to_owned()
}

fn host_id() -> String {
    use base64::Engine;
    let bytes: Vec<u8> =
        [Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4()].iter().flat_map(|id| id.into_bytes()).collect();
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

impl Objects {
    async fn answer(
        &self,
        parts: Parts,
        body: Body,
        connection: Connection,
        request_id: &str,
        host_id: &str,
    ) -> Result<Response> {
        let host_name = pilvi_bus::http::host(&parts);
        let host = address::host(&host_name);
        let address = address::address(&host, parts.uri.path())?;
        if let (Host::Website(bucket), Some(path)) = (&host, Some(address.key.clone().unwrap_or_default())) {
            let visit = Visit { parts: &parts, connection, request_id, host_id };
            return Ok(website::serve(self, &visit, bucket, &path).await);
        }
        let query = Query::parse(parts.uri.query().unwrap_or_default())?;
        if parts.method == Method::OPTIONS {
            return cors::preflight(self, &parts, &address);
        }
        if post_object::is_form(&parts) && address.key.is_none() {
            return post_object::post_object(self, parts, body, address, connection, request_id, host_id).await;
        }
        let authority = authority(&parts);
        let virtual_bucket = address.bucket.as_deref().filter(|_| address.virtual_host);
        let identity = identify(self, &parts, &query, &authority, virtual_bucket, connection.peer).await?;
        let content = identity.content(&parts.headers)?;
        let announced = announced(&parts, content.decoder.is_some())?;
        let incoming = Incoming::new(body, content.decoder, content.sha256, announced);
        let principal = identity.principal.clone();
        let signed_region = identity.region.clone().filter(|name| region::is_region(name));
        let ctx = self.context(&parts, connection, principal, identity.access_key.clone(), signed_region, request_id);
        let mut req = self.request(parts, address, query, ctx, incoming, host_id)?;
        if let Some(bucket) = req.found.as_ref().filter(|_| !is_regionless(&req))
            && let Err(error) = identity.check_region(&bucket.region)
        {
            let head = req.method == Method::HEAD;
            let refusal = answer::error(&error, request_id, host_id, head);
            return Ok(refusal.set("x-amz-bucket-region", &bucket.region));
        }
        let origin = req.header("origin").map(str::to_owned);
        let method = req.method.clone();
        let result = self.run(&mut req).await;
        let Some(origin) = origin else { return result };
        let response = match result {
            Ok(response) => response,
            Err(error) => answer::error(&error, request_id, host_id, method == Method::HEAD),
        };
        Ok(cors::decorate(self, req.found.as_ref(), &origin, &method, response))
    }

    /// The context of a request.
    pub(crate) fn context(
        &self,
        parts: &Parts,
        connection: Connection,
        principal: Principal,
        access_key: Option<String>,
        signed_region: Option<String>,
        request_id: &str,
    ) -> RequestContext {
        let scheme = if connection.tls { "https" } else { "http" };
        let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (user_agent, trace) = (header("user-agent"), header("x-amzn-trace-id"));
        RequestContext {
            account: principal.account().to_owned(),
            region: signed_region.unwrap_or_else(|| region::DEFAULT.to_owned()),
            principal,
            access_key,
            request_id: request_id.to_owned(),
            trace: trace.clone().unwrap_or_else(pilvi_bus::context::new_trace),
            trace_sent: trace,
            source_ip: Some(connection.peer),
            user_agent,
            endpoint: format!("{scheme}://{}", authority(parts)),
        }
    }

    /// A request with its bucket looked up.
    pub(crate) fn request(
        &self,
        parts: Parts,
        address: Address,
        query: Query,
        mut ctx: RequestContext,
        body: Incoming,
        host_id: &str,
    ) -> Result<Req> {
        let bucket_name = address.bucket.unwrap_or_default();
        let key = address.key.unwrap_or_default();
        let partition = region::partition(&ctx.region);
        let (found, policy) = if bucket_name.is_empty() {
            (None, None)
        } else {
            self.platform.store.read(|tx| {
                let found = tx.get(&BUCKETS, &(partition, bucket_name.as_str()))?;
                let policy = match &found {
                    Some(bucket) if bucket.has_policy => tx.get(&DOCUMENTS, &(bucket.id, "policy"))?,
                    _ => None,
                };
                Ok::<_, S3Error>((found, policy))
            })?
        };
        if let Some(bucket) = &found {
            ctx.account.clone_from(&bucket.account);
            ctx.region.clone_from(&bucket.region);
        }
        Ok(Req {
            ctx: Arc::new(ctx),
            method: parts.method,
            bucket_name,
            found,
            key,
            query,
            headers: parts.headers,
            body,
            host_id: host_id.to_owned(),
            policy: policy.map(Arc::from),
        })
    }

    /// Runs a request's operation, if it is allowed.
    pub(crate) async fn run(&self, req: &mut Req) -> Result<Response> {
        let level = match (req.bucket_name.is_empty(), req.key.is_empty()) {
            (true, _) => Level::Service,
            (false, true) => Level::Bucket,
            (false, false) => Level::Object,
        };
        let operation = find(crate::OPERATIONS, &req.method, level, &req.query, &req.headers)?;
        tracing::debug!(operation = operation.name, bucket = req.bucket_name, key = req.key, "S3");
        if level != Level::Service && req.found.is_none() {
            if !bucket_name::is_valid(&req.bucket_name) {
                return Err(S3Error::from(Code::InvalidBucketName).with("BucketName", &req.bucket_name));
            }
            if operation.name != "CreateBucket" {
                return Err(S3Error::no_such_bucket(&req.bucket_name));
            }
        }
        if req.key.len() > LONGEST_KEY {
            return Err(S3Error::from(Code::KeyTooLongError)
                .with("Size", req.key.len().to_string())
                .with("MaxSizeAllowed", LONGEST_KEY.to_string()));
        }
        check_expected_owner(req)?;
        self.permit(req, operation).await?;
        let result = self.traced(operation, req).await;
        match result {
            // Who may not list must not learn which keys exist.
            Err(error) if error.code == Code::NoSuchKey && matches!(req.method, Method::GET | Method::HEAD) => {
                Err(if self.may_list(req).await { error } else { Code::AccessDenied.into() })
            }
            other => other,
        }
    }

    /// Runs an operation as a span of its trace.
    async fn traced(&self, operation: &'static Operation, req: &mut Req) -> Result<Response> {
        let traces = &self.platform.bus.traces;
        let target = format!("{}/{}", req.bucket_name, req.key);
        let span = traces.begin(&req.ctx, format!("s3 {}", operation.name), target.trim_end_matches('/'));
        req.ctx = Arc::new(req.ctx.within(&span));
        let result = (operation.handler)(self, req).await;
        traces.end(span, result.as_ref().err().map(|error| format!("{:?}", error.code)));
        result
    }

    async fn may_list(&self, req: &Req) -> bool {
        let Ok(bucket) = req.bucket() else { return true };
        let access = AccessRequest::new("s3:ListBucket", bucket.arn());
        self.authorize(req, &access).await.is_ok() || granted(req, &bucket.acl, bucket, Permission::Read)
    }

    async fn permit(&self, req: &Req, operation: &'static Operation) -> Result<()> {
        if operation.action.is_empty() {
            return Ok(());
        }
        check_restricted(req)?;
        let versioned = !operation.version_action.is_empty() && req.query.has("versionId");
        let action = if versioned { operation.version_action } else { operation.action };
        let refused = match self.authorize(req, &req.access(action)).await {
            Ok(()) => return Ok(()),
            Err(refused) => refused,
        };
        let explicit = refused.message.contains("explicit deny");
        if !explicit && self.acl_permits(req, action)? { Ok(()) } else { Err(refused) }
    }

    /// Asks whether the caller may.
    pub async fn authorize(&self, req: &Req, access: &AccessRequest) -> Result<()> {
        self.platform.bus.authorize(&req.ctx, access, req.policy.clone()).await.map_err(|error| {
            if error.status >= 500 {
                return S3Error::internal(error);
            }
            let message =
                if req.ctx.principal == Principal::Anonymous { "Access Denied".to_owned() } else { error.message };
            S3Error::new(Code::AccessDenied, message)
        })
    }

    /// Whether an ACL permits what no policy does.
    fn acl_permits(&self, req: &Req, action: &str) -> Result<bool> {
        let Some(bucket) = &req.found else { return Ok(false) };
        let on_bucket = |permission| granted(req, &bucket.acl, bucket, permission);
        match action {
            "s3:ListBucket" | "s3:ListBucketVersions" | "s3:ListBucketMultipartUploads" => {
                Ok(on_bucket(Permission::Read))
            }
            "s3:PutObject" | "s3:DeleteObject" => Ok(on_bucket(Permission::Write)),
            "s3:GetBucketAcl" => Ok(on_bucket(Permission::ReadAcp)),
            "s3:PutBucketAcl" => Ok(on_bucket(Permission::WriteAcp)),
            "s3:GetObject" | "s3:GetObjectVersion" | "s3:GetObjectAcl" | "s3:PutObjectAcl" => {
                let wanted = req.version()?;
                let object = self.platform.store.read(|tx| versions::find(tx, bucket.id, &req.key, wanted))?;
                let permission = match action {
                    "s3:GetObjectAcl" => Permission::ReadAcp,
                    "s3:PutObjectAcl" => Permission::WriteAcp,
                    _ => Permission::Read,
                };
                Ok(object.is_some_and(|object| granted(req, &object.acl.unwrap_or_default(), bucket, permission)))
            }
            _ => Ok(false),
        }
    }
}

/// What may be asked for in any region: where a bucket is, and to make one that is there.
fn is_regionless(req: &Req) -> bool {
    req.query.has("location") || (req.method == Method::PUT && req.key.is_empty() && req.query.pairs().next().is_none())
}

fn granted(req: &Req, grants: &[crate::object::acl::Grant], bucket: &Bucket, permission: Permission) -> bool {
    if bucket.enforced() {
        return false;
    }
    let ignore_public = bucket.public_access.is_some_and(|block| block.ignore_acls);
    let anonymous = req.ctx.principal == Principal::Anonymous;
    let caller = canonical_id(req.ctx.principal.account());
    // A grant to an account is one to its root. Other accounts' people may use theirs as root shares it with them; those of
    // the bucket's own account have only what policies give them.
    let own = req.ctx.principal.account() == bucket.account && !req.ctx.principal.is_root_of(&bucket.account);
    grants.iter().any(|grant| {
        let to_caller = match &grant.grantee {
            Grantee::User(id) => !anonymous && !own && *id == caller,
            Grantee::Group(uri) if uri == ALL_USERS => !ignore_public,
            Grantee::Group(uri) if uri == AUTHENTICATED_USERS => !ignore_public && !anonymous,
            Grantee::Group(_) => false,
        };
        to_caller && (grant.permission == permission || grant.permission == Permission::FullControl)
    })
}

fn check_expected_owner(req: &Req) -> Result<()> {
    let Some(expected) = req.header("x-amz-expected-bucket-owner") else { return Ok(()) };
    match &req.found {
        Some(bucket) if bucket.account != expected => Err(Code::AccessDenied.into()),
        _ => Ok(()),
    }
}

/// RestrictPublicBuckets: where a policy is public, only the owner's people and AWS's services get in.
fn check_restricted(req: &Req) -> Result<()> {
    let Some(bucket) = &req.found else { return Ok(()) };
    let principal = &req.ctx.principal;
    let known = matches!(principal, Principal::Service { .. })
        || (*principal != Principal::Anonymous && principal.account() == bucket.account);
    let restricted = bucket.public_access.is_some_and(|block| block.restrict);
    if !known && restricted && req.policy.as_deref().is_some_and(is_public_text) {
        return Err(Code::AccessDenied.into());
    }
    Ok(())
}

/// The host and port that were asked.
pub fn authority(parts: &Parts) -> String {
    let header = || parts.headers.get("host").and_then(|value| value.to_str().ok());
    parts.uri.authority().map(http::uri::Authority::as_str).or_else(header).unwrap_or("localhost").to_owned()
}

fn announced(parts: &Parts, chunked: bool) -> Result<Option<u64>> {
    let name = if chunked { "x-amz-decoded-content-length" } else { "content-length" };
    let Some(value) = parts.headers.get(name).and_then(|value| value.to_str().ok()) else { return Ok(None) };
    value.trim().parse().map(Some).map_err(|_| S3Error::request(format!("Invalid value of the header {name}.")))
}
