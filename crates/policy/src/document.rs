//! A policy, parsed once and ready to be evaluated many times.

use serde_json::{Map, Value};

use crate::access::{Closeness, Principal};
use crate::condition::{Condition, OperatorName};
use crate::context::Context;
use crate::grammar::{Kind, PolicyError, condition_values, statements, strings};
use crate::pattern::{Pattern, Reading};
use crate::principal::PrincipalName;
use crate::validate::validate;

/// What a statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Grants.
    Allow,
    /// Takes away, whatever grants.
    Deny,
}

/// A compiled policy document.
#[derive(Debug, Clone)]
pub struct Policy {
    name: Box<str>,
    statements: Box<[Statement]>,
}

/// One compiled statement.
#[derive(Debug, Clone)]
pub struct Statement {
    sid: Option<Box<str>>,
    effect: Effect,
    actions: Listed<Pattern>,
    /// `None` in trust policies, whose only resource is their role.
    resources: Option<Listed<Pattern>>,
    /// `None` in identity policies, which are about whom they are attached to.
    principals: Option<Listed<PrincipalName>>,
    conditions: Box<[Condition]>,
}

/// A list of what is meant (`Action`), or of everything that is not meant (`NotAction`).
#[derive(Debug, Clone)]
struct Listed<T> {
    items: Box<[T]>,
    negated: bool,
}

impl Policy {
    /// Checks `text` against the grammar of its kind and compiles it. `name` is what explanations call the policy:
    /// the ARN of a managed policy, the name of an inline one, the ARN of the resource.
    ///
    /// # Errors
    /// With the text that AWS answers for the first mistake it reports.
    pub fn parse(name: &str, text: &str, kind: Kind) -> Result<Policy, PolicyError> {
        let document: Option<Value> = serde_json::from_str(text).ok();
        validate(document.as_ref(), kind)?;
        document.as_ref().and_then(|d| compile(name, d)).ok_or(PolicyError::Syntax)
    }

    /// Compiles a document that was accepted before, or that a service validates with rules of its own.
    ///
    /// # Errors
    /// [`PolicyError::Syntax`] when `text` is not a policy or an element has the wrong shape.
    pub fn load(name: &str, text: &str) -> Result<Policy, PolicyError> {
        let document: Value = serde_json::from_str(text).map_err(|_| PolicyError::Syntax)?;
        compile(name, &document).ok_or(PolicyError::Syntax)
    }

    /// What explanations call this policy.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The statements in the order of the document.
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// Every name in the `Principal` and `NotPrincipal` elements, to see whether they exist.
    pub fn principals(&self) -> impl Iterator<Item = &PrincipalName> {
        self.statements.iter().filter_map(|s| s.principals.as_ref()).flat_map(|p| p.items.iter())
    }

    /// Every condition key that some statement looks at, as the document writes it.
    pub fn condition_keys(&self) -> impl Iterator<Item = &str> {
        self.statements.iter().flat_map(|s| s.conditions.iter()).map(Condition::key)
    }
}

impl Statement {
    /// The statement's `Sid`, where it has one.
    pub fn sid(&self) -> Option<&str> {
        self.sid.as_deref()
    }

    /// Whether it allows or denies.
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// Whether action, resource and conditions fit; principals are asked separately.
    pub(crate) fn applies(&self, action: &str, resource: &str, context: &Context) -> bool {
        self.actions.means(|pattern| pattern.matches(action, context, true))
            && self.resources.as_ref().is_none_or(|r| r.means(|pattern| pattern.matches(resource, context, false)))
            && self.conditions.iter().all(|condition| condition.holds(context))
    }

    /// How closely the statement means `principal`; `None` when it does not. A statement without principals means
    /// whomever its policy is attached to.
    pub(crate) fn means(&self, principal: &Principal) -> Option<Closeness> {
        let Some(principals) = &self.principals else { return Some(Closeness::Direct) };
        let closest = principals.items.iter().filter_map(|name| principal.named_by(name)).max();
        if !principals.negated {
            return closest;
        }
        let exempt = match self.effect {
            Effect::Allow => closest.is_some(),
            Effect::Deny => principal.exempted_by(&principals.items),
        };
        (!exempt).then_some(Closeness::Direct)
    }
}

