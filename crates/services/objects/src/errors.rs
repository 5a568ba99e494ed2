//! The errors of the objects service: code, status and text as the S3 API reference and the real service give them.

use std::borrow::Cow;

/// What went wrong, in S3's own terms; rendered as the documented `<Error>` document (or, for HEAD and 304, as a bare status).
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}: {message}", code.as_str())]
pub struct S3Error {
    /// Which error it is.
    pub code: Code,
    /// The text a client sees.
    pub message: Cow<'static, str>,
    /// Further elements of the `<Error>` document, in order (`Key`, `BucketName`, `ArgumentName`, …).
    pub details: Vec<(&'static str, String)>,
    /// Headers that the error's response carries (`x-amz-delete-marker`, `x-amz-version-id`, `content-range`).
    pub headers: Vec<(&'static str, String)>,
}

/// What handlers and rules return.
pub type Result<T, E = S3Error> = std::result::Result<T, E>;

impl S3Error {
    /// An error with a text of its own.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), details: Vec::new(), headers: Vec::new() }
    }

    /// Adds an element to the error document.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.details.push((name, value.into()));
        self
    }

    /// Adds a header to the error's response.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// `InvalidArgument` about a named parameter, as S3 words it.
    pub fn argument(message: impl Into<Cow<'static, str>>, name: &str, value: impl Into<String>) -> Self {
        Self::new(Code::InvalidArgument, message).with("ArgumentName", name).with("ArgumentValue", value)
    }

    /// `InvalidRequest` with a text.
    pub fn request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::InvalidRequest, message)
    }

    /// `NoSuchBucket` naming the bucket.
    pub fn no_such_bucket(bucket: &str) -> Self {
        Self::from(Code::NoSuchBucket).with("BucketName", bucket)
    }

    /// `NoSuchKey` naming the key.
    pub fn no_such_key(key: &str) -> Self {
        Self::from(Code::NoSuchKey).with("Key", key)
    }

    /// `NoSuchVersion` naming key and version.
    pub fn no_such_version(key: &str, version: &str) -> Self {
        Self::from(Code::NoSuchVersion).with("Key", key).with("VersionId", version)
    }

    /// `NoSuchUpload` naming the upload.
    pub fn no_such_upload(upload: &str) -> Self {
        Self::from(Code::NoSuchUpload).with("UploadId", upload)
    }

    /// `PreconditionFailed` naming the header that did not hold.
    pub fn precondition(condition: &str) -> Self {
        Self::from(Code::PreconditionFailed).with("Condition", condition)
    }

    /// An internal failure: the cause goes to the log, never to the client.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "an S3 request failed inside");
        Self::from(Code::InternalError)
    }
}

impl From<Code> for S3Error {
    fn from(code: Code) -> Self {
        Self::new(code, code.text())
    }
}

