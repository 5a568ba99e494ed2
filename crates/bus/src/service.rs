//! What a service is: a manifest of operations over a state.
//!
//! A service crate's `lib.rs` is its manifest, read first:
//!
//! ```ignore
//! pub fn service(platform: &Platform) -> Arc<dyn Service> {
//!     let queues = Arc::new(Queues::new(platform));
//!     Manifest::new("sqs", queues)
//!         .operation("CreateQueue", sqs::create_queue, Access::to(|input: &CreateQueueInput, ctx| {
//!             vec![AccessRequest::new("sqs:CreateQueue", queue_arn(ctx, &input.queue_name))]
//!         }))
//!         .operation("ListQueues", sqs::list_queues, Access::any("sqs:ListQueues"))
//!         .background(Queues::expire_messages)
//!         .into_service()
//! }
//! ```
//!
//! and an operation is a function in a file of its own:
//!
//! ```ignore
//! pub async fn create_queue(queues: Arc<Queues>, ctx: Ctx, input: CreateQueueInput) -> Result<CreateQueueOutput, QueueError>
//! ```
//!
//! Between the wire and that function stand: parse and validate against the model (`edge`), the manifest's access rule,
//! the authorizer's decision.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use pilvi_model::{Desc, Shape, Val};
use tokio_util::sync::CancellationToken;

use crate::authorize::{AccessRequest, Authorizer};
use crate::{ApiError, Ctx, RequestContext};

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
type Resources<I> = Box<dyn Fn(&I, &RequestContext) -> Vec<AccessRequest> + Send + Sync>;
type Run<S> =
    Box<dyn Fn(Arc<S>, Ctx, Val, Arc<dyn Authorizer>) -> BoxFuture<'static, Result<Val, ApiError>> + Send + Sync>;
type Background<S> = Box<dyn Fn(Arc<S>, CancellationToken) -> BoxFuture<'static, ()> + Send + Sync>;

/// A service, as the bus sees it.
#[async_trait]
pub trait Service: Send + Sync {
    /// The model's name: `sqs`.
    fn name(&self) -> &'static str;
    /// The operations that are built.
    fn operations(&self) -> Vec<OperationFacts>;
    /// Runs an operation: reads the input, asks whether it may be done, does it. An operation that is not built answers
    /// NotImplemented.
    async fn call(
        &self,
        ctx: Ctx,
        operation: &str,
        input: Val,
        authorizer: Arc<dyn Authorizer>,
    ) -> Result<Val, ApiError>;
    /// Runs the service's background work until the token is cancelled.
    async fn run(&self, shutdown: CancellationToken);
}

/// What the coverage table and the drift test want to know of an operation.
pub struct OperationFacts {
    /// The operation's name.
    pub name: &'static str,
    /// What its input looks like.
    pub input: fn() -> Desc,
    /// What its output looks like.
    pub output: fn() -> Desc,
}

/// State that can say what policy a resource carries.
#[async_trait]
pub trait ResourcePolicies: Send + Sync {
    /// The policy of the resource with this ARN, if it has one.
    async fn resource_policy(&self, resource: &str) -> Option<Arc<str>>;
}

/// How an operation is authorized: the action(s) and resource(s) that a call of it needs.
pub struct Access<I>(Rule<I>);

enum Rule<I> {
    Public,
    Resources(Resources<I>),
}

impl<I> Access<I> {
    /// The actions and resources follow from the input.
    pub fn to(rule: impl Fn(&I, &RequestContext) -> Vec<AccessRequest> + Send + Sync + 'static) -> Access<I> {
        Access(Rule::Resources(Box::new(rule)))
    }

    /// One action without resource-level permissions (`*`).
    pub fn any(action: &'static str) -> Access<I> {
        Access::to(move |_, _| vec![AccessRequest::new(action, "*")])
    }

    /// Anyone may, as AWS documents for a few operations (`sts:GetCallerIdentity`).
    pub fn public() -> Access<I> {
        Access(Rule::Public)
    }
}

/// The manifest of a service over its state `S`.
pub struct Manifest<S> {
    name: &'static str,
    state: Arc<S>,
    operations: BTreeMap<&'static str, (OperationFacts, Run<S>)>,
    background: Vec<Background<S>>,
    policies: Option<Arc<dyn ResourcePolicies>>,
}

