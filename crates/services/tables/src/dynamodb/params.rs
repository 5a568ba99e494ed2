//! What many operations' parameters have in common.

use pilvi_bus::RequestContext;
use pilvi_model::Shape;
use pilvi_model::shape::Entries;

use super::wire::{Attribute, AttributeMap};
use crate::errors::TableError;
use crate::state::TableKey;
use crate::table::expression::key_condition::Term;
use crate::table::expression::placeholders::check_keys;
use crate::table::expression::{Condition, Placeholders, check, condition};
use crate::table::legacy::{self, ComparisonOperator};

/// The table that a TableName stands for: a name of the caller's account and region, or an ARN.
pub fn table_key(ctx: &RequestContext, name: &str) -> Result<TableKey, TableError> {
    if let Some((region, account, name)) = parse_arn(name) {
        return Ok((account.to_owned(), region.to_owned(), name.to_owned()));
    }
    check_name(name)?;
    Ok((ctx.account.clone(), ctx.region.clone(), name.to_owned()))
}

/// Region, account and table of `arn:aws:dynamodb:region:account:table/name`.
pub fn parse_arn(arn: &str) -> Option<(&str, &str, &str)> {
    let mut parts = arn.splitn(6, ':');
    if parts.next()? != "arn" {
        return None;
    }
    parts.next()?;
    if parts.next()? != "dynamodb" {
        return None;
    }
    let (region, account) = (parts.next()?, parts.next()?);
    let name = parts.next()?.strip_prefix("table/")?;
    Some((region, account, name.split('/').next().unwrap_or(name)))
}

fn check_name(name: &str) -> Result<(), TableError> {
    let complaint = if name.is_empty() {
        "Member must have length greater than or equal to 1"
    } else if name.len() > 255 {
        "Member must have length less than or equal to 255"
    } else if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')) {
        "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
    } else {
        return Ok(());
    };
    Err(TableError::Validation(format!(
        "1 validation error detected: Value '{name}' at 'tableName' failed to satisfy constraint: {complaint}"
    )))
}

/// A parameter's name and whether the request has it.
pub type Given = (&'static str, bool);

/// Expressions and legacy parameters exclude each other, and placeholders need an expression. `with_values` are the
/// expressions that may use values.
pub fn check_exclusive(
    expressions: &[Given],
    with_values: &[Given],
    legacy: &[Given],
    names: bool,
    values: bool,
) -> Result<(), TableError> {
    let given = |list: &[Given]| list.iter().filter(|(_, given)| *given).map(|(name, _)| *name).collect::<Vec<_>>();
    let (used, old) = (given(expressions), given(legacy));
    if !used.is_empty() && !old.is_empty() {
        return Err(TableError::Validation(format!(
            "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {{{}}} Expression parameters: {{{}}}",
            old.join(", "),
            used.join(", ")
        )));
    }
    if names && used.is_empty() {
        return Err(TableError::invalid("ExpressionAttributeNames can only be specified when using expressions"));
    }
    if values && !with_values.is_empty() && given(with_values).is_empty() {
        let all = with_values.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" and ");
        let verb = if with_values.len() > 1 { "are" } else { "is" };
        return Err(TableError::Validation(format!(
            "ExpressionAttributeValues can only be specified when using expressions: {all} {verb} null"
        )));
    }
    Ok(())
}

/// ExpressionAttributeNames and ExpressionAttributeValues, checked.
pub fn placeholders(names: Option<Entries<String>>, values: Option<AttributeMap>) -> Result<Placeholders, TableError> {
    if let Some(names) = &names {
        check_keys("ExpressionAttributeNames", '#', names.0.iter().map(|(key, _)| key))?;
    }
    let values = match values {
        None => None,
        Some(values) => {
            check_keys("ExpressionAttributeValues", ':', values.0.iter().map(|(key, _)| key))?;
            let mut checked = Vec::with_capacity(values.0.len());
            for (key, attribute) in values.0 {
                let value = attribute.value().map_err(|error| {
                    TableError::Validation(format!(
                        "ExpressionAttributeValues contains invalid value: {error} for key {key}"
                    ))
                })?;
                checked.push((key, value));
            }
            Some(checked)
        }
    };
    Ok(Placeholders::new(names.map(|names| names.0), values)?)
}

