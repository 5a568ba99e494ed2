//! What can be wrong with a policy document, in AWS's words, and how its elements are read out of JSON.

use serde_json::{Map, Value};

/// Which grammar a document follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Attached to a user, group or role: no principal; `CreatePolicy`, `PutRolePolicy`, …
    Identity,
    /// A role's trust policy: a principal, no resource, only STS actions.
    Trust,
    /// Attached to a resource: principal and resource; the texts are those of S3's `PutBucketPolicy`.
    Resource,
}

/// Why a document was refused; its `Display` is the message of AWS's `MalformedPolicyDocument` (for
/// [`Kind::Resource`] of S3's `MalformedPolicy`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Not JSON, or not the shape of a policy.
    #[error("Syntax errors in policy.")]
    Syntax,
    /// The version is missing or 2008-10-17.
    #[error("Policy document must be version 2012-10-17 or greater.")]
    Version,
    /// A shape that only IAM's older parser refuses.
    #[error("The policy failed legacy parsing")]
    Legacy,
    /// Two statements share a `Sid`.
    #[error("Statement IDs (SID) in a single policy must be unique.")]
    DuplicateSid,
    /// A `Sid` with something else than letters and digits.
    #[error(
        "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"
    )]
    Sid,
    /// A statement without `Action` and `NotAction`, or with an empty one.
    #[error("Policy statement must contain actions.")]
    NoActions,
    /// A statement without `Resource` and `NotResource`, or with an empty one.
    #[error("Policy statement must contain resources.")]
    NoResources,
    /// An identity policy with a principal.
    #[error("Policy document should not specify a principal.")]
    Principal,
    /// An action without a service.
    #[error("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")]
    Vendor,
    /// An action with more than one colon.
    #[error("Actions/Condition can contain only one colon.")]
    Colons,
    /// An action whose service has forbidden characters.
    #[error("Vendor {0} is not valid")]
    InvalidVendor(String),
    /// Not an ARN.
    #[error("Resource {0} must be in ARN format or \"*\".")]
    NotArn(String),
    /// An ARN of a partition that does not exist.
    #[error("Partition \"{partition}\" is not valid for resource \"{arn}\".")]
    Partition {
        /// What stands where the partition should be.
        partition: String,
        /// The ARN as AWS understood it, completed with wildcards.
        arn: String,
    },
    /// An ARN that ends behind its partition.
    #[error("Resource vendor must be fully qualified and cannot contain regexes.")]
    ResourceVendor,
    /// An IAM ARN with a region.
    #[error("IAM resource {0} cannot contain region information.")]
    IamRegion(String),
    /// An S3 ARN with a region.
    #[error("Resource {0} can not contain region information.")]
    S3Region(String),
    /// An IAM ARN of nothing that IAM knows.
    #[error(
        "IAM resource path must either be \"*\", root, or start with user/, federated-user/, role/, group/, instance-profile/, mfa/, server-certificate/, policy/, sms-mfa/, saml-provider/, oidc-provider/, report/, access-report/."
    )]
    IamPath,
    /// A trust policy that is not JSON.
    #[error("This policy contains invalid Json")]
    InvalidJson,
    /// A trust policy about something else than assuming the role.
    #[error("AssumeRole policy may only specify STS AssumeRole actions.")]
    TrustAction,
    /// A field that this kind of policy must not have.
    #[error("Has prohibited field {0}")]
    Prohibited(&'static str),
    /// A field that this kind of policy must have.
    #[error("Missing required field {0}")]
    Missing(&'static str),
    /// A field that no policy has.
    #[error("Unknown field {0}")]
    UnknownField(String),
    /// An effect that is neither `Allow` nor `Deny`.
    #[error("Invalid effect: {0}")]
    Effect(String),
    /// `Statement` is an empty list.
    #[error("Could not parse the policy: Statement is empty!")]
    EmptyStatement,
    /// A principal of no known form.
    #[error("Invalid principal in policy: \"{kind}\":\"{value}\"")]
    InvalidPrincipal {
        /// The key of the principal map, in capitals for services as AWS writes it.
        kind: String,
        /// The refused value.
        value: String,
    },
    /// A federated principal that is neither a domain nor a provider.
    #[error("Federated principals must be valid domain names or SAML metadata ARNs")]
    InvalidFederated,
    /// A resource policy that is not JSON.
    #[error("Policies must be valid JSON and the first byte must be '{{'")]
    NotJson,
    /// A resource policy of the wrong shape.
    #[error("Invalid policy syntax.")]
    InvalidSyntax,
}

/// The elements of a statement.
pub(crate) const STATEMENT_ELEMENTS: [&str; 9] =
    ["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"];

/// The statements of a document, whether listed or alone; `None` when there are none or they are not objects.
pub(crate) fn statements(document: &Map<String, Value>) -> Option<Vec<&Map<String, Value>>> {
    match document.get("Statement")? {
        Value::Object(one) => Some(vec![one]),
        Value::Array(many) => many.iter().map(Value::as_object).collect(),
        _ => None,
    }
}

/// An element that is one string or a list of them (`null` in a list is passed over, as IAM does); `None` when it
/// is something else.
pub(crate) fn strings(value: &Value) -> Option<Vec<&str>> {
    match value {
        Value::String(one) => Some(vec![one]),
        Value::Array(many) => {
            let mut out = Vec::with_capacity(many.len());
            for item in many {
                match item {
                    Value::String(text) => out.push(text.as_str()),
                    Value::Null => {}
                    _ => return None,
                }
            }
            Some(out)
        }
        _ => None,
    }
}

/// The values of a condition key as text; numbers and booleans may stand without quotes.
pub(crate) fn condition_values(value: &Value) -> Option<Vec<String>> {
    let scalar = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    match value {
        Value::Array(many) => many.iter().map(scalar).collect(),
        one => scalar(one).map(|text| vec![text]),
    }
}
