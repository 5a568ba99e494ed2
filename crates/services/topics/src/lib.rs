//! The topics service: Amazon SNS.
//!
//! This is its manifest: the operations, what a call of each needs to be allowed, and the background work. `topic` has the rules that
//! need neither store nor clock, `registry` is which topics and subscriptions there are, `publish` takes messages in, `courier` brings
//! them to the subscribers, `confirm` is what endpoints are asked first, and `sns` has a file for each operation.

mod calls;
mod confirm;
mod courier;
mod envelope;
mod errors;
mod front;
mod message;
mod outbox;
mod publish;
mod registry;
mod report;
mod sign;
mod sns;
mod state;
#[cfg(test)]
mod tests;
mod topic;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pilvi_bus::http::HttpFront;
use pilvi_bus::service::{OperationFacts, ResourcePolicies};
use pilvi_bus::{Access, AccessRequest, ApiError, Authorizer, Ctx, Manifest, Platform, Principal, Service};
use pilvi_delivery::Deliveries;
use pilvi_model::Val;
use pilvi_store::StoreError;
use tokio_util::sync::CancellationToken;

use registry::Topics;
use sns::applications::{self as applications, ApplicationInput, SetPlatformApplicationAttributesInput};
use sns::confirm_subscription::{ConfirmSubscriptionInput, confirm_subscription};
use sns::create_topic::{self as create, CreateTopicInput, create_topic};
use sns::data_protection::{self as protection, GetDataProtectionPolicyInput, PutDataProtectionPolicyInput};
use sns::delete_topic::{DeleteTopicInput, delete_topic};
use sns::endpoints::{self as endpoints, CreatePlatformEndpointInput, EndpointInput, SetEndpointAttributesInput};
use sns::listing::{self as listing, ListSubscriptionsByTopicInput};
use sns::permissions::{AddPermissionInput, RemovePermissionInput, add_permission, remove_permission};
use sns::publish::{self as publishing, PublishInput};
use sns::publish_batch::{PublishBatchInput, publish_batch};
use sns::subscribe::{SubscribeInput, subscribe};
use sns::subscription_attributes::{get_subscription_attributes, set_subscription_attributes};
use sns::tags::{self as tags, ListTagsForResourceInput, TagResourceInput, UntagResourceInput};
use sns::topic_attributes::{
    GetTopicAttributesInput, SetTopicAttributesInput, get_topic_attributes, set_topic_attributes,
};
use sns::unsubscribe::{UnsubscribeInput, unsubscribe};
use sns::{sms, sms_sandbox as sandbox};

/// How often is looked for what may be forgotten.
const SWEEP: Duration = Duration::from_secs(300);

/// An action on the resource of an ARN in the input.
macro_rules! on {
    ($action:literal, $input:ty, $arn:ident) => {
        Access::to(|input: &$input, _| vec![AccessRequest::new($action, input.$arn.clone())])
    };
}

/// The service, the front that gives away the certificate of its signatures, and the one that lists the outbox.
pub type Parts = (Arc<dyn Service>, Arc<dyn HttpFront>, Arc<dyn HttpFront>);

/// The service, wired to the bus, and its fronts. Whoever wires the outbox says who may see it.
///
/// # Errors
/// When the store cannot be read.
pub fn service(platform: &Platform, deliveries: Arc<Deliveries>) -> Result<Parts, StoreError> {
    let topics = Arc::new(Topics::open(platform, deliveries.clone())?);
    courier::register(&topics, &deliveries);
    platform.bus.wire_topics(Arc::new(calls::Calls(topics.clone())));
    let certificates = Arc::new(front::Certificates(topics.clone()));
    let outbox = Arc::new(front::Outbox(topics.clone()));
    let manifest = Manifest::new("sns", topics.clone()).resource_policies(topics);
    let manifest = of_mobiles(of_subscriptions(of_topics(manifest))).background(background);
    Ok((Arc::new(Sns(manifest.into_service())), certificates, outbox))
}

