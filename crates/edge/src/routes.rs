//! Which operation a method and path of a restJson1 service mean, by the models' URI templates.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use percent_encoding::percent_decode_str;
use pilvi_model::api::{Api, Operation, Protocol};

/// The URI templates of one service.
pub struct Routes {
    routes: Vec<Route>,
}

struct Route {
    operation: &'static Operation,
    segments: Vec<Segment>,
    /// Constant query parameters of the template (`?tagging`), which must be there.
    query: Vec<(&'static str, &'static str)>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Literal(&'static str),
    Label(&'static str),
    Greedy(&'static str),
}

/// An operation found, with the labels of its path.
pub struct Found {
    /// The operation.
    pub operation: &'static Operation,
    /// The labels' values, decoded.
    pub labels: Vec<(&'static str, String)>,
}

impl Routes {
    /// The templates of a service; made once.
    pub fn of(api: &'static Api) -> &'static Routes {
        static ALL: OnceLock<BTreeMap<&'static str, Routes>> = OnceLock::new();
        static NONE: Routes = Routes { routes: Vec::new() };
        let all = ALL.get_or_init(|| {
            let apis = pilvi_model::names().iter().filter_map(|name| pilvi_model::api(name));
            apis.filter(|api| api.protocol == Protocol::RestJson).map(|api| (api.name, Routes::new(api))).collect()
        });
        all.get(api.name).unwrap_or(&NONE)
    }

    fn new(api: &'static Api) -> Routes {
        let mut routes: Vec<Route> = api.operations.iter().map(Route::new).collect();
        // Literal segments before labels, longer before shorter, constants in the query before none: the first match is the right one.
        routes.sort_by(|one, other| {
            other.query.len().cmp(&one.query.len()).then_with(|| one.segments.cmp(&other.segments))
        });
        Routes { routes }
    }

    /// The operation that a request means.
    pub fn find(&self, method: &str, path: &str, query: &[(String, String)]) -> Option<Found> {
        let segments = split(path);
        self.routes.iter().find_map(|route| {
            if route.operation.method != method || !route.query_matches(query) {
                return None;
            }
            route.labels(&segments).map(|labels| Found { operation: route.operation, labels })
        })
    }

    /// True where some operation has this path, whatever its method.
    pub fn knows_path(&self, path: &str) -> bool {
        let segments = split(path);
        self.routes.iter().any(|route| route.labels(&segments).is_some())
    }
}

fn split(path: &str) -> Vec<&str> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    path.split('/').collect()
}

impl Route {
    fn new(operation: &'static Operation) -> Route {
        let (path, query) = operation.uri.split_once('?').unwrap_or((operation.uri, ""));
        let segments = split(path).into_iter().map(Segment::new).collect();
        let constants = query.split('&').filter(|pair| !pair.is_empty());
        let query = constants.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect();
        Route { operation, segments, query }
    }

    fn query_matches(&self, query: &[(String, String)]) -> bool {
        self.query
            .iter()
            .all(|(name, value)| query.iter().any(|(key, text)| key == name && (value.is_empty() || text == value)))
    }

    fn labels(&self, path: &[&str]) -> Option<Vec<(&'static str, String)>> {
        let mut labels = Vec::new();
        let mut rest = path;
        for segment in &self.segments {
            match segment {
                Segment::Greedy(name) => {
                    if rest.is_empty() {
                        return None;
                    }
                    labels.push((*name, decode(&rest.join("/"))?));
                    return Some(labels);
                }
                Segment::Literal(text) => {
                    let (first, others) = rest.split_first()?;
                    if first != text {
                        return None;
                    }
                    rest = others;
                }
                Segment::Label(name) => {
                    let (first, others) = rest.split_first()?;
                    if first.is_empty() {
                        return None;
                    }
                    labels.push((*name, decode(first)?));
                    rest = others;
                }
            }
        }
        rest.is_empty().then_some(labels)
    }
}

impl Segment {
    fn new(text: &'static str) -> Segment {
        match text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
            Some(label) => match label.strip_suffix('+') {
                Some(label) => Segment::Greedy(label),
                None => Segment::Label(label),
            },
            None => Segment::Literal(text),
        }
    }
}

fn decode(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(|text| text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(method: &str, path: &str) -> Option<(&'static str, Vec<(&'static str, String)>)> {
        let api = pilvi_model::api("lambda").unwrap();
        Routes::of(api).find(method, path, &[]).map(|found| (found.operation.name, found.labels))
    }

    #[test]
    fn a_path_means_an_operation() {
        let (name, labels) =
            find("POST", "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A1%3Afunction%3Af/invocations")
                .unwrap();
        assert_eq!(name, "Invoke");
        assert_eq!(labels, [("FunctionName", "arn:aws:lambda:eu-west-1:1:function:f".to_owned())]);
        assert_eq!(find("GET", "/2015-03-31/functions/").unwrap().0, "ListFunctions");
        assert_eq!(find("GET", "/2015-03-31/functions/f").unwrap().0, "GetFunction");
        assert!(find("PATCH", "/2015-03-31/functions/f").is_none());
        assert!(find("GET", "/2015-03-31/functions/f/%FF").is_none());
    }
}
