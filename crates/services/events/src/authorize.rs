//! Connections with OAuth: getting the access token from the authorization server.
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-target-connection.html>

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request};
use pilvi_delivery::http::Problem;
use pilvi_delivery::{Deliverer, Delivery, Outcome, Schedule};
use serde_json::{Map, Value};
use tracing::warn;

use crate::core::Events;
use crate::destination::{pairs, with_query};
use crate::errors::EventsError;
use crate::state::{CONNECTIONS, Connection, Key};

/// The kind of deliveries that authorize a connection.
pub(crate) const KIND: &str = "events.authorize";

const PATIENCE: Duration = Duration::from_secs(5);
/// How long a token is taken to be good where its server does not say.
const LIFETIME: i64 = 3600;
/// A token is renewed this long before its end.
const MARGIN: i64 = 60_000;

/// Authorizes connections.
pub(crate) struct Authorizations(pub(crate) Arc<Events>);

#[async_trait]
impl Deliverer for Authorizations {
    fn schedule(&self) -> Schedule {
        Schedule { attempts: Some(3), ..Schedule::default() }
    }

    async fn deliver(&self, delivery: &Delivery) -> Outcome {
        let name = String::from_utf8_lossy(delivery.payload()).into_owned();
        let key = (delivery.origin.account.clone(), delivery.origin.region.clone(), name);
        let connection = match self.0.store().read(|tx| tx.get(&CONNECTIONS, &key)) {
            Ok(Some(connection)) if connection.state == "AUTHORIZING" => connection,
            Ok(_) => return Outcome::done(),
            Err(problem) => return Outcome::retry(delivery, problem.to_string()),
        };
        match renew(&self.0, &key, &connection).await {
            Ok(_) => Outcome::done(),
            Err(reason) if delivery.attempt + 1 < 3 => Outcome::retry(delivery, reason),
            Err(reason) => {
                let text = format!("Authorization failed: {reason}");
                let settled = change(&self.0, &key, move |own| {
                    "DEAUTHORIZED".clone_into(&mut own.state);
                    own.state_reason = Some(text.chars().take(512).collect());
                });
                match settled.await {
                    Ok(()) => Outcome::done(),
                    Err(problem) => Outcome::retry(delivery, problem.to_string()),
                }
            }
        }
    }
}

/// The access token of a connection, a new one where that it has is about to end.
pub(crate) async fn token(events: &Events, key: &Key, connection: &Connection) -> Result<String, String> {
    match &connection.token {
        Some((token, until)) if *until - MARGIN > events.now() => Ok(token.clone()),
        _ => renew(events, key, connection).await,
    }
}

/// Forgets a token that was refused.
pub(crate) async fn forget(events: &Events, key: &Key) {
    if let Err(problem) = change(events, key, |own| own.token = None).await {
        warn!(%problem, "a token could not be forgotten");
    }
}

async fn renew(events: &Events, key: &Key, connection: &Connection) -> Result<String, String> {
    let request = request(connection).map_err(|problem| problem.to_string())?;
    let answer = events.http.send(request, PATIENCE).await.map_err(|problem| problem.to_string())?;
    if !answer.status.is_success() {
        return Err(format!("the authorization endpoint answered {}", answer.status.as_u16()));
    }
    let body: Value = serde_json::from_slice(&answer.body).map_err(|_| "the answer is not JSON".to_owned())?;
    let token = body.get("access_token").and_then(Value::as_str).ok_or("the answer has no access_token")?.to_owned();
    let seconds = body.get("expires_in").and_then(Value::as_i64).unwrap_or(LIFETIME);
    let (now, kept) = (events.now(), token.clone());
    let settled = change(events, key, move |own| {
        "AUTHORIZED".clone_into(&mut own.state);
        own.state_reason = None;
        own.authorized = Some(now);
        own.token = Some((kept.clone(), now.saturating_add(seconds.saturating_mul(1000))));
    });
    settled.await.map_err(|problem| problem.to_string())?;
    Ok(token)
}

/// The request for a token: the client's id and secret in the body, as in RFC 6749, section 4.4.2, but in JSON unless a header says
/// that it is a form.
fn request(connection: &Connection) -> Result<Request<Bytes>, Problem> {
    let oauth = connection.auth.oauth_parameters.as_ref().ok_or("there are no OAuth parameters")?;
    let client = oauth.client_parameters.clone().unwrap_or_default();
    let extra = oauth.oauth_http_parameters.clone().unwrap_or_default();
    let mut body: Vec<(String, String)> = vec![
        ("grant_type".to_owned(), "client_credentials".to_owned()),
        ("client_id".to_owned(), client.client_id.unwrap_or_default()),
        ("client_secret".to_owned(), client.client_secret.unwrap_or_default()),
    ];
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    for (name, value) in pairs(extra.body_parameters.as_deref()).map(owned) {
        body.retain(|(own, _)| *own != name);
        body.push((name, value));
    }
    let query: Vec<(String, String)> = pairs(extra.query_string_parameters.as_deref()).map(owned).collect();
    let method = oauth.http_method.as_deref().unwrap_or("POST");
    let mut url = with_query(oauth.authorization_endpoint.as_deref().unwrap_or_default(), &query);
    let headers: Vec<(String, String)> = pairs(extra.header_parameters.as_deref()).map(owned).collect();
    let form = headers.iter().any(|(name, value)| {
        name.eq_ignore_ascii_case("content-type") && value.starts_with("application/x-www-form-urlencoded")
    });
    let text = if method == "GET" {
        url = with_query(&url, &body);
        String::new()
    } else if form {
        with_query("", &body).trim_start_matches('?').to_owned()
    } else {
        let members: Map<String, Value> = body.into_iter().map(|(name, value)| (name, value.into())).collect();
        Value::Object(members).to_string()
    };
    let mut request = Request::builder().method(method).uri(url).header("content-type", "application/json");
    if let Some(own) = request.headers_mut() {
        for (name, value) in headers {
            own.insert(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
        }
    }
    Ok(request.body(Bytes::from(text))?)
}

/// Changes a connection that is still there.
async fn change(
    events: &Events,
    key: &Key,
    change: impl Fn(&mut Connection) + Send + 'static,
) -> Result<(), EventsError> {
    let key = key.clone();
    events
        .store()
        .write(move |tx| {
            if let Some(mut own) = tx.get(&CONNECTIONS, &key)? {
                change(&mut own);
                tx.put(&CONNECTIONS, &key, &own)?;
            }
            Ok(())
        })
        .await
}