fn of_topics(manifest: Manifest<Topics>) -> Manifest<Topics> {
    let create_access = Access::to(|input: &CreateTopicInput, ctx| {
        vec![AccessRequest::new("SNS:CreateTopic", create::name(ctx, &input.name).arn())]
    });
    let publish_access =
        Access::to(|input: &PublishInput, _| vec![AccessRequest::new("SNS:Publish", publishing::resource(input))]);
    manifest
        .operation("AddPermission", add_permission, on!("SNS:AddPermission", AddPermissionInput, topic_arn))
        .operation("CreateTopic", create_topic, create_access)
        .operation("DeleteTopic", delete_topic, on!("SNS:DeleteTopic", DeleteTopicInput, topic_arn))
        .operation(
            "GetDataProtectionPolicy",
            protection::get_data_protection_policy,
            on!("SNS:GetDataProtectionPolicy", GetDataProtectionPolicyInput, resource_arn),
        )
        .operation(
            "GetTopicAttributes",
            get_topic_attributes,
            on!("SNS:GetTopicAttributes", GetTopicAttributesInput, topic_arn),
        )
        .operation(
            "ListTagsForResource",
            tags::list_tags_for_resource,
            on!("SNS:ListTagsForResource", ListTagsForResourceInput, resource_arn),
        )
        .operation("ListTopics", listing::list_topics, Access::any("SNS:ListTopics"))
        .operation("Publish", publishing::publish, publish_access)
        .operation("PublishBatch", publish_batch, on!("SNS:Publish", PublishBatchInput, topic_arn))
        .operation(
            "PutDataProtectionPolicy",
            protection::put_data_protection_policy,
            on!("SNS:PutDataProtectionPolicy", PutDataProtectionPolicyInput, resource_arn),
        )
        .operation("RemovePermission", remove_permission, on!("SNS:RemovePermission", RemovePermissionInput, topic_arn))
        .operation(
            "SetTopicAttributes",
            set_topic_attributes,
            on!("SNS:SetTopicAttributes", SetTopicAttributesInput, topic_arn),
        )
        .operation("TagResource", tags::tag_resource, on!("SNS:TagResource", TagResourceInput, resource_arn))
        .operation("UntagResource", tags::untag_resource, on!("SNS:UntagResource", UntagResourceInput, resource_arn))
}

fn of_subscriptions(manifest: Manifest<Topics>) -> Manifest<Topics> {
    let subscribe_access = Access::to(|input: &SubscribeInput, _| {
        let request = AccessRequest::new("SNS:Subscribe", input.topic_arn.clone());
        let request = request.with("sns:Protocol", input.protocol.clone());
        vec![match &input.endpoint {
            Some(endpoint) => request.with("sns:Endpoint", endpoint.clone()),
            None => request,
        }]
    });
    // Whoever follows a link in a message is nobody, and the owner of an endpoint may be of another account: the token says that they
    // may.
    let confirm_access = Access::to(|input: &ConfirmSubscriptionInput, ctx| {
        let request = AccessRequest::new("SNS:ConfirmSubscription", input.topic_arn.clone());
        let is_own = request.resource_account() == Some(ctx.principal.account());
        is_own.then_some(request).into_iter().collect()
    });
    let unsubscribe_access = Access::to(|_: &UnsubscribeInput, ctx| match ctx.principal {
        Principal::Anonymous => Vec::new(),
        _ => vec![AccessRequest::new("SNS:Unsubscribe", "*")],
    });
    manifest
        .operation("ConfirmSubscription", confirm_subscription, confirm_access)
        .operation(
            "GetSubscriptionAttributes",
            get_subscription_attributes,
            Access::any("SNS:GetSubscriptionAttributes"),
        )
        .operation("ListSubscriptions", listing::list_subscriptions, Access::any("SNS:ListSubscriptions"))
        .operation(
            "ListSubscriptionsByTopic",
            listing::list_subscriptions_by_topic,
            on!("SNS:ListSubscriptionsByTopic", ListSubscriptionsByTopicInput, topic_arn),
        )
        .operation(
            "SetSubscriptionAttributes",
            set_subscription_attributes,
            Access::any("SNS:SetSubscriptionAttributes"),
        )
        .operation("Subscribe", subscribe, subscribe_access)
        .operation("Unsubscribe", unsubscribe, unsubscribe_access)
}

