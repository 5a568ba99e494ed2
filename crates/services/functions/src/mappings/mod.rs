//! Event source mappings: queues whose messages go to functions.
//! <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>

mod batch;
pub(crate) mod operations;
mod poller;
mod rules;
pub(crate) mod shapes;
pub(crate) mod state;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use pilvi_bus::{ApiError, Arn, Platform, RequestContext};
use pilvi_store::{Range, StoreError};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use state::{MAPPINGS, Mapping};

/// How long batches may go on after shutdown; their messages come back after the visibility timeout.
const GRACE: Duration = Duration::from_millis(500);

/// What mappings need to know of a function.
#[derive(Clone, Debug)]
pub(crate) struct FunctionFacts {
    /// With the version or alias, where it was named with one.
    pub(crate) arn: String,
    pub(crate) name: String,
    pub(crate) role: String,
    /// Seconds.
    pub(crate) timeout: i64,
}

/// Knows the functions.
pub(crate) trait FunctionFinder: Send + Sync {
    /// The function with this name or ARN; a ResourceNotFoundException where there is none.
    fn function(&self, ctx: &RequestContext, name: &str) -> Result<FunctionFacts, ApiError>;
}

/// The event source mappings of all accounts.
pub(crate) struct Mappings {
    pub(crate) platform: Platform,
    pub(crate) functions: Arc<dyn FunctionFinder>,
    pollers: Mutex<HashMap<String, CancellationToken>>,
    tasks: TaskTracker,
}

impl Mappings {
    pub(crate) fn new(platform: &Platform, functions: Arc<dyn FunctionFinder>) -> Arc<Self> {
        let (pollers, tasks) = (Mutex::default(), TaskTracker::new());
        Arc::new(Self { platform: platform.clone(), functions, pollers, tasks })
    }

    /// Polls for all mappings that are enabled, until shutdown. Operations start and stop further pollers.
    pub(crate) async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        let all = self.platform.store.read(|tx| {
            tx.range(&MAPPINGS, Range::all())
                .map(|entry| entry.map(|(_, mapping)| mapping))
                .collect::<Result<Vec<_>, StoreError>>()
        });
        match all {
            Ok(mappings) => mappings.iter().for_each(|mapping| self.poll(mapping)),
            Err(problem) => tracing::error!(%problem, "cannot read the event source mappings"),
        }
        shutdown.cancelled().await;
        for (_, poller) in self.pollers.lock().drain() {
            poller.cancel();
        }
        self.tasks.close();
        if tokio::time::timeout(GRACE, self.tasks.wait()).await.is_err() {
            tracing::debug!("batches are cut off; their messages come back");
        }
    }

    /// Starts, restarts or stops the poller of a mapping, as it says.
    fn poll(self: &Arc<Self>, mapping: &Mapping) {
        let token = self.platform.shutdown.child_token();
        let mut pollers = self.pollers.lock();
        let old = if mapping.enabled {
            pollers.insert(mapping.uuid.clone(), token.clone())
        } else {
            pollers.remove(&mapping.uuid)
        };
        drop(pollers);
        if let Some(old) = old {
            old.cancel();
        }
        if mapping.enabled {
            self.tasks.spawn(poller::Poller::new(self, mapping).run(token, self.tasks.clone()));
        }
    }

    fn stop(&self, uuid: &str) {
        if let Some(poller) = self.pollers.lock().remove(uuid) {
            poller.cancel();
        }
    }

    fn find(&self, ctx: &RequestContext, uuid: &str) -> Result<Mapping, ApiError> {
        let key = (&*ctx.account, &*ctx.region, uuid);
        let found = self.platform.store.read(|tx| tx.get(&MAPPINGS, &key))?;
        found.ok_or_else(|| {
            ApiError::new("ResourceNotFoundException", 404, "The resource you requested does not exist.")
        })
    }

    /// Changes the tags of the mapping with this ARN, for TagResource and UntagResource.
    pub(crate) async fn change_tags(
        &self,
        arn: &str,
        change: impl Fn(&mut Vec<(String, String)>) + Send + 'static,
    ) -> Result<(), ApiError> {
        let missing = || ApiError::new("ResourceNotFoundException", 404, "The resource you requested does not exist.");
        let key = state::key_of(arn).ok_or_else(missing)?;
        let write = self.platform.store.write(move |tx| {
            let mut mapping = tx.get(&MAPPINGS, &key)?.ok_or_else(missing)?;
            change(&mut mapping.tags);
            tx.put(&MAPPINGS, &key, &mapping).map_err(ApiError::from)
        });
        write.await
    }

    /// The tags of the mapping with this ARN, for ListTags.
    pub(crate) fn tags(&self, arn: &str) -> Result<Vec<(String, String)>, ApiError> {
        let missing = || ApiError::new("ResourceNotFoundException", 404, "The resource you requested does not exist.");
        let key = state::key_of(arn).ok_or_else(missing)?;
        let mapping = self.platform.store.read(|tx| tx.get(&MAPPINGS, &key))?;
        Ok(mapping.ok_or_else(missing)?.tags)
    }
}

/// The context of a call about a queue's or function's ARN, made by `principal`.
fn internal(platform: &Platform, principal: pilvi_bus::Principal, arn: &str) -> RequestContext {
    let arn = Arn::parse(arn);
    let (account, region) = arn.map(|arn| (arn.account, arn.region)).unwrap_or_default();
    RequestContext::internal(principal, &account, &region, &platform.settings.endpoint())
}
