//! The operations of SNS, a file for each or for a family.

pub(crate) mod address;
pub(crate) mod applications;
pub(crate) mod confirm_subscription;
pub(crate) mod create_topic;
pub(crate) mod data_protection;
pub(crate) mod delete_topic;
pub(crate) mod endpoints;
pub(crate) mod listing;
pub(crate) mod permissions;
pub(crate) mod publish;
pub(crate) mod publish_batch;
pub(crate) mod sms;
pub(crate) mod sms_sandbox;
pub(crate) mod subscribe;
pub(crate) mod subscription_attributes;
pub(crate) mod tags;
pub(crate) mod topic_attributes;
pub(crate) mod unsubscribe;