fn of_mobiles(manifest: Manifest<Topics>) -> Manifest<Topics> {
    manifest
        .operation(
            "CheckIfPhoneNumberIsOptedOut",
            sms::check_if_opted_out,
            Access::any("SNS:CheckIfPhoneNumberIsOptedOut"),
        )
        .operation(
            "CreatePlatformApplication",
            applications::create_platform_application,
            Access::any("SNS:CreatePlatformApplication"),
        )
        .operation(
            "CreatePlatformEndpoint",
            endpoints::create_platform_endpoint,
            on!("SNS:CreatePlatformEndpoint", CreatePlatformEndpointInput, platform_application_arn),
        )
        .operation(
            "CreateSMSSandboxPhoneNumber",
            sandbox::create_number,
            Access::any("SNS:CreateSMSSandboxPhoneNumber"),
        )
        .operation("DeleteEndpoint", endpoints::delete_endpoint, on!("SNS:DeleteEndpoint", EndpointInput, endpoint_arn))
        .operation(
            "DeletePlatformApplication",
            applications::delete_platform_application,
            on!("SNS:DeletePlatformApplication", ApplicationInput, platform_application_arn),
        )
        .operation(
            "DeleteSMSSandboxPhoneNumber",
            sandbox::delete_number,
            Access::any("SNS:DeleteSMSSandboxPhoneNumber"),
        )
        .operation(
            "GetEndpointAttributes",
            endpoints::get_endpoint_attributes,
            on!("SNS:GetEndpointAttributes", EndpointInput, endpoint_arn),
        )
        .operation(
            "GetPlatformApplicationAttributes",
            applications::get_platform_application_attributes,
            on!("SNS:GetPlatformApplicationAttributes", ApplicationInput, platform_application_arn),
        )
        .operation("GetSMSAttributes", sms::get_sms_attributes, Access::any("SNS:GetSMSAttributes"))
        .operation("GetSMSSandboxAccountStatus", sandbox::get_status, Access::any("SNS:GetSMSSandboxAccountStatus"))
        .operation(
            "ListEndpointsByPlatformApplication",
            endpoints::list_endpoints,
            on!("SNS:ListEndpointsByPlatformApplication", endpoints::ListEndpointsInput, platform_application_arn),
        )
        .operation(
            "ListOriginationNumbers",
            sandbox::list_origination_numbers,
            Access::any("SNS:ListOriginationNumbers"),
        )
        .operation("ListPhoneNumbersOptedOut", sms::list_opted_out, Access::any("SNS:ListPhoneNumbersOptedOut"))
        .operation(
            "ListPlatformApplications",
            applications::list_platform_applications,
            Access::any("SNS:ListPlatformApplications"),
        )
        .operation("ListSMSSandboxPhoneNumbers", sandbox::list_numbers, Access::any("SNS:ListSMSSandboxPhoneNumbers"))
        .operation("OptInPhoneNumber", sms::opt_in, Access::any("SNS:OptInPhoneNumber"))
        .operation(
            "SetEndpointAttributes",
            endpoints::set_endpoint_attributes,
            on!("SNS:SetEndpointAttributes", SetEndpointAttributesInput, endpoint_arn),
        )
        .operation(
            "SetPlatformApplicationAttributes",
            applications::set_platform_application_attributes,
            on!(
                "SNS:SetPlatformApplicationAttributes",
                SetPlatformApplicationAttributesInput,
                platform_application_arn
            ),
        )
        .operation("SetSMSAttributes", sms::set_sms_attributes, Access::any("SNS:SetSMSAttributes"))
        .operation(
            "VerifySMSSandboxPhoneNumber",
            sandbox::verify_number,
            Access::any("SNS:VerifySMSSandboxPhoneNumber"),
        )
}

async fn background(topics: Arc<Topics>, shutdown: CancellationToken) {
    loop {
        tokio::select! {
            () = topics.clock.sleep(SWEEP) => {}
            () = shutdown.cancelled() => return,
        }
        let forgotten = async {
            topics.forget_duplicates().await?;
            topics.forget_unconfirmed().await
        };
        if let Err(problem) = forgotten.await {
            tracing::warn!(%problem, "what is too old could not be forgotten");
        }
    }
}

#[async_trait]
impl ResourcePolicies for Topics {
    async fn resource_policy(&self, resource: &str) -> Option<Arc<str>> {
        // The default policy lets nobody in but the owner, which needs no policy.
        let (topic, _) = self.find_arn(resource)?;
        topic.record().policy.as_deref().map(Arc::from)
    }
}

/// The service, with its own code for what all services deny alike.
struct Sns(Arc<dyn Service>);

#[async_trait]
impl Service for Sns {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn operations(&self) -> Vec<OperationFacts> {
        self.0.operations()
    }

    async fn call(
        &self,
        ctx: Ctx,
        operation: &str,
        input: Val,
        authorizer: Arc<dyn Authorizer>,
    ) -> Result<Val, ApiError> {
        self.0.call(ctx, operation, input, authorizer).await.map_err(|mut error| {
            if error.code == "AccessDenied" {
                error.code = "AuthorizationError".into();
            }
            error
        })
    }

    async fn run(&self, shutdown: CancellationToken) {
        self.0.run(shutdown).await;
    }
}
