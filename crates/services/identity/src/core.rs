//! The identities of all accounts: what every operation works on.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};
use pilvi_bus::{Ctx, IamMode, Platform, Principal, region};
use pilvi_model::Timestamp;
use pilvi_store::{ReadTx, StoreError, WriteTx};

use crate::cache::Cache;
use crate::errors::IamError;
use crate::root::{Root, RootKey};
use crate::seen::Seen;
use crate::state::{ENTITIES, Entity, Kind, LAST_USED, PROFILES, SERVER_CERTIFICATES, SessionKey};

/// The identities of all accounts.
pub struct Identity {
    pub(crate) platform: Platform,
    /// Counts changes; what was compiled or looked up under an older number is stale.
    generation: AtomicU64,
    pub(crate) cache: RwLock<Cache>,
    /// Sessions of functions made by this process: known at once, durable a moment later.
    pub(crate) own_sessions: RwLock<HashMap<String, Arc<SessionKey>>>,
    /// Last uses of access keys that are not stored yet.
    last_used: Mutex<HashMap<String, (i64, String, String)>>,
    /// What roles were seen asking for.
    pub(crate) seen: Seen,
    pub(crate) root: Root,
}

impl Identity {
    /// Over this platform's store.
    pub fn new(platform: &Platform) -> Arc<Identity> {
        Arc::new(Identity {
            platform: platform.clone(),
            generation: AtomicU64::new(1),
            cache: RwLock::default(),
            own_sessions: RwLock::default(),
            last_used: Mutex::default(),
            seen: Seen::default(),
            root: Root::open(platform),
        })
    }

    /// Root's access key, if it was made just now: to be shown this once.
    pub fn new_root_key(&self) -> Option<&RootKey> {
        self.root.key.as_ref().filter(|_| self.root.is_new)
    }

    /// Reads one consistent state.
    pub(crate) fn read<T>(&self, f: impl FnOnce(&ReadTx<'_>) -> Result<T, IamError>) -> Result<T, IamError> {
        self.platform.store.read(f)
    }

    /// Changes the state; everything compiled before is stale once this returns.
    pub(crate) async fn change<T: Send + 'static>(
        &self,
        f: impl Fn(&mut WriteTx<'_>) -> Result<T, IamError> + Send + 'static,
    ) -> Result<T, IamError> {
        let result = self.platform.store.write(f).await;
        self.generation.fetch_add(1, Ordering::AcqRel);
        result
    }

    /// The number of the state that is seen now. Read it before reading the state, so that what is kept under it is
    /// never newer than it says.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Seconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        self.platform.clock.now_s()
    }

    pub(crate) fn mode(&self) -> IamMode {
        self.platform.settings.iam
    }

    /// The ARN of what has this name; with the default path where there is none.
    pub(crate) fn arn_of(&self, ctx: &pilvi_bus::RequestContext, word: &str, name: &str) -> String {
        let (account, key) = (ctx.account.as_str(), name.to_lowercase());
        let found = self.read(|tx| {
            let kind = [Kind::Role, Kind::User, Kind::Group].into_iter().find(|kind| kind.word() == word);
            Ok(match kind {
                Some(kind) => tx.get(&ENTITIES, &(account, kind.key(), key.as_str()))?.map(|entity| entity.arn),
                None if word == "instance-profile" => {
                    tx.get(&PROFILES, &(account, key.as_str()))?.map(|profile| profile.arn)
                }
                None if word == "server-certificate" => {
                    tx.get(&SERVER_CERTIFICATES, &(account, key.as_str()))?.map(|certificate| certificate.arn)
                }
                None => None,
            })
        });
        found.ok().flatten().unwrap_or_else(|| iam_arn(ctx, word, "/", name))
    }

    /// Notes that a key was used; stored every now and then by [`Identity::keep_house`].
    pub(crate) fn note_use(&self, key: &str, service: &str, region: &str) {
        let used = (self.now(), service.to_owned(), region.to_owned());
        self.last_used.lock().insert(key.to_owned(), used);
    }

