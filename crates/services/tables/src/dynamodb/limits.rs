//! DescribeLimits and DescribeEndpoints.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;

use crate::errors::TableError;
use crate::state::Tables;

/// What DescribeLimits answers.
#[derive(Shape)]
pub struct DescribeLimitsOutput {
    pub account_max_read_capacity_units: i64,
    pub account_max_write_capacity_units: i64,
    pub table_max_read_capacity_units: i64,
    pub table_max_write_capacity_units: i64,
}

/// What DescribeEndpoints answers.
#[derive(Shape)]
pub struct DescribeEndpointsOutput {
    pub endpoints: Vec<Endpoint>,
}

/// An address.
#[derive(Shape)]
pub struct Endpoint {
    pub address: String,
    pub cache_period_in_minutes: i64,
}

/// The quotas that an account begins with.
pub async fn describe_limits(_: Arc<Tables>, _: Ctx, (): ()) -> Result<DescribeLimitsOutput, TableError> {
    Ok(DescribeLimitsOutput {
        account_max_read_capacity_units: 80_000,
        account_max_write_capacity_units: 80_000,
        table_max_read_capacity_units: 40_000,
        table_max_write_capacity_units: 40_000,
    })
}

/// The address that the client has used.
pub async fn describe_endpoints(_: Arc<Tables>, ctx: Ctx, (): ()) -> Result<DescribeEndpointsOutput, TableError> {
    let address = ctx.endpoint.split_once("://").map_or(ctx.endpoint.as_str(), |(_, host)| host).to_owned();
    Ok(DescribeEndpointsOutput { endpoints: vec![Endpoint { address, cache_period_in_minutes: 1440 }] })
}
