//! Which operation a request is: by its method, what it names, and its subresource.

use std::future::Future;
use std::pin::Pin;

use http::{HeaderMap, Method};
use pilvi_bus::http::Response;

use super::query::Query;
use super::request::Req;
use crate::Objects;
use crate::errors::{Code, Result, S3Error};

/// What a request names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The service.
    Service,
    /// A bucket.
    Bucket,
    /// An object.
    Object,
}

impl Level {
    /// S3's word in errors.
    pub fn name(self) -> &'static str {
        match self {
            Self::Service => "SERVICE",
            Self::Bucket => "BUCKET",
            Self::Object => "OBJECT",
        }
    }
}

/// What runs an operation.
pub type Handler = for<'a> fn(&'a Objects, &'a mut Req) -> Pin<Box<dyn Future<Output = Result<Response>> + Send + 'a>>;

/// An operation of the manifest.
pub struct Operation {
    /// Its name in the API.
    pub name: &'static str,
    /// Method.
    pub method: Method,
    /// What it works on.
    pub level: Level,
    /// What tells it from the others of its method: `?name` in the query, `@name` among the headers, all of them, blanks between.
    pub when: &'static str,
    /// The IAM action; empty when the operation asks for its permissions itself.
    pub action: &'static str,
    /// The action when a version is named; empty when there is none of its own.
    pub version_action: &'static str,
    /// The handler.
    pub handler: Handler,
}

impl Operation {
    fn fits(&self, query: &Query, headers: &HeaderMap) -> bool {
        self.when.split(' ').filter(|term| !term.is_empty()).all(|term| {
            match (term.strip_prefix('?'), term.strip_prefix('@')) {
                (Some(name), _) => match name.split_once('=') {
                    Some((name, value)) => query.get(name) == Some(value),
                    None => query.has(name),
                },
                (_, Some(name)) => headers.contains_key(name),
                _ => false,
            }
        })
    }
}

/// The name of an operation that the model has and this service has not, where the query tells that it is asked for.
fn unbuilt(operations: &[Operation], method: &Method, level: Level, query: &Query) -> Option<&'static str> {
    // Most requests have no subresource.
    query.pairs().next()?;
    let api = pilvi_model::api("s3")?;
    let found = api.operations.iter().find(|op| {
        let Some((path, wanted)) = op.uri.split_once('?') else { return false };
        let of = match path {
            "/" => Level::Service,
            "/{Bucket}" => Level::Bucket,
            _ => Level::Object,
        };
        op.method == method.as_str()
            && of == level
            && wanted.split('&').all(|term| match term.split_once('=') {
                Some((name, value)) => query.get(name) == Some(value),
                None => query.has(term),
            })
    })?;
    // Some have two names: an older one, or one for a list of what another gets.
    let built = operations.iter().any(|op| {
        op.method == *method
            && op.level == level
            && op.when.trim_start_matches('?') == found.uri.split_once('?').map_or("", |(_, term)| term)
    });
    (!built).then_some(found.name)
}

/// Finds the operation of a request: the first of the manifest that fits.
pub fn find(
    operations: &'static [Operation],
    method: &Method,
    level: Level,
    query: &Query,
    headers: &HeaderMap,
) -> Result<&'static Operation> {
    if let Some(name) = unbuilt(operations, method, level, query) {
        return Err(S3Error::new(Code::NotImplemented, format!("The operation {name} is not implemented.")));
    }
    let found = operations.iter().find(|op| op.method == *method && op.level == level && op.fits(query, headers));
    found.ok_or_else(|| {
        S3Error::from(Code::MethodNotAllowed).with("Method", method.as_str()).with("ResourceType", level.name())
    })
}
