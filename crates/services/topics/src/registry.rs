//! Which topics and subscriptions there are.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;
use pilvi_bus::{Bus, Clock, Platform};
use pilvi_delivery::Deliveries;
use pilvi_store::{Range, Store, StoreError, WriteTx};

use crate::errors::TopicError;
use crate::sign::Signer;
use crate::state::{ORDERED, SEQUENCES, SUBSCRIPTIONS, SubscriptionRecord, TOPICS, TopicName, TopicRecord};
use crate::topic::filter::Filter;

/// The service's state.
pub(crate) struct Topics {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) bus: Arc<Bus>,
    pub(crate) deliveries: Arc<Deliveries>,
    pub(crate) signer: Signer,
    /// The cloud's own address.
    pub(crate) endpoint: String,
    /// The authority that the cloud's own https addresses are certified by.
    pub(crate) ca_pem: Option<std::path::PathBuf>,
    topics: RwLock<BTreeMap<TopicName, Arc<Topic>>>,
    /// Held by who changes topics or subscriptions: what is in memory is what was made durable, in the same order.
    changing: tokio::sync::Mutex<()>,
}

/// A topic.
pub(crate) struct Topic {
    pub(crate) name: TopicName,
    pub(crate) arn: String,
    record: RwLock<Arc<TopicRecord>>,
    /// By id.
    subscriptions: RwLock<Arc<BTreeMap<String, Arc<Subscription>>>>,
}

/// A subscription, as it is at a moment.
pub(crate) struct Subscription {
    pub(crate) id: String,
    pub(crate) arn: String,
    pub(crate) record: SubscriptionRecord,
    filter: Option<Filter>,
}

impl Subscription {
    fn new(topic: &Topic, id: &str, record: SubscriptionRecord) -> Self {
        let policy = record.filter_policy.as_deref();
        let filter = policy.and_then(|policy| Filter::parse(policy, record.filters_body).ok().flatten());
        Self { id: id.to_owned(), arn: format!("{}:{id}", topic.arn), record, filter }
    }

    /// The filter policy, if there is one.
    pub(crate) fn filter(&self) -> Option<&Filter> {
        self.filter.as_ref()
    }
}

impl Topic {
    fn new(name: TopicName, record: TopicRecord) -> Self {
        let arn = name.arn();
        Self { name, arn, record: RwLock::new(Arc::new(record)), subscriptions: RwLock::default() }
    }

    /// The topic's record as it is now.
    pub(crate) fn record(&self) -> Arc<TopicRecord> {
        self.record.read().clone()
    }

    /// The subscriptions as they are now, by id.
    pub(crate) fn subscriptions(&self) -> Arc<BTreeMap<String, Arc<Subscription>>> {
        self.subscriptions.read().clone()
    }

    /// The subscription of this id.
    pub(crate) fn subscription(&self, id: &str) -> Option<Arc<Subscription>> {
        self.subscriptions.read().get(id).cloned()
    }

    fn key(&self, id: &str) -> (String, String, String, String) {
        let (account, region, name) = self.name.key();
        (account, region, name, id.to_owned())
    }

    fn put(&self, id: &str, record: SubscriptionRecord) -> Arc<Subscription> {
        let subscription = Arc::new(Subscription::new(self, id, record));
        let mut subscriptions = self.subscriptions.write();
        Arc::make_mut(&mut subscriptions).insert(id.to_owned(), subscription.clone());
        subscription
    }
}

