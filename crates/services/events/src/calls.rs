//! What other services ask of events.

use std::sync::Arc;

use async_trait::async_trait;
use pilvi_bus::calls::{EventCalls, PutEvent};
use pilvi_bus::service::ResourcePolicies;
use pilvi_bus::{AccessRequest, ApiError, Ctx, Principal};
use uuid::Uuid;

use crate::core::Events;
use crate::errors::EventsError;
use crate::event::{Draft, Event};
use crate::ingest::Arrival;
use crate::names::BusName;

/// [`Events`] as the bus calls it.
pub(crate) struct Calls(pub(crate) Arc<Events>);

impl Calls {
    /// Whether the caller may put events on a bus.
    async fn may_put(&self, ctx: &Ctx, bus: &BusName) -> Result<(), ApiError> {
        let arn = bus.arn();
        let policy = self.0.resource_policy(&arn).await;
        self.0.platform.bus.authorize(ctx, &AccessRequest::new("events:PutEvents", arn), policy).await
    }

    /// The bus of an ARN, if it exists.
    fn bus(&self, arn: &str) -> Result<BusName, ApiError> {
        let bus = BusName::from_arn(arn).ok_or_else(|| EventsError::no_bus(arn))?;
        if self.0.has_bus(&bus)? { Ok(bus) } else { Err(EventsError::no_bus(&bus.name).into()) }
    }

    async fn arrive(&self, ctx: &Ctx, bus: BusName, event: PutEvent) -> Result<(), ApiError> {
        let PutEvent { source, detail_type, resources, detail, .. } = event;
        let draft = Draft {
            id: Uuid::new_v4().to_string(),
            detail_type,
            source,
            account: ctx.principal.account().to_owned(),
            time: self.0.platform.clock.now_s(),
            region: bus.region.clone(),
            resources,
            detail,
        };
        let event = draft.build().ok_or_else(|| EventsError::Invalid("Detail is malformed.".to_owned()))?;
        self.ingest(ctx, bus, event).await
    }

    async fn ingest(&self, ctx: &Ctx, bus: BusName, event: Event) -> Result<(), ApiError> {
        let arrival = Arrival { bus, event, trace: ctx.trace.clone(), only: None };
        Ok(self.0.ingest(vec![arrival]).await?)
    }
}

#[async_trait]
impl EventCalls for Calls {
    async fn put(
        &self,
        ctx: &Ctx,
        source: &str,
        detail_type: &str,
        resources: Vec<String>,
        detail: String,
    ) -> Result<(), ApiError> {
        let bus = BusName::of(ctx, None);
        if !matches!(ctx.principal, Principal::Service { .. }) {
            self.may_put(ctx, &bus).await?;
        }
        let event = PutEvent {
            bus_arn: String::new(),
            source: source.to_owned(),
            detail_type: detail_type.to_owned(),
            resources,
            detail,
        };
        self.arrive(ctx, bus, event).await
    }

    async fn put_on(&self, ctx: &Ctx, event: PutEvent) -> Result<(), ApiError> {
        let bus = self.bus(&event.bus_arn)?;
        self.may_put(ctx, &bus).await?;
        self.arrive(ctx, bus, event).await
    }

    async fn forward(&self, ctx: &Ctx, bus_arn: &str, event: &str) -> Result<(), ApiError> {
        let bus = self.bus(bus_arn)?;
        // Within an account rules need no role to pass events on.
        let own = matches!(&ctx.principal, Principal::Service { source_account, .. } if *source_account == bus.account);
        if !own {
            self.may_put(ctx, &bus).await?;
        }
        let event =
            Event::parse(event).ok_or_else(|| EventsError::Invalid("Parameter Event is not valid.".to_owned()))?;
        self.ingest(ctx, bus, event).await
    }
}
