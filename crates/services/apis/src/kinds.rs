//! The kinds of resources, and what their members are where a request leaves them out.

use crate::state::{Kept, Record, get, text};

/// What sets the kinds of resource apart.
#[derive(Debug)]
pub(crate) struct Kind {
    /// The name in the model.
    pub(crate) name: &'static str,
    /// The member that identifies it.
    pub(crate) id: &'static str,
    /// The word in the path of ARNs.
    pub(crate) path: &'static str,
    /// What it is in.
    pub(crate) parent: Option<&'static Kind>,
    /// What members are where a request leaves them out.
    pub(crate) defaults: fn(&mut Record),
}

const NONE: fn(&mut Record) = |_| {};

pub(crate) static API: Kind = Kind { name: "Api", id: "ApiId", path: "apis", parent: None, defaults: api_defaults };
pub(crate) static STAGE: Kind =
    Kind { name: "Stage", id: "StageName", path: "stages", parent: Some(&API), defaults: stage_defaults };
pub(crate) static INTEGRATION: Kind = Kind {
    name: "Integration",
    id: "IntegrationId",
    path: "integrations",
    parent: Some(&API),
    defaults: integration_defaults,
};
pub(crate) static ROUTE: Kind =
    Kind { name: "Route", id: "RouteId", path: "routes", parent: Some(&API), defaults: route_defaults };
pub(crate) static DEPLOYMENT: Kind = Kind {
    name: "Deployment",
    id: "DeploymentId",
    path: "deployments",
    parent: Some(&API),
    defaults: deployment_defaults,
};
pub(crate) static AUTHORIZER: Kind = Kind {
    name: "Authorizer",
    id: "AuthorizerId",
    path: "authorizers",
    parent: Some(&API),
    defaults: authorizer_defaults,
};
pub(crate) static MODEL: Kind =
    Kind { name: "Model", id: "ModelId", path: "models", parent: Some(&API), defaults: NONE };
pub(crate) static DOMAIN: Kind =
    Kind { name: "DomainName", id: "DomainName", path: "domainnames", parent: None, defaults: domain_defaults };
pub(crate) static MAPPING: Kind =
    Kind { name: "ApiMapping", id: "ApiMappingId", path: "apimappings", parent: Some(&DOMAIN), defaults: NONE };
pub(crate) static VPC_LINK: Kind =
    Kind { name: "VpcLink", id: "VpcLinkId", path: "vpclinks", parent: None, defaults: vpc_link_defaults };

fn default(record: &mut Record, name: &str, value: Kept) {
    if get(record, name).is_none() {
        record.push((name.to_owned(), value));
    }
}

fn word(text: &str) -> Kept {
    Kept::Str(text.to_owned())
}

fn api_defaults(record: &mut Record) {
    default(record, "ApiKeySelectionExpression", word("$request.header.x-api-key"));
    default(record, "RouteSelectionExpression", word("$request.method $request.path"));
    default(record, "DisableExecuteApiEndpoint", Kept::Bool(false));
    default(record, "IpAddressType", word("ipv4"));
    default(record, "Tags", Kept::Map(Vec::new()));
}

fn stage_defaults(record: &mut Record) {
    let off = vec![("DetailedMetricsEnabled".to_owned(), Kept::Bool(false))];
    default(record, "DefaultRouteSettings", Kept::Struct(off));
    default(record, "RouteSettings", Kept::Map(Vec::new()));
    default(record, "StageVariables", Kept::Map(Vec::new()));
    default(record, "Tags", Kept::Map(Vec::new()));
}

fn integration_defaults(record: &mut Record) {
    default(record, "ConnectionType", word("INTERNET"));
    default(record, "PayloadFormatVersion", word("1.0"));
    default(record, "TimeoutInMillis", Kept::Int(30_000));
}

fn route_defaults(record: &mut Record) {
    default(record, "ApiKeyRequired", Kept::Bool(false));
    default(record, "AuthorizationType", word("NONE"));
}

fn deployment_defaults(record: &mut Record) {
    default(record, "AutoDeployed", Kept::Bool(false));
    default(record, "DeploymentStatus", word("DEPLOYED"));
}

fn authorizer_defaults(record: &mut Record) {
    if text(record, "AuthorizerType") == Some("REQUEST") {
        default(record, "AuthorizerResultTtlInSeconds", Kept::Int(300));
        default(record, "EnableSimpleResponses", Kept::Bool(false));
    }
}

fn domain_defaults(record: &mut Record) {
    default(record, "ApiMappingSelectionExpression", word("$request.basepath"));
    default(record, "RoutingMode", word("API_MAPPING_ONLY"));
    default(record, "Tags", Kept::Map(Vec::new()));
}

fn vpc_link_defaults(record: &mut Record) {
    default(record, "SecurityGroupIds", Kept::List(Vec::new()));
    default(record, "Tags", Kept::Map(Vec::new()));
    default(record, "VpcLinkStatus", word("AVAILABLE"));
    default(record, "VpcLinkStatusMessage", word("VPC link is ready to route traffic"));
    default(record, "VpcLinkVersion", word("V2"));
}