impl Topics {
    /// Reads which topics there are.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn open(platform: &Platform, deliveries: Arc<Deliveries>) -> Result<Self, StoreError> {
        let (topics, subscriptions) = platform.store.read(|tx| {
            let topics = tx.range(&TOPICS, Range::all()).collect::<Result<Vec<_>, StoreError>>()?;
            let subscriptions = tx.range(&SUBSCRIPTIONS, Range::all()).collect::<Result<Vec<_>, StoreError>>()?;
            Ok::<_, StoreError>((topics, subscriptions))
        })?;
        let mut all = BTreeMap::new();
        for ((account, region, name), record) in topics {
            let name = TopicName { account, region, name };
            all.insert(name.clone(), Arc::new(Topic::new(name, record)));
        }
        for ((account, region, name, id), record) in subscriptions {
            if let Some(topic) = all.get(&TopicName { account, region, name }) {
                topic.put(&id, record);
            }
        }
        Ok(Self {
            store: platform.store.clone(),
            clock: platform.clock.clone(),
            bus: platform.bus.clone(),
            deliveries,
            signer: Signer::new(platform.store.clone()),
            endpoint: platform.settings.endpoint(),
            ca_pem: platform.settings.ca_pem.clone(),
            topics: RwLock::new(all),
            changing: tokio::sync::Mutex::default(),
        })
    }

    pub(crate) fn find(&self, name: &TopicName) -> Option<Arc<Topic>> {
        self.topics.read().get(name).cloned()
    }

    /// The topic or subscription that an ARN names.
    pub(crate) fn find_arn(&self, arn: &str) -> Option<(Arc<Topic>, Option<Arc<Subscription>>)> {
        let (name, id) = TopicName::from_arn(arn)?;
        let topic = self.find(&name)?;
        match id {
            None => Some((topic, None)),
            Some(id) => {
                let subscription = topic.subscription(&id)?;
                Some((topic, Some(subscription)))
            }
        }
    }

    /// The topics of an account in a region, by name.
    pub(crate) fn list(&self, account: &str, region: &str) -> Vec<Arc<Topic>> {
        let first = TopicName { account: account.to_owned(), region: region.to_owned(), name: String::new() };
        let topics = self.topics.read();
        let own = topics.range(first..).take_while(|(name, _)| name.account == account && name.region == region);
        own.map(|(_, topic)| topic.clone()).collect()
    }

    /// All topics of a region.
    pub(crate) fn in_region(&self, region: &str) -> Vec<Arc<Topic>> {
        self.topics.read().values().filter(|topic| topic.name.region == region).cloned().collect()
    }

    /// Makes a topic, unless one of that name came first, which is then given back.
    pub(crate) async fn create(
        &self,
        name: TopicName,
        record: TopicRecord,
    ) -> Result<Result<Arc<Topic>, Arc<Topic>>, TopicError> {
        let _changing = self.changing.lock().await;
        if let Some(known) = self.find(&name) {
            return Ok(Err(known));
        }
        let (key, stored) = (name.key(), record.clone());
        self.store.write(move |tx| tx.put(&TOPICS, &key, &stored)).await?;
        let topic = Arc::new(Topic::new(name.clone(), record));
        self.topics.write().insert(name, topic.clone());
        Ok(Ok(topic))
    }

    /// Changes a topic's record. The closure sees the record as it is.
    pub(crate) async fn update(
        &self,
        topic: &Topic,
        change: impl FnOnce(&mut TopicRecord) -> Result<(), TopicError>,
    ) -> Result<(), TopicError> {
        let _changing = self.changing.lock().await;
        if self.find(&topic.name).is_none() {
            return Err(TopicError::NoTopic);
        }
        let mut record = TopicRecord::clone(&topic.record());
        change(&mut record)?;
        let (key, stored) = (topic.name.key(), record.clone());
        self.store.write(move |tx| tx.put(&TOPICS, &key, &stored)).await?;
        *topic.record.write() = Arc::new(record);
        Ok(())
    }

    /// Deletes a topic with its subscriptions. "Some previously sent messages might not be delivered" then, as on AWS.
    pub(crate) async fn delete(&self, topic: &Topic) -> Result<(), TopicError> {
        let _changing = self.changing.lock().await;
        let ((account, region, name), number) = (topic.name.key(), topic.record().number);
        let arns: Vec<String> = topic.subscriptions().values().map(|known| known.arn.clone()).collect();
        self.store
            .write::<_, StoreError>(move |tx| {
                tx.delete(&TOPICS, &(&*account, &*region, &*name))?;
                tx.delete(&SEQUENCES, &(number,))?;
                tx.delete_range(&SUBSCRIPTIONS, Range::prefix(&(&*account, &*region, &*name)))?;
                for arn in &arns {
                    tx.delete_range(&ORDERED, Range::prefix(&(&**arn,)))?;
                }
                Ok(())
            })
            .await?;
        self.topics.write().remove(&topic.name);
        Ok(())
    }

    /// Makes or changes a subscription, together with whatever else `also` writes. `change` gets the record as it is and gives it as it
    /// shall be.
    pub(crate) async fn put_subscription(
        &self,
        topic: &Topic,
        id: &str,
        change: impl FnOnce(Option<&SubscriptionRecord>) -> Result<SubscriptionRecord, TopicError>,
        also: impl Fn(&mut WriteTx<'_>) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<Arc<Subscription>, TopicError> {
        let _changing = self.changing.lock().await;
        if self.find(&topic.name).is_none() {
            return Err(TopicError::NoTopic);
        }
        let known = topic.subscription(id);
        let record = change(known.as_ref().map(|known| &known.record))?;
        let (key, stored) = (topic.key(id), record.clone());
        self.store
            .write::<_, StoreError>(move |tx| {
                tx.put(&SUBSCRIPTIONS, &key, &stored)?;
                also(tx)
            })
            .await?;
        Ok(topic.put(id, record))
    }

    /// Deletes a subscription, together with whatever else `also` writes.
    pub(crate) async fn delete_subscription(
        &self,
        topic: &Topic,
        id: &str,
        also: impl Fn(&mut WriteTx<'_>) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), TopicError> {
        let _changing = self.changing.lock().await;
        let Some(known) = topic.subscription(id) else { return Ok(()) };
        let mut record = TopicRecord::clone(&topic.record());
        record.deleted += 1;
        let (key, topic_key, stored, arn) = (topic.key(id), topic.name.key(), record.clone(), known.arn.clone());
        self.store
            .write::<_, StoreError>(move |tx| {
                tx.delete(&SUBSCRIPTIONS, &key)?;
                tx.delete_range(&ORDERED, Range::prefix(&(&*arn,)))?;
                tx.put(&TOPICS, &topic_key, &stored)?;
                also(tx)
            })
            .await?;
        *topic.record.write() = Arc::new(record);
        let mut subscriptions = topic.subscriptions.write();
        Arc::make_mut(&mut subscriptions).remove(id);
        Ok(())
    }
}
