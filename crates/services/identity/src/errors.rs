//! What IAM and STS answer when they refuse, in AWS's words.

use pilvi_bus::ApiError;
use pilvi_policy::PolicyError;
use pilvi_store::StoreError;

use crate::state::Kind;

/// A refusal of IAM or STS. The text of a variant that carries one is AWS's own.
#[derive(Debug, thiserror::Error)]
pub enum IamError {
    /// What was named does not exist.
    #[error("{0}")]
    NoSuchEntity(String),
    /// What was to be made exists.
    #[error("{0}")]
    AlreadyExists(String),
    /// What was to be deleted is in use.
    #[error("{0}")]
    DeleteConflict(&'static str),
    /// A quota.
    #[error("{0}")]
    LimitExceeded(String),
    /// An argument that the model cannot check.
    #[error("{0}")]
    InvalidInput(String),
    /// An argument that the model cannot check, of the operations that answer with this code.
    #[error("{0}")]
    Validation(String),
    /// A policy document that AWS refuses.
    #[error("{0}")]
    Malformed(String),
    /// A role that only its service may change.
    #[error("{0}")]
    Unmodifiable(String),
    /// A password that the account's password policy refuses.
    #[error("{0}")]
    PasswordPolicy(String),
    /// A certificate that is none.
    #[error("{0}")]
    MalformedCertificate(String),
    /// A certificate that the user has.
    #[error("The certificate {0} already exists.")]
    DuplicateCertificate(String),
    /// A certificate with the private key of another one.
    #[error("The public key certificate and the private key do not match.")]
    KeyPairMismatch,
    /// A public key that is none.
    #[error("The public key is malformed or otherwise invalid.")]
    InvalidPublicKey,
    /// A public key that the user has.
    #[error("The SSH public key is already associated with the specified IAM user.")]
    DuplicateSshKey,
    /// A PEM was asked for or SSH's form, and it cannot be made of the key.
    #[error("The public key cannot be encoded in this form.")]
    UnrecognizedEncoding,
    /// Codes that the MFA device would not have shown.
    #[error("Authentication code for device is not valid.")]
    InvalidAuthenticationCode,
    /// A credential report that was not asked for.
    #[error("No report is present. To generate a new report, use GenerateCredentialReport.")]
    ReportNotPresent,
    /// STS: an argument.
    #[error("{0}")]
    InvalidParameter(String),
    /// Not allowed.
    #[error("{0}")]
    AccessDenied(String),
    /// STS: a message that nobody encoded.
    #[error("{0}")]
    InvalidAuthorizationMessage(&'static str),
    /// Already worded for the client.
    #[error("{0}")]
    Api(ApiError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl IamError {
    /// `The role with name X cannot be found.`
    pub(crate) fn no_entity(kind: Kind, name: &str) -> IamError {
        IamError::NoSuchEntity(format!("The {} with name {name} cannot be found.", kind.word()))
    }

    /// `Role with name X already exists.`
    pub(crate) fn entity_exists(kind: Kind, name: &str) -> IamError {
        let word = match kind {
            Kind::Role => "Role",
            Kind::User => "User",
            Kind::Group => "Group",
        };
        IamError::AlreadyExists(format!("{word} with name {name} already exists."))
    }

    /// `Policy ARN was not found.`
    pub(crate) fn no_policy(arn: &str) -> IamError {
        IamError::NoSuchEntity(format!("Policy {arn} was not found."))
    }

    /// `Cannot exceed quota for X: n`
    pub(crate) fn quota(name: &str, most: usize) -> IamError {
        IamError::LimitExceeded(format!("Cannot exceed quota for {name}: {most}"))
    }
}

impl From<PolicyError> for IamError {
    fn from(error: PolicyError) -> IamError {
        IamError::Malformed(error.to_string())
    }
}

impl From<ApiError> for IamError {
    fn from(error: ApiError) -> IamError {
        IamError::Api(error)
    }
}

impl From<IamError> for ApiError {
    fn from(error: IamError) -> ApiError {
        let (code, status) = match &error {
            IamError::NoSuchEntity(_) => ("NoSuchEntity", 404),
            IamError::AlreadyExists(_) => ("EntityAlreadyExists", 409),
            IamError::DeleteConflict(_) => ("DeleteConflict", 409),
            IamError::LimitExceeded(_) => ("LimitExceeded", 409),
            IamError::InvalidInput(_) => ("InvalidInput", 400),
            IamError::Validation(_) => ("ValidationError", 400),
            IamError::Malformed(_) => ("MalformedPolicyDocument", 400),
            IamError::Unmodifiable(_) => ("UnmodifiableEntity", 400),
            IamError::PasswordPolicy(_) => ("PasswordPolicyViolation", 400),
            IamError::MalformedCertificate(_) => ("MalformedCertificate", 400),
            IamError::DuplicateCertificate(_) => ("DuplicateCertificate", 409),
            IamError::KeyPairMismatch => ("KeyPairMismatch", 400),
            IamError::InvalidPublicKey => ("InvalidPublicKey", 400),
            IamError::DuplicateSshKey => ("DuplicateSSHPublicKey", 400),
            IamError::UnrecognizedEncoding => ("UnrecognizedPublicKeyEncoding", 400),
            IamError::InvalidAuthenticationCode => ("InvalidAuthenticationCode", 403),
            IamError::ReportNotPresent => ("ReportNotPresent", 410),
            IamError::InvalidParameter(_) => ("InvalidParameterValue", 400),
            IamError::AccessDenied(_) => ("AccessDenied", 403),
            IamError::InvalidAuthorizationMessage(_) => ("InvalidAuthorizationMessageException", 400),
            IamError::Api(_) | IamError::Store(_) => ("", 500),
        };
        match error {
            IamError::Api(error) => error,
            IamError::Store(error) => ApiError::internal(error),
            error => ApiError::new(code, status, error.to_string()),
        }
    }
}