    /// When, for which service and where a key was used last.
    pub(crate) fn last_use(&self, key: &str) -> Result<Option<(i64, String, String)>, IamError> {
        if let Some(used) = self.last_used.lock().get(key) {
            return Ok(Some(used.clone()));
        }
        self.read(|tx| Ok(tx.get(&LAST_USED, key)?))
    }

    /// Stores last uses and forgets expired sessions, once a minute of the clock.
    pub(crate) async fn keep_house(self: Arc<Self>, shutdown: tokio_util::sync::CancellationToken) {
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = self.platform.clock.sleep(std::time::Duration::from_secs(60)) => {}
            }
            if let Err(problem) = self.tidy().await {
                tracing::warn!(%problem, "identities: housekeeping failed");
            }
        }
        let _ = self.tidy().await;
    }

    async fn tidy(&self) -> Result<(), IamError> {
        self.store_seen().await?;
        let now = self.now();
        self.own_sessions.write().retain(|_, session| session.expires > now);
        let expired: Vec<String> = self.read(|tx| {
            let mut expired = Vec::new();
            for entry in tx.range(&crate::state::SESSIONS, pilvi_store::Range::all()) {
                let (key, session) = entry?;
                if session.expires <= now {
                    expired.push(key);
                }
            }
            Ok(expired)
        })?;
        let used = std::mem::take(&mut *self.last_used.lock());
        if used.is_empty() && expired.is_empty() {
            return Ok(());
        }
        self.platform
            .store
            .write(move |tx| {
                for (key, used) in &used {
                    tx.put(&LAST_USED, key, used)?;
                }
                for key in &expired {
                    tx.delete(&crate::state::SESSIONS, key)?;
                }
                Ok::<(), StoreError>(())
            })
            .await?;
        Ok(())
    }
}

/// A time of a record.
pub(crate) fn stamp(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or_default()
}

/// `arn:aws:iam::ACCOUNT:WORD/path/name`
pub(crate) fn iam_arn(ctx: &pilvi_bus::RequestContext, word: &str, path: &str, name: &str) -> String {
    format!("arn:{}:iam::{}:{word}{path}{name}", region::partition(&ctx.region), ctx.account)
}

/// The role, user or group of this name.
pub(crate) fn entity(tx: &ReadTx<'_>, account: &str, kind: Kind, name: &str) -> Result<Entity, IamError> {
    let found = tx.get(&ENTITIES, &(account, kind.key(), name.to_lowercase().as_str()))?;
    found.ok_or_else(|| IamError::no_entity(kind, name))
}

/// Refuses to change a service-linked role, which is its service's.
pub(crate) fn check_modifiable(entity: &Entity) -> Result<(), IamError> {
    if entity.role.linked_to.is_none() {
        return Ok(());
    }
    let name = &entity.name;
    Err(IamError::Unmodifiable(format!(
        "Cannot perform the operation on the protected role '{name}' - this role is only modifiable by AWS"
    )))
}

/// Stores a role, user or group under its name.
pub(crate) fn save(tx: &mut WriteTx<'_>, account: &str, entity: &Entity) -> Result<(), IamError> {
    tx.put(&ENTITIES, &(account, entity.kind.key(), entity.name.to_lowercase().as_str()), entity)?;
    Ok(())
}

/// Every role, user or group of an account, in the order of their names.
pub(crate) fn entities(tx: &ReadTx<'_>, account: &str, kind: Kind) -> Result<Vec<Entity>, IamError> {
    let mut all = Vec::new();
    for entry in tx.range(&ENTITIES, pilvi_store::Range::prefix(&(account, kind.key()))) {
        all.push(entry?.1);
    }
    Ok(all)
}

/// The user that an operation is about: the one named, else the caller.
pub(crate) fn named_user(ctx: &Ctx, name: Option<&str>) -> Result<String, IamError> {
    match (name, &ctx.principal) {
        (Some(name), _) => Ok(name.to_owned()),
        (None, Principal::User { name, .. }) => Ok(name.clone()),
        (None, _) => Err(IamError::Validation("Must specify userName when calling with non-User credentials".into())),
    }
}