impl<T> Listed<T> {
    fn means(&self, matches: impl FnMut(&T) -> bool) -> bool {
        self.items.iter().any(matches) != self.negated
    }
}

fn compile(name: &str, document: &Value) -> Option<Policy> {
    let document = document.as_object()?;
    // Variables came with this version; in older documents `${` is text.
    let variables = document.get("Version").and_then(Value::as_str) == Some("2012-10-17");
    let statements: Option<Box<[Statement]>> =
        statements(document)?.into_iter().map(|statement| compile_statement(statement, variables)).collect();
    Some(Policy { name: name.into(), statements: statements? })
}

fn compile_statement(statement: &Map<String, Value>, variables: bool) -> Option<Statement> {
    let effect = match statement.get("Effect")?.as_str()? {
        "Allow" => Effect::Allow,
        "Deny" => Effect::Deny,
        _ => return None,
    };
    let action = |raw: &str| Pattern::compile(raw, Reading { wildcards: true, variables: false });
    let resource = |raw: &str| Pattern::compile(&completed(raw), Reading { wildcards: true, variables });
    Some(Statement {
        sid: statement.get("Sid").and_then(Value::as_str).filter(|sid| !sid.is_empty()).map(Into::into),
        effect,
        actions: listed(statement, "Action", "NotAction", action)??,
        resources: match listed(statement, "Resource", "NotResource", resource) {
            Some(listed) => Some(listed?),
            None => None,
        },
        principals: compile_principals(statement)?,
        conditions: compile_conditions(statement.get("Condition"), variables)?,
    })
}

/// `None` when neither element is there, `Some(None)` when it has the wrong shape.
fn listed<T>(
    statement: &Map<String, Value>,
    name: &str,
    negated_name: &str,
    compile: impl Fn(&str) -> T,
) -> Option<Option<Listed<T>>> {
    let (value, negated) = match (statement.get(name), statement.get(negated_name)) {
        (Some(value), _) => (value, false),
        (None, Some(value)) => (value, true),
        (None, None) => return None,
    };
    Some(strings(value).map(|list| Listed { items: list.into_iter().map(compile).collect(), negated }))
}

/// An ARN with fewer than its six parts is completed with wildcards, as AWS does (`arn:aws:sqs` → `arn:aws:sqs:*:*:*`).
fn completed(arn: &str) -> String {
    let parts = arn.matches(':').count() + 1;
    if !arn.starts_with("arn:") || parts >= 6 {
        return arn.to_owned();
    }
    format!("{arn}{}", ":*".repeat(6 - parts))
}

fn compile_principals(statement: &Map<String, Value>) -> Option<Option<Listed<PrincipalName>>> {
    let (value, negated) = match (statement.get("Principal"), statement.get("NotPrincipal")) {
        (Some(value), _) => (value, false),
        (None, Some(value)) => (value, true),
        (None, None) => return Some(None),
    };
    let items = match value {
        Value::String(everyone) if everyone == "*" => vec![PrincipalName::Everyone],
        Value::Object(map) => {
            let mut items = Vec::new();
            for (kind, names) in map {
                // A name of no known form names nobody.
                items.extend(strings(names)?.into_iter().filter_map(|name| PrincipalName::parse(kind, name)));
            }
            items
        }
        _ => return None,
    };
    Some(Some(Listed { items: items.into(), negated }))
}

fn compile_conditions(condition: Option<&Value>, variables: bool) -> Option<Box<[Condition]>> {
    let mut out = Vec::new();
    let Some(condition) = condition else { return Some(out.into()) };
    for (operator, keys) in condition.as_object()? {
        let keys = keys.as_object()?;
        if keys.is_empty() {
            continue;
        }
        let name = OperatorName::parse(operator)?;
        for (key, values) in keys {
            out.push(Condition::compile(name, key, &condition_values(values)?, variables));
        }
    }
    Some(out.into())
}
