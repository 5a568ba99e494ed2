//! An API as requests need it: its stages, each with its routes in the order in which they are tried.

use pilvi_store::Store;

use crate::kinds::{AUTHORIZER, INTEGRATION, Kind, ROUTE, STAGE};
use crate::resources::all;
use crate::state::{Kept, OWNERS, Record, SNAPSHOTS, get, list, text, texts};

/// An API.
pub(crate) struct Compiled {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) cors: Option<Record>,
    /// Only custom domains lead to it.
    pub(crate) closed: bool,
    pub(crate) stages: Vec<Stage>,
}

/// A stage with what is deployed to it.
pub(crate) struct Stage {
    pub(crate) name: String,
    pub(crate) variables: Vec<(String, String)>,
    /// The destination's ARN and the format.
    pub(crate) access_log: Option<(String, String)>,
    pub(crate) routes: Vec<Route>,
}

/// A route with its integration.
pub(crate) struct Route {
    pub(crate) key: String,
    /// `ANY` for all.
    method: String,
    segments: Vec<Segment>,
    pub(crate) authorization: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) authorizer: Option<Authorizer>,
    pub(crate) integration: Option<Integration>,
}

/// Who decides about callers.
#[derive(Clone)]
pub(crate) struct Authorizer {
    pub(crate) id: String,
    /// The tokens that it accepts; `None` for one that is a function.
    pub(crate) jwt: Option<Jwt>,
    pub(crate) function: String,
    pub(crate) credentials: Option<String>,
    pub(crate) sources: Vec<String>,
    pub(crate) format: String,
    pub(crate) simple: bool,
    pub(crate) ttl_ms: i64,
}

/// Whose tokens are accepted, and for whom they have to be.
#[derive(Clone)]
pub(crate) struct Jwt {
    pub(crate) issuer: String,
    pub(crate) audience: Vec<String>,
}

/// Where a route leads.
#[derive(Clone)]
pub(crate) struct Integration {
    pub(crate) kind: String,
    /// `SQS-SendMessage` and the like.
    pub(crate) subtype: Option<String>,
    pub(crate) credentials: Option<String>,
    pub(crate) uri: String,
    pub(crate) method: Option<String>,
    pub(crate) format: String,
    pub(crate) timeout_ms: u64,
    pub(crate) parameters: Vec<(String, String)>,
    /// By status.
    pub(crate) response_parameters: Vec<(String, Vec<(String, String)>)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Variable(String),
    Greedy(String),
}

impl Compiled {
    /// Reads an API; `None` where there is none.
    pub(crate) fn read(store: &Store, api: &str) -> Option<Compiled> {
        let read = store.read(|tx| {
            let Some((account, region)) = tx.get(&OWNERS, api)? else { return Ok(None) };
            let key = (account.as_str(), region.as_str(), api, "Api", api);
            let Some(record) = tx.get(&crate::state::RESOURCES, &key)? else { return Ok(None) };
            let mut stages = Vec::new();
            for stage in all(tx, &account, &region, api, &STAGE)? {
                let deployment = text(&stage, "DeploymentId").unwrap_or_default();
                let key = (account.as_str(), region.as_str(), api, deployment);
                let kept = tx.get(&SNAPSHOTS, &key)?.unwrap_or_default();
                let of = |kind: &Kind| -> Vec<Record> {
                    kept.iter().filter(|(name, _, _)| name == kind.name).map(|(_, _, record)| record.clone()).collect()
                };
                let routes = compile(&of(&ROUTE), &of(&INTEGRATION), &of(&AUTHORIZER));
                stages.push(Stage::new(&stage, routes));
            }
            let cors = match get(&record, "CorsConfiguration") {
                Some(Kept::Struct(cors)) => Some(cors.clone()),
                _ => None,
            };
            let closed = get(&record, "DisableExecuteApiEndpoint") == Some(&Kept::Bool(true));
            Ok::<_, pilvi_bus::ApiError>(Some(Compiled { account, region, cors, closed, stages }))
        });
        read.ok().flatten()
    }

    /// A stage by name.
    pub(crate) fn named(&self, name: &str) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.name == name)
    }

    /// The stage that a path means, and the path within it.
    pub(crate) fn stage<'p>(&self, path: &'p str) -> Option<(&Stage, &'p str)> {
        let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        if let Some(stage) = self.stages.iter().find(|stage| stage.name == first) {
            let rest = path.trim_start_matches('/').get(first.len()..).unwrap_or_default();
            return Some((stage, if rest.is_empty() { "/" } else { rest }));
        }
        self.stages.iter().find(|stage| stage.name == "$default").map(|stage| (stage, path))
    }
}

