//! Who may: the evaluation of IAM policies, pure.
//!
//! A document is parsed once into a [`Policy`] (validated against the grammar of its [`Kind`] with the texts that
//! AWS uses) and evaluated many times: [`evaluate`] takes who asks, for what and in which circumstances, with every
//! policy that has a say, and answers with the statement that decided or the kind of policy that is missing.
//! The rules are those of the IAM user guide's "Policy evaluation logic" and "IAM JSON policy element reference".
//!
//! Nothing here does I/O or reads a clock; the time is a context key like any other.

mod access;
mod condition;
mod context;
mod document;
mod evaluate;
mod explain;
mod grammar;
mod pattern;
mod principal;
#[cfg(test)]
mod tests;
mod validate;

pub use access::{Principal, PrincipalKind};
pub use context::{Context, Value};
pub use document::{Effect, Policy, Statement};
pub use evaluate::{Decision, Policies, PolicyKind, Request, StatementRef, evaluate};
pub use explain::denial_text;
pub use grammar::{Kind, PolicyError};
pub use pattern::wildcard_match;
pub use principal::PrincipalName;
