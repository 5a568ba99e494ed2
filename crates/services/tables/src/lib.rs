//! The tables service: Amazon DynamoDB.
//!
//! This is its manifest: the operations, what a call of each needs to be allowed, and the background work. [`table`] is
//! the table itself, [`state`] how it is stored, [`dynamodb`] what each operation does.

#[macro_use]
mod access;
#[allow(missing_docs, reason = "members have the names of the API's, which AWS documents")]
pub mod dynamodb;
pub mod errors;
pub mod state;
#[allow(missing_docs, reason = "members have the names of the API's, which AWS documents")]
pub mod streams;
pub mod table;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use pilvi_bus::{Access, Manifest, Platform, Service};

use dynamodb::{
    backups, batch, create_table, delete_item, delete_table, description, get_item, limits, list_tables, policy,
    put_item, query, scan, tags, transact, ttl, update_item, update_table,
};
use state::Tables;

/// The services: tables, and the streams of their changes.
pub fn services(platform: &Platform) -> Vec<Arc<dyn Service>> {
    let tables = Arc::new(Tables::new(platform));
    vec![service(Arc::clone(&tables)), streams::service(tables)]
}

fn service(tables: Arc<Tables>) -> Arc<dyn Service> {
    Manifest::new("dynamodb", Arc::clone(&tables))
        .resource_policies(Arc::new(policy::Policies(tables)))
        // tables
        .operation("CreateTable", create_table::create_table, Access::to(create_table::access))
        .operation(
            "DescribeTable",
            description::describe_table,
            on_table!("dynamodb:DescribeTable", description::DescribeTableInput),
        )
        .operation("ListTables", list_tables::list_tables, Access::any("dynamodb:ListTables"))
        .operation(
            "UpdateTable",
            update_table::update_table,
            on_table!("dynamodb:UpdateTable", update_table::UpdateTableInput),
        )
        .operation(
            "DeleteTable",
            delete_table::delete_table,
            on_table!("dynamodb:DeleteTable", delete_table::DeleteTableInput),
        )
        .operation(
            "UpdateTimeToLive",
            ttl::update_time_to_live,
            on_table!("dynamodb:UpdateTimeToLive", ttl::UpdateTimeToLiveInput),
        )
        .operation(
            "DescribeTimeToLive",
            ttl::describe_time_to_live,
            on_table!("dynamodb:DescribeTimeToLive", ttl::DescribeTimeToLiveInput),
        )
        .operation(
            "DescribeContinuousBackups",
            backups::describe_continuous_backups,
            on_table!("dynamodb:DescribeContinuousBackups", backups::DescribeContinuousBackupsInput),
        )
        .operation(
            "UpdateContinuousBackups",
            backups::update_continuous_backups,
            on_table!("dynamodb:UpdateContinuousBackups", backups::UpdateContinuousBackupsInput),
        )
        .operation("TagResource", tags::tag_resource, on_resource!("dynamodb:TagResource", tags::TagResourceInput))
        .operation(
            "UntagResource",
            tags::untag_resource,
            on_resource!("dynamodb:UntagResource", tags::UntagResourceInput),
        )
        .operation(
            "ListTagsOfResource",
            tags::list_tags_of_resource,
            on_resource!("dynamodb:ListTagsOfResource", tags::ListTagsOfResourceInput),
        )
        .operation(
            "PutResourcePolicy",
            policy::put_resource_policy,
            on_resource!("dynamodb:PutResourcePolicy", policy::PutResourcePolicyInput),
        )
        .operation(
            "GetResourcePolicy",
            policy::get_resource_policy,
            on_resource!("dynamodb:GetResourcePolicy", policy::GetResourcePolicyInput),
        )
        .operation(
            "DeleteResourcePolicy",
            policy::delete_resource_policy,
            on_resource!("dynamodb:DeleteResourcePolicy", policy::DeleteResourcePolicyInput),
        )
        .operation("DescribeLimits", limits::describe_limits, Access::any("dynamodb:DescribeLimits"))
        .operation("DescribeEndpoints", limits::describe_endpoints, Access::any("dynamodb:DescribeEndpoints"))
        // items
        .operation("PutItem", put_item::put_item, on_table!("dynamodb:PutItem", put_item::PutItemInput))
        .operation("GetItem", get_item::get_item, on_table!("dynamodb:GetItem", get_item::GetItemInput))
        .operation(
            "UpdateItem",
            update_item::update_item,
            on_table!("dynamodb:UpdateItem", update_item::UpdateItemInput),
        )
        .operation(
            "DeleteItem",
            delete_item::delete_item,
            on_table!("dynamodb:DeleteItem", delete_item::DeleteItemInput),
        )
        .operation("Query", query::query, on_index!("dynamodb:Query", query::QueryInput))
        .operation("Scan", scan::scan, on_index!("dynamodb:Scan", scan::ScanInput))
        .operation("BatchGetItem", batch::batch_get_item, on_tables!("dynamodb:BatchGetItem", batch::BatchGetItemInput))
        .operation(
            "BatchWriteItem",
            batch::batch_write_item,
            on_tables!("dynamodb:BatchWriteItem", batch::BatchWriteItemInput),
        )
        .operation("TransactGetItems", transact::transact_get_items, Access::to(transact::get_access))
        .operation("TransactWriteItems", transact::transact_write_items, Access::to(transact::write_access))
        .background(ttl::background)
        .into_service()
}
