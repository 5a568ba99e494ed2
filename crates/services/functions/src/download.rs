//! Where the code of functions and layers can be downloaded, as `Code.Location` says.

use async_trait::async_trait;
use http::StatusCode;
use pilvi_bus::http::{Connection, HttpFront, Request, Response, empty, full};
use pilvi_store::blobs::{BlobId, Blobs};

/// What stands before the content's hash.
pub(crate) const PATH: &str = "/_pilvi/functions/code/";

/// Answers downloads. The hash of the content is the address, which only those know who may read the function.
pub(crate) struct Downloads(pub(crate) Blobs);

#[async_trait]
impl HttpFront for Downloads {
    fn name(&self) -> &'static str {
        "function code"
    }

    fn accepts(&self, request: &http::request::Parts) -> bool {
        request.uri.path().starts_with(PATH)
    }

    async fn handle(&self, request: Request, _: Connection) -> Response {
        let id = request.uri().path().strip_prefix(PATH).and_then(|id| id.parse::<BlobId>().ok());
        let bytes = match id {
            Some(id) => self.0.read(&id).await.ok(),
            None => None,
        };
        let Some(bytes) = bytes else {
            let mut response = Response::new(empty());
            *response.status_mut() = StatusCode::NOT_FOUND;
            return response;
        };
        let mut response = Response::new(full(bytes));
        let zip = http::HeaderValue::from_static("application/zip");
        response.headers_mut().insert(http::header::CONTENT_TYPE, zip);
        response
    }
}
