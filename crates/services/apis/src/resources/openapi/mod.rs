//! APIs as OpenAPI 3 documents, with API Gateway's extensions.
//!
//! "OpenAPI extensions for API Gateway" and "Import an HTTP API" of the API Gateway developer guide.

mod export;
mod import;

pub(crate) use export::export;
pub(crate) use import::{import, reimport};

/// The extensions' names.
const INTEGRATION: &str = "x-amazon-apigateway-integration";
const AUTHORIZER: &str = "x-amazon-apigateway-authorizer";
const ANY_METHOD: &str = "x-amazon-apigateway-any-method";
const CORS: &str = "x-amazon-apigateway-cors";
const TAG_VALUE: &str = "x-amazon-apigateway-tag-value";

/// An integration's member, and what documents call it.
const INTEGRATION_MEMBERS: [(&str, &str); 10] = [
    ("IntegrationMethod", "httpMethod"),
    ("IntegrationUri", "uri"),
    ("PayloadFormatVersion", "payloadFormatVersion"),
    ("ConnectionType", "connectionType"),
    ("ConnectionId", "connectionId"),
    ("TimeoutInMillis", "timeoutInMillis"),
    ("CredentialsArn", "credentials"),
    ("RequestParameters", "requestParameters"),
    ("ResponseParameters", "responseParameters"),
    ("IntegrationSubtype", "integrationSubtype"),
];

/// The members of a CORS configuration.
const CORS_MEMBERS: [(&str, &str); 6] = [
    ("AllowCredentials", "allowCredentials"),
    ("AllowHeaders", "allowHeaders"),
    ("AllowMethods", "allowMethods"),
    ("AllowOrigins", "allowOrigins"),
    ("ExposeHeaders", "exposeHeaders"),
    ("MaxAge", "maxAge"),
];
