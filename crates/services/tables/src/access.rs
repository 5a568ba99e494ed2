//! What calls need to be allowed: actions on tables, indexes and other resources, told by members of the input.

/// The ARN of the table that a TableName stands for.
pub(crate) fn arn(ctx: &pilvi_bus::RequestContext, name: &str) -> String {
    if name.starts_with("arn:") {
        return name.to_owned();
    }
    ctx.arn("dynamodb", format!("table/{name}")).to_string()
}

/// An action on the table of the input's TableName.
macro_rules! on_table {
    ($action:literal, $input:ty) => {
        pilvi_bus::Access::to(|input: &$input, ctx| {
            vec![pilvi_bus::AccessRequest::new($action, $crate::access::arn(ctx, &input.table_name))]
        })
    };
}

/// An action on the resource of the input's ResourceArn.
macro_rules! on_resource {
    ($action:literal, $input:ty) => {
        pilvi_bus::Access::to(|input: &$input, _| {
            vec![pilvi_bus::AccessRequest::new($action, input.resource_arn.clone())]
        })
    };
}

/// An action on the index of the input's IndexName, or else on the table.
macro_rules! on_index {
    ($action:literal, $input:ty) => {
        pilvi_bus::Access::to(|input: &$input, ctx| {
            let table = $crate::access::arn(ctx, &input.table_name);
            let resource = match &input.index_name {
                Some(index) => format!("{table}/index/{index}"),
                None => table,
            };
            vec![pilvi_bus::AccessRequest::new($action, resource)]
        })
    };
}

/// An action on every table of the input's RequestItems.
macro_rules! on_tables {
    ($action:literal, $input:ty) => {
        pilvi_bus::Access::to(|input: &$input, ctx| {
            input
                .request_items
                .0
                .iter()
                .map(|(name, _)| pilvi_bus::AccessRequest::new($action, $crate::access::arn(ctx, name)))
                .collect()
        })
    };
}