impl Stage {
    fn new(record: &Record, routes: Vec<Route>) -> Stage {
        let access_log = match get(record, "AccessLogSettings") {
            Some(Kept::Struct(settings)) => text(settings, "DestinationArn")
                .zip(text(settings, "Format"))
                .map(|(arn, format)| (arn.to_owned(), format.to_owned())),
            _ => None,
        };
        Stage {
            name: text(record, "StageName").unwrap_or_default().to_owned(),
            variables: texts(record, "StageVariables"),
            access_log,
            routes,
        }
    }

    /// The route that a request takes, with its path's variables.
    pub(crate) fn route(&self, method: &str, path: &str) -> Option<(&Route, Vec<(String, String)>)> {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        self.routes.iter().find_map(|route| Some((route, route.matches(method, &parts)?)))
    }
}

fn compile(routes: &[Record], integrations: &[Record], authorizers: &[Record]) -> Vec<Route> {
    let mut compiled: Vec<Route> =
        routes.iter().filter_map(|route| Route::new(route, integrations, authorizers)).collect();
    compiled.sort_by_key(Route::precedence);
    compiled
}

impl Route {
    fn new(record: &Record, integrations: &[Record], authorizers: &[Record]) -> Option<Route> {
        let key = text(record, "RouteKey")?.to_owned();
        let (method, path) = key.split_once(' ').unwrap_or(("ANY", ""));
        let segments = if key == "$default" {
            vec![Segment::Greedy(String::new())]
        } else {
            path.split('/').filter(|part| !part.is_empty()).map(Segment::new).collect()
        };
        let target = text(record, "Target").and_then(|target| target.strip_prefix("integrations/"));
        let integration =
            target.and_then(|id| integrations.iter().find(|record| text(record, "IntegrationId") == Some(id)));
        let authorizer = text(record, "AuthorizerId")
            .and_then(|id| authorizers.iter().find(|record| text(record, "AuthorizerId") == Some(id)));
        Some(Route {
            method: method.to_owned(),
            segments,
            scopes: list(record, "AuthorizationScopes"),
            authorizer: authorizer.map(Authorizer::new),
            authorization: text(record, "AuthorizationType").unwrap_or("NONE").to_owned(),
            integration: integration.map(Integration::new),
            key,
        })
    }

    /// "Working with routes for HTTP APIs": full matches, then greedy ones, then `$default`; a method before `ANY`. Of two
    /// patterns the one whose literal part is longer comes first.
    fn precedence(&self) -> (u8, Vec<u8>, usize, bool) {
        let class = match (&*self.key, self.segments.last()) {
            ("$default", _) => 2,
            (_, Some(Segment::Greedy(_))) => 1,
            _ => 0,
        };
        let ranks = self.segments.iter().map(|segment| match segment {
            Segment::Literal(_) => 0,
            Segment::Variable(_) => 1,
            Segment::Greedy(_) => 2,
        });
        (class, ranks.collect(), usize::MAX - self.segments.len(), self.method == "ANY")
    }

    fn matches(&self, method: &str, path: &[&str]) -> Option<Vec<(String, String)>> {
        if self.method != "ANY" && self.method != method {
            return None;
        }
        let mut variables = Vec::new();
        let mut rest = path;
        for segment in &self.segments {
            match segment {
                Segment::Greedy(name) => {
                    if name.is_empty() {
                        return Some(variables); // $default
                    }
                    if rest.is_empty() {
                        return None;
                    }
                    variables.push((name.clone(), decode(&rest.join("/"))));
                    return Some(variables);
                }
                Segment::Variable(name) => {
                    let (first, others) = rest.split_first()?;
                    variables.push((name.clone(), decode(first)));
                    rest = others;
                }
                Segment::Literal(literal) => {
                    let (first, others) = rest.split_first()?;
                    if first != literal {
                        return None;
                    }
                    rest = others;
                }
            }
        }
        rest.is_empty().then_some(variables)
    }
}

fn decode(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

impl Segment {
    fn new(text: &str) -> Segment {
        match text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
            Some(name) => match name.strip_suffix('+') {
                Some(name) => Segment::Greedy(name.to_owned()),
                None => Segment::Variable(name.to_owned()),
            },
            None => Segment::Literal(text.to_owned()),
        }
    }
}

