//! Buses, rules and the rest by name and by ARN.

use pilvi_bus::{Arn, RequestContext};

/// The bus that every account has in every region.
pub(crate) const DEFAULT: &str = "default";

/// A bus: where it is and what it is called.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct BusName {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) name: String,
}

impl BusName {
    /// The bus that a request names by name or ARN; the default one where it names none.
    pub(crate) fn of(ctx: &RequestContext, given: Option<&str>) -> Self {
        let given = given.unwrap_or(DEFAULT);
        Self::from_arn(given).unwrap_or_else(|| Self {
            account: ctx.account.clone(),
            region: ctx.region.clone(),
            name: given.to_owned(),
        })
    }

    /// The bus of an ARN.
    pub(crate) fn from_arn(arn: &str) -> Option<Self> {
        let arn = Arn::parse(arn).filter(|arn| arn.service == "events")?;
        let name = arn.resource.strip_prefix("event-bus/")?.to_owned();
        Some(Self { account: arn.account, region: arn.region, name })
    }

    pub(crate) fn is_default(&self) -> bool {
        self.name == DEFAULT
    }

    pub(crate) fn arn(&self) -> String {
        Arn::new("events", &self.region, &self.account, format!("event-bus/{}", self.name)).to_string()
    }

    /// Its key in the table of buses.
    pub(crate) fn key(&self) -> (&str, &str, &str) {
        (&self.account, &self.region, &self.name)
    }

    /// The ARN of a rule on it: those of the default bus do not name it.
    pub(crate) fn rule_arn(&self, rule: &str) -> String {
        let resource = if self.is_default() { format!("rule/{rule}") } else { format!("rule/{}/{rule}", self.name) };
        Arn::new("events", &self.region, &self.account, resource).to_string()
    }
}

/// The bus and the name of a rule's ARN.
pub(crate) fn rule_of_arn(arn: &str) -> Option<(BusName, String)> {
    let arn = Arn::parse(arn).filter(|arn| arn.service == "events")?;
    let path = arn.resource.strip_prefix("rule/")?;
    let (bus, rule) = path.rsplit_once('/').unwrap_or((DEFAULT, path));
    let bus = BusName { account: arn.account, region: arn.region, name: bus.to_owned() };
    Some((bus, rule.to_owned()))
}

/// The name in an ARN such as `…:archive/name`, or the text itself where it is no ARN.
pub(crate) fn named<'a>(kind: &str, given: &'a str) -> &'a str {
    match given.split_once(&format!(":{kind}/")) {
        Some((_, rest)) => rest.split('/').next().unwrap_or(rest),
        None => given,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_named_with_their_bus_unless_it_is_the_default_one() {
        for (arn, bus, rule) in [
            ("arn:aws:events:eu-west-1:000000000000:rule/r", "default", "r"),
            ("arn:aws:events:eu-west-1:000000000000:rule/b/r", "b", "r"),
            ("arn:aws:events:eu-west-1:000000000000:rule/aws.partner/x/y/r", "aws.partner/x/y", "r"),
        ] {
            let (name, own) = rule_of_arn(arn).unwrap();
            assert_eq!((name.name.as_str(), own.as_str()), (bus, rule));
            assert_eq!(name.rule_arn(&own), arn);
        }
        assert_eq!(rule_of_arn("arn:aws:events:eu-west-1:0:event-bus/b"), None);
        assert_eq!(named("archive", "arn:aws:events:eu-west-1:0:archive/a"), "a");
        assert_eq!(named("connection", "arn:aws:events:eu-west-1:0:connection/c/7f"), "c");
    }
}
