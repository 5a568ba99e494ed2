//! `pilvi iam`, and the pages below `/_pilvi/iam/` that it asks: why a call is allowed or not, what a role needs, and the keys
//! of identity providers.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use bytes::Bytes;
use clap::{Args, Subcommand};
use http::{Method, StatusCode};
use pilvi_bus::ApiError;
use pilvi_identity::Identity;
use pilvi_identity::explain::Question;
use serde_json::{Value, json};

use crate::cli::Address;
use crate::client::ask;

/// Where the pages are.
pub(crate) const PATH: &str = "/_pilvi/iam/";

/// Questions about who may do what.
#[derive(Subcommand)]
pub(crate) enum Iam {
    /// Say whether a call is allowed, and by which statement
    Explain(Explain),
    /// Print the least policy that covers what a role was seen calling
    Suggest(Suggest),
    /// Give the public keys of an OpenID Connect provider, which tokens are verified with
    ProviderKeys(ProviderKeys),
}

/// A call.
#[derive(Args)]
pub(crate) struct Explain {
    /// The ARN of a user, a role or root
    who: String,
    /// The action, such as s3:GetObject
    action: String,
    /// The resource's ARN
    #[arg(default_value = "*")]
    resource: String,
    /// A condition key of the request, such as aws:SourceIp=10.0.0.1
    #[arg(long = "context", value_name = "KEY=VALUE")]
    context: Vec<String>,
    /// A file with the resource's own policy
    #[arg(long, value_name = "FILE")]
    resource_policy: Option<PathBuf>,
    #[command(flatten)]
    address: Address,
}

/// A role.
#[derive(Args)]
pub(crate) struct Suggest {
    /// The role's ARN, or its name in the account 000000000000
    role: String,
    #[command(flatten)]
    address: Address,
}

/// Keys of an issuer.
#[derive(Args)]
pub(crate) struct ProviderKeys {
    /// The provider's URL, as in its tokens' iss
    issuer: String,
    /// A file with a JWK set
    keys: PathBuf,
    #[command(flatten)]
    address: Address,
}

/// Asks a running cloud and prints what it says.
pub(crate) async fn run(command: Iam) -> anyhow::Result<()> {
    match command {
        Iam::Explain(asked) => explain(asked).await,
        Iam::Suggest(asked) => {
            let role = match asked.role.starts_with("arn:") {
                true => asked.role,
                false => format!("arn:aws:iam::000000000000:role/{}", asked.role),
            };
            let policy =
                ask(&asked.address, Method::POST, "/_pilvi/iam/suggest", Some(json!({ "role": role }))).await?;
            println!("{}", serde_json::to_string_pretty(&policy)?);
            Ok(())
        }
        Iam::ProviderKeys(asked) => {
            let keys = read(&asked.keys)?;
            let wish = json!({ "issuer": asked.issuer, "keys": keys });
            ask(&asked.address, Method::POST, "/_pilvi/iam/provider-keys", Some(wish)).await?;
            println!("Tokens of {} are verified with these keys from now on.", asked.issuer);
            Ok(())
        }
    }
}

fn read(file: &PathBuf) -> anyhow::Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

async fn explain(asked: Explain) -> anyhow::Result<()> {
    let mut context = Vec::new();
    for pair in &asked.context {
        context.push(pair.split_once('=').with_context(|| format!("{pair} is not KEY=VALUE"))?);
    }
    let policy = asked.resource_policy.as_ref().map(read).transpose()?;
    let question = json!({
        "who": asked.who, "action": asked.action, "resource": asked.resource,
        "resource_policy": policy, "context": context,
    });
    let answer = ask(&asked.address, Method::POST, "/_pilvi/iam/explain", Some(question)).await?;
    let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default();
    let allowed = answer.get("allowed").and_then(Value::as_bool).unwrap_or_default();
    println!("{}: {}", if allowed { "allowed" } else { "denied" }, text("decided_by"));
    for (label, name) in [("statement", "statement"), ("answer", "text"), ("missing", "missing")] {
        if !text(name).is_empty() {
            println!("{label:<9} {}", text(name));
        }
    }
    Ok(())
}

/// Answers a page.
pub(crate) async fn page(identity: &Arc<Identity>, method: &Method, path: &str, body: &Bytes) -> (StatusCode, Value) {
    let asked: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let text = |name: &str| asked.get(name).and_then(Value::as_str).map(str::to_owned).unwrap_or_default();
    let answered = match (method, path.strip_prefix(PATH)) {
        (&Method::POST, Some("explain")) => identity.explain(&question(&asked)).map(|explanation| {
            json!({
                "allowed": explanation.allowed, "decided_by": explanation.decided_by, "statement": explanation.statement,
                "text": explanation.text, "missing": explanation.missing,
            })
        }),
        (&Method::POST, Some("suggest")) => identity.suggest(&text("role")).await,
        (&Method::POST, Some("provider-keys")) => {
            let set = identity.set_issuer_keys(&text("issuer"), &text("keys")).await;
            set.map(|()| json!({}))
        }
        _ => Err(ApiError::new("NotFound", 404, "There is no such page.")),
    };
    match answered {
        Ok(document) => (StatusCode::OK, document),
        Err(error) => {
            let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, json!({ "message": error.message }))
        }
    }
}

fn question(asked: &Value) -> Question {
    let text = |name: &str| asked.get(name).and_then(Value::as_str).map(str::to_owned);
    let pairs = asked.get("context").and_then(Value::as_array).into_iter().flatten();
    let pair = |pair: &Value| Some((pair.get(0)?.as_str()?.to_owned(), pair.get(1)?.as_str()?.to_owned()));
    Question {
        who: text("who").unwrap_or_default(),
        action: text("action").unwrap_or_default(),
        resource: text("resource").unwrap_or_else(|| "*".to_owned()),
        resource_policy: text("resource_policy"),
        context: pairs.filter_map(pair).collect(),
    }
}