impl Authorizer {
    fn new(record: &Record) -> Authorizer {
        let jwt = match get(record, "JwtConfiguration") {
            Some(Kept::Struct(jwt)) => Some(Jwt {
                issuer: text(jwt, "Issuer").unwrap_or_default().to_owned(),
                audience: list(jwt, "Audience"),
            }),
            _ => None,
        };
        let ttl = match get(record, "AuthorizerResultTtlInSeconds") {
            Some(Kept::Int(seconds)) => *seconds,
            _ => 0,
        };
        Authorizer {
            id: text(record, "AuthorizerId").unwrap_or_default().to_owned(),
            jwt: jwt.filter(|_| text(record, "AuthorizerType") == Some("JWT")),
            function: function_arn(text(record, "AuthorizerUri").unwrap_or_default()).to_owned(),
            credentials: text(record, "AuthorizerCredentialsArn").map(str::to_owned),
            sources: list(record, "IdentitySource"),
            format: text(record, "AuthorizerPayloadFormatVersion").unwrap_or("1.0").to_owned(),
            simple: get(record, "EnableSimpleResponses") == Some(&Kept::Bool(true)),
            ttl_ms: ttl * 1000,
        }
    }
}

impl Integration {
    fn new(record: &Record) -> Integration {
        let timeout = match get(record, "TimeoutInMillis") {
            Some(Kept::Int(timeout)) => u64::try_from(*timeout).unwrap_or(30_000),
            _ => 30_000,
        };
        let response_parameters = match get(record, "ResponseParameters") {
            Some(Kept::Map(by_status)) => by_status
                .iter()
                .filter_map(|(status, mappings)| match mappings {
                    Kept::Map(entries) => Some((status.clone(), crate::state::entries(entries))),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        };
        Integration {
            kind: text(record, "IntegrationType").unwrap_or_default().to_owned(),
            subtype: text(record, "IntegrationSubtype").map(str::to_owned),
            credentials: text(record, "CredentialsArn").map(str::to_owned),
            uri: text(record, "IntegrationUri").unwrap_or_default().to_owned(),
            method: text(record, "IntegrationMethod").map(str::to_owned),
            format: text(record, "PayloadFormatVersion").unwrap_or("1.0").to_owned(),
            timeout_ms: timeout,
            parameters: texts(record, "RequestParameters"),
            response_parameters,
        }
    }

    /// The function's ARN, which may stand inside an invocation URI.
    pub(crate) fn function_arn(&self, variables: &[(String, String)]) -> String {
        with_stage_variables(function_arn(&self.uri), variables)
    }
}

fn function_arn(uri: &str) -> &str {
    match uri.split_once("/functions/") {
        Some((_, rest)) => rest.strip_suffix("/invocations").unwrap_or(rest),
        None => uri,
    }
}

/// A text with `${stageVariables.NAME}` filled in.
pub(crate) fn with_stage_variables(text: &str, variables: &[(String, String)]) -> String {
    let mut filled = text.to_owned();
    for (name, value) in variables {
        filled = filled.replace(&format!("${{stageVariables.{name}}}"), value);
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(keys: &[&str]) -> Stage {
        let record = |key: &&str| vec![("RouteKey".to_owned(), Kept::Str((*key).to_owned()))];
        let routes = compile(&keys.iter().map(record).collect::<Vec<_>>(), &[], &[]);
        Stage { name: "s".into(), variables: Vec::new(), access_log: None, routes }
    }

    fn taken(stage: &Stage, method: &str, path: &str) -> Option<String> {
        stage.route(method, path).map(|(route, _)| route.key.clone())
    }

    #[test]
    fn the_most_specific_route_is_taken() {
        // The example of "Working with routes for HTTP APIs".
        let stage =
            stage(&["GET /pets/dog/1", "GET /pets/dog/{id}", "GET /pets/{proxy+}", "ANY /{proxy+}", "$default"]);
        for (request, key) in [
            (("GET", "/pets/dog/1"), "GET /pets/dog/1"),
            (("GET", "/pets/dog/2"), "GET /pets/dog/{id}"),
            (("GET", "/pets/cat/1"), "GET /pets/{proxy+}"),
            (("POST", "/test/5"), "ANY /{proxy+}"),
            (("GET", "/"), "$default"),
        ] {
            assert_eq!(taken(&stage, request.0, request.1).as_deref(), Some(key), "{request:?}");
        }
    }

    #[test]
    fn variables_are_read_and_decoded() {
        let stage = stage(&["GET /a/{one}/{rest+}"]);
        let (_, variables) = stage.route("GET", "/a/x%20y/b/c").unwrap();
        assert_eq!(variables, [("one".to_owned(), "x y".to_owned()), ("rest".to_owned(), "b/c".to_owned())]);
        assert!(stage.route("GET", "/a/x").is_none() && stage.route("POST", "/a/x/y").is_none());
    }
}