/// Parses and checks a condition or filter expression; `name` is the parameter's.
pub fn parse_condition(
    name: &str,
    text: Option<&str>,
    placeholders: &mut Placeholders,
) -> Result<Option<Condition>, TableError> {
    let Some(text) = text else { return Ok(None) };
    let checked = condition::parse(text).and_then(|parsed| check::check(parsed, placeholders));
    checked.map(Some).map_err(|error| TableError::Validation(error.of(name)))
}

/// An entry of Expected.
#[derive(Shape)]
pub struct ExpectedInput {
    pub value: Option<Attribute>,
    pub exists: Option<bool>,
    pub comparison_operator: Option<String>,
    pub attribute_value_list: Option<Vec<Attribute>>,
}

/// The condition of Expected and ConditionalOperator.
pub fn expected(
    entries: Option<Entries<ExpectedInput>>,
    operator: Option<&str>,
) -> Result<Option<Condition>, TableError> {
    check_operator(operator, entries.as_ref().map(|entries| entries.0.len()))?;
    let mut read = Vec::new();
    for (name, entry) in entries.map(|entries| entries.0).unwrap_or_default() {
        let list = match entry.attribute_value_list {
            Some(list) => Some(list.into_iter().map(Attribute::value).collect::<Result<Vec<_>, _>>()?),
            None => None,
        };
        let entry = legacy::Expected {
            value: entry.value.map(Attribute::value).transpose()?,
            exists: entry.exists,
            operator: entry.comparison_operator.as_deref().and_then(ComparisonOperator::from_name),
            list,
        };
        read.push((name, entry));
    }
    Ok(legacy::expected(read, operator == Some("OR"))?)
}

fn check_operator(operator: Option<&str>, conditions: Option<usize>) -> Result<(), TableError> {
    match (operator, conditions) {
        (Some(_), None) => Err(TableError::invalid("ConditionalOperator cannot be used without Filter or Expected")),
        (Some(_), Some(0 | 1)) => Err(TableError::invalid(
            "ConditionalOperator can only be used when Filter or Expected has two or more elements",
        )),
        _ => Ok(()),
    }
}

/// An entry of KeyConditions, QueryFilter or ScanFilter.
#[derive(Shape)]
pub struct ConditionInput {
    pub comparison_operator: String,
    pub attribute_value_list: Option<Vec<Attribute>>,
}

/// The terms of KeyConditions, QueryFilter or ScanFilter, checked.
pub fn terms(entries: Entries<ConditionInput>) -> Result<Vec<Term>, TableError> {
    let mut terms = Vec::with_capacity(entries.0.len());
    for (name, entry) in entries.0 {
        let list = entry.attribute_value_list.unwrap_or_default();
        let values = list.into_iter().map(Attribute::value).collect::<Result<Vec<_>, _>>()?;
        let operator = ComparisonOperator::from_name(&entry.comparison_operator).unwrap_or(ComparisonOperator::Eq);
        let term = Term { name, operator, values };
        legacy::check_term(&term)?;
        terms.push(term);
    }
    Ok(terms)
}

/// The condition of QueryFilter or ScanFilter and ConditionalOperator, and the attributes that it names.
pub fn filter(
    entries: Option<Entries<ConditionInput>>,
    operator: Option<&str>,
) -> Result<(Option<Condition>, Vec<String>), TableError> {
    check_operator(operator, entries.as_ref().map(|entries| entries.0.len()))?;
    let Some(entries) = entries else { return Ok((None, Vec::new())) };
    let terms = terms(entries)?;
    let names = terms.iter().map(|term| term.name.clone()).collect();
    Ok((legacy::filter(terms, operator == Some("OR")), names))
}

/// AttributesToGet: no name twice.
pub fn check_attributes_to_get(names: &[String]) -> Result<(), TableError> {
    for (position, name) in names.iter().enumerate() {
        if names.iter().take(position).any(|earlier| earlier == name) {
            return Err(TableError::invalid_parameter(format!("Duplicate value in attribute name: {name}")));
        }
    }
    Ok(())
}