macro_rules! codes {
    ($($name:ident $status:literal $text:literal;)*) => {
        /// The error codes of S3 that this service answers with.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(missing_docs)] // each variant is the code's own name, and its text stands beside it
        pub enum Code { $($name,)* }

        impl Code {
            /// The code as the wire has it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }
            /// The HTTP status that goes with it.
            pub fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }
            /// The usual text.
            pub fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

codes! {
    AccessControlListNotSupported 400 "The bucket does not allow ACLs";
    AccessDenied 403 "Access Denied";
    AccessForbidden 403 "CORSResponse: CORS is not enabled for this bucket.";
    AuthorizationHeaderMalformed 400 "The authorization header is malformed; the authorization header requires three components: Credential, SignedHeaders, and Signature.";
    AuthorizationQueryParametersError 400 "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.";
    BadDigest 400 "The Content-MD5 you specified did not match what we received.";
    BadRequest 400 "Bad Request";
    BucketAlreadyExists 409 "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.";
    BucketAlreadyOwnedByYou 409 "Your previous request to create the named bucket succeeded and you already own it.";
    BucketNotEmpty 409 "The bucket you tried to delete is not empty";
    ConditionalRequestConflict 409 "The conditional request cannot succeed due to a conflicting operation against this resource.";
    CrossLocationLoggingProhibitted 403 "Cross S3 location logging not allowed. ";
    EntityTooLarge 400 "Your proposed upload exceeds the maximum allowed size";
    EntityTooSmall 400 "Your proposed upload is smaller than the minimum allowed size";
    ExpiredToken 400 "The provided token has expired.";
    IdMismatch 400 "Document ID does not match the specified configuration ID.";
    IllegalLocationConstraintException 400 "The unspecified location constraint is incompatible for the region specific endpoint this request was sent to.";
    IllegalVersioningConfigurationException 400 "The Versioning element must be specified";
    IncompleteBody 400 "You did not provide the number of bytes specified by the Content-Length HTTP header";
    InternalError 500 "We encountered an internal error. Please try again.";
    InvalidAccessKeyId 403 "The AWS Access Key Id you provided does not exist in our records.";
    InvalidArgument 400 "Invalid Argument";
    InvalidBucketAclWithObjectOwnership 400 "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting";
    InvalidBucketName 400 "The specified bucket is not valid.";
    InvalidBucketState 409 "The request is not valid for the current state of the bucket.";
    InvalidDigest 400 "The Content-MD5 you specified was invalid.";
    InvalidEncryptionAlgorithmError 400 "The Encryption request you specified is not valid. Supported value: AES256.";
    InvalidLocationConstraint 400 "The specified location-constraint is not valid";
    InvalidObjectState 403 "The operation is not valid for the object's storage class";
    InvalidPart 400 "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.";
    InvalidPartNumber 416 "The requested partnumber is not satisfiable";
    InvalidPartOrder 400 "The list of parts was not in ascending order. Parts must be ordered by part number.";
    InvalidPolicyDocument 400 "The content of the form does not meet the conditions specified in the policy document.";
    InvalidRange 416 "The requested range is not satisfiable";
    InvalidRequest 400 "Invalid Request";
    InvalidS3DestinationBucket 400 "Invalid bucket ARN.";
    InvalidStorageClass 400 "The storage class you specified is not valid";
    InvalidTag 400 "The tag provided was not a valid tag. This error can occur if the tag did not pass input validation.";
    InvalidTargetBucketForLogging 400 "The target bucket for logging does not exist";
    InvalidToken 400 "The provided token is malformed or otherwise invalid.";
    InvalidURI 400 "Couldn't parse the specified URI.";
    KeyTooLongError 400 "Your key is too long";
    MalformedACLError 400 "The XML you provided was not well-formed or did not validate against our published schema";
    MalformedPOSTRequest 400 "The body of your POST request is not well-formed multipart/form-data.";
    MalformedPolicy 400 "This policy contains invalid Json";
    MalformedXML 400 "The XML you provided was not well-formed or did not validate against our published schema";
    MaxMessageLengthExceeded 400 "Your request was too big.";
    MetadataTooLarge 400 "Your metadata headers exceed the maximum allowed metadata size";
    MethodNotAllowed 405 "The specified method is not allowed against this resource.";
    MissingContentLength 411 "You must provide the Content-Length HTTP header.";
    MissingRequestBodyError 400 "Request Body is empty";
    MissingSecurityHeader 400 "Your request was missing a required header";
    NoSuchBucket 404 "The specified bucket does not exist";
    NoSuchBucketPolicy 404 "The bucket policy does not exist";
    NoSuchCORSConfiguration 404 "The CORS configuration does not exist";
    NoSuchConfiguration 404 "The specified configuration does not exist.";
    NoSuchKey 404 "The specified key does not exist.";
    NoSuchLifecycleConfiguration 404 "The lifecycle configuration does not exist";
    NoSuchObjectLockConfiguration 404 "The specified object does not have a ObjectLock configuration";
    NoSuchPublicAccessBlockConfiguration 404 "The public access block configuration was not found";
    NoSuchTagSet 404 "The TagSet does not exist";
    NoSuchUpload 404 "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.";
    NoSuchVersion 404 "The specified version does not exist.";
    NoSuchWebsiteConfiguration 404 "The specified bucket does not have a website configuration";
    NotImplemented 501 "A header you provided implies functionality that is not implemented";
    NotModified 304 "Not Modified";
    ObjectLockConfigurationNotFoundError 404 "Object Lock configuration does not exist for this bucket";
    OperationAborted 409 "A conflicting conditional operation is currently in progress against this resource. Please try again.";
    OwnershipControlsNotFoundError 404 "The bucket ownership controls were not found";
    PermanentRedirect 301 "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.";
    PreconditionFailed 412 "At least one of the pre-conditions you specified did not hold";
    ReplicationConfigurationNotFoundError 404 "The replication configuration was not found";
    RequestTimeTooSkewed 403 "The difference between the request time and the current time is too large.";
    RestoreAlreadyInProgress 409 "Object restore is already in progress";
    ServerSideEncryptionConfigurationNotFoundError 404 "The server side encryption configuration was not found";
    SignatureDoesNotMatch 403 "The request signature we calculated does not match the signature you provided. Check your key and signing method.";
    SlowDown 503 "Please reduce your request rate.";
    TooManyBuckets 400 "You have attempted to create more buckets than allowed";
    UnexpectedContent 400 "This request does not support content";
    XAmzContentSHA256Mismatch 400 "The provided 'x-amz-content-sha256' header does not match what was computed.";
}