impl<S: Send + Sync + 'static> Manifest<S> {
    /// A service that speaks the model `name`.
    pub fn new(name: &'static str, state: Arc<S>) -> Manifest<S> {
        Manifest { name, state, operations: BTreeMap::new(), background: Vec::new(), policies: None }
    }

    /// Resources of this service carry policies of their own.
    pub fn resource_policies(mut self, policies: Arc<dyn ResourcePolicies>) -> Manifest<S> {
        self.policies = Some(policies);
        self
    }

    /// An operation: its name in the model, its handler, and what a call of it needs.
    pub fn operation<I, O, E, F, R>(mut self, name: &'static str, handler: F, access: Access<I>) -> Manifest<S>
    where
        I: Shape + Send + 'static,
        O: Shape + 'static,
        E: Into<ApiError>,
        F: Fn(Arc<S>, Ctx, I) -> R + Send + Sync + 'static,
        R: Future<Output = Result<O, E>> + Send + 'static,
    {
        let facts = OperationFacts { name, input: I::describe, output: O::describe };
        let policies = self.policies.clone();
        let access = Arc::new(access);
        let handler = Arc::new(handler);
        let run: Run<S> = Box::new(move |state, ctx, input, authorizer| {
            let (access, handler, policies) = (access.clone(), handler.clone(), policies.clone());
            Box::pin(async move {
                let tags = request_tags(&input);
                let input = I::from_val(input)?;
                if let Rule::Resources(rule) = &access.0 {
                    let mut requests = rule(&input, &ctx);
                    for request in &mut requests {
                        request.context.extend(tags.iter().cloned());
                    }
                    authorize_all(&ctx, &requests, policies.as_deref(), &*authorizer).await?;
                }
                handler(state, ctx, input).await.map(O::into_val).map_err(E::into)
            })
        });
        self.operations.insert(name, (facts, run));
        self
    }

    /// Work that goes on until shutdown.
    pub fn background<F, R>(mut self, work: F) -> Manifest<S>
    where
        F: Fn(Arc<S>, CancellationToken) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        self.background.push(Box::new(move |state, shutdown| Box::pin(work(state, shutdown))));
        self
    }

    /// The service, ready for the bus.
    pub fn into_service(self) -> Arc<dyn Service> {
        Arc::new(self)
    }
}

/// The tags that a request gives or takes away, as the condition keys `aws:RequestTag/…` and `aws:TagKeys`. Services write
/// them as a map, or as a list of structures with a key and a value.
fn request_tags(input: &Val) -> Vec<(Cow<'static, str>, Vec<String>)> {
    let Val::Struct(members) = input else { return Vec::new() };
    let (mut context, mut keys) = (Vec::new(), Vec::new());
    for (name, value) in members {
        match (*name, value) {
            ("Tags" | "tags", Val::Map(entries)) => {
                for (key, value) in entries {
                    keys.push(key.clone());
                    context.extend(value.as_str().map(|value| request_tag(key, value)));
                }
            }
            ("Tags" | "tags", Val::List(items)) => {
                for item in items {
                    let text = |names: [&'static str; 3]| {
                        names.into_iter().find_map(|name| item.get(name).and_then(Val::as_str))
                    };
                    let Some(key) = text(["Key", "key", "TagKey"]) else { continue };
                    keys.push(key.to_owned());
                    context.extend(text(["Value", "value", "TagValue"]).map(|value| request_tag(key, value)));
                }
            }
            ("TagKeys" | "tagKeys", Val::List(items)) => {
                keys.extend(items.iter().filter_map(|item| item.as_str().map(str::to_owned)));
            }
            _ => {}
        }
    }
    if !keys.is_empty() {
        context.push(("aws:TagKeys".into(), keys));
    }
    context
}

fn request_tag(key: &str, value: &str) -> (Cow<'static, str>, Vec<String>) {
    (format!("aws:RequestTag/{key}").into(), vec![value.to_owned()])
}

/// Asks for each action in turn; the first that is denied is the answer.
///
/// # Errors
/// AccessDenied, with AWS's text.
pub async fn authorize_all(
    ctx: &RequestContext,
    requests: &[AccessRequest],
    policies: Option<&dyn ResourcePolicies>,
    authorizer: &dyn Authorizer,
) -> Result<(), ApiError> {
    for request in requests {
        let policy = match policies {
            Some(policies) => policies.resource_policy(&request.resource).await,
            None => None,
        };
        authorizer.authorize(ctx, request, policy).await?;
    }
    Ok(())
}

#[async_trait]
impl<S: Send + Sync + 'static> Service for Manifest<S> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn operations(&self) -> Vec<OperationFacts> {
        self.operations
            .values()
            .map(|(facts, _)| OperationFacts { name: facts.name, input: facts.input, output: facts.output })
            .collect()
    }

    async fn call(
        &self,
        ctx: Ctx,
        operation: &str,
        input: Val,
        authorizer: Arc<dyn Authorizer>,
    ) -> Result<Val, ApiError> {
        match self.operations.get(operation) {
            Some((_, run)) => run(self.state.clone(), ctx, input, authorizer).await,
            None => Err(ApiError::not_implemented(self.name, operation)),
        }
    }

    async fn run(&self, shutdown: CancellationToken) {
        let mut tasks = tokio::task::JoinSet::new();
        for work in &self.background {
            tasks.spawn(work(self.state.clone(), shutdown.clone()));
        }
        while tasks.join_next().await.is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_of_a_request_are_condition_keys() {
        let tag = Val::Struct(vec![("Key", "team".into()), ("Value", "blue".into())]);
        let expected = [
            (Cow::from("aws:RequestTag/team"), vec!["blue".to_owned()]),
            (Cow::from("aws:TagKeys"), vec!["team".to_owned()]),
        ];
        let list = Val::Struct(vec![("Name", "x".into()), ("Tags", Val::List(vec![tag]))]);
        assert_eq!(request_tags(&list), expected);
        let map = Val::Struct(vec![("tags", Val::Map(vec![("team".to_owned(), "blue".into())]))]);
        assert_eq!(request_tags(&map), expected);
        let keys = Val::Struct(vec![("TagKeys", Val::List(vec!["a".into(), "b".into()]))]);
        assert_eq!(request_tags(&keys), [(Cow::from("aws:TagKeys"), vec!["a".to_owned(), "b".to_owned()])]);
        assert!(request_tags(&Val::Struct(vec![("Name", "x".into())])).is_empty());
    }
}
