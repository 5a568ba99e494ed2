//! Function names in all their forms: a name, a partial ARN, an ARN; each with or without a version or alias.

use pilvi_bus::RequestContext;

use crate::errors::FunctionError;
use crate::state::{VersionKey, function_arn};

/// A function that a request names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) name: String,
    /// A version or alias.
    pub(crate) qualifier: Option<String>,
}

impl Named {
    /// Reads a name; `qualifier` is the one that the request gives separately. The function is in the request's region.
    pub(crate) fn parse(ctx: &RequestContext, text: &str, qualifier: Option<&str>) -> Result<Named, FunctionError> {
        let named = Named::parse_anywhere(ctx, text, qualifier)?;
        if named.region != ctx.region {
            return Err(FunctionError::Missing(format!(
                "Functions from '{}' are not reachable in this region ('{}')",
                named.region, ctx.region
            )));
        }
        Ok(named)
    }

    /// The same in any region, for calls that other services make.
    pub(crate) fn parse_anywhere(
        ctx: &RequestContext,
        text: &str,
        qualifier: Option<&str>,
    ) -> Result<Named, FunctionError> {
        let parts: Vec<&str> = text.split(':').collect();
        let (account, region, name, own) = match parts.as_slice() {
            [name] => (&*ctx.account, &*ctx.region, *name, None),
            ["function", name] => (&*ctx.account, &*ctx.region, *name, None),
            [name, own] => (&*ctx.account, &*ctx.region, *name, Some(*own)),
            [account, "function", name] => (*account, &*ctx.region, *name, None),
            [account, "function", name, own] => (*account, &*ctx.region, *name, Some(*own)),
            ["arn", _, "lambda", region, account, "function", name] => (*account, *region, *name, None),
            ["arn", _, "lambda", region, account, "function", name, own] => (*account, *region, *name, Some(*own)),
            _ => return Err(FunctionError::Invalid(format!("{text} is not a valid function name or ARN."))),
        };
        if let (Some(one), Some(other)) = (own, qualifier)
            && one != other
        {
            let text = "The derived qualifier from the function name does not match the specified qualifier.";
            return Err(FunctionError::Invalid(text.to_owned()));
        }
        Ok(Named {
            account: account.to_owned(),
            region: region.to_owned(),
            name: name.to_owned(),
            qualifier: own.or(qualifier).map(str::to_owned),
        })
    }

    /// The ARN, with the qualifier if there is one.
    pub(crate) fn arn(&self) -> String {
        let arn = function_arn(&self.account, &self.region, &self.name);
        match &self.qualifier {
            Some(qualifier) => format!("{arn}:{qualifier}"),
            None => arn,
        }
    }

    /// The same function without a version or alias.
    pub(crate) fn unqualified(self) -> Named {
        Named { qualifier: None, ..self }
    }

    /// The account, region and name, which keys begin with.
    pub(crate) fn key(&self) -> (&str, &str, &str) {
        (&self.account, &self.region, &self.name)
    }

    /// The key of a record at a qualifier.
    pub(crate) fn key_at(&self, qualifier: &str) -> VersionKey {
        (self.account.clone(), self.region.clone(), self.name.clone(), qualifier.to_owned())
    }

    /// The alias that is named, if it is not a version: a version is a number or `$LATEST`.
    pub(crate) fn alias(&self) -> Option<&str> {
        self.qualifier.as_deref().filter(|qualifier| is_alias(qualifier))
    }

    /// The ARN without a qualifier.
    pub(crate) fn unqualified_arn(&self) -> String {
        function_arn(&self.account, &self.region, &self.name)
    }
}

/// Whether a qualifier can only be an alias.
pub(crate) fn is_alias(qualifier: &str) -> bool {
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    qualifier.bytes().all(letters) && !qualifier.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use pilvi_bus::Principal;

    use super::*;

    #[test]
    fn every_form_names_the_same_function() {
        let principal = Principal::Root { account: "1".into() };
        let ctx = RequestContext::internal(principal, "1", "eu-west-1", "");
        let arn = "arn:aws:lambda:eu-west-1:1:function:f";
        for form in ["f", "1:function:f", "function:f", arn] {
            assert_eq!(Named::parse(&ctx, form, None).unwrap().arn(), arn, "{form}");
        }
        for form in ["f:v", "1:function:f:v", &format!("{arn}:v")] {
            assert_eq!(Named::parse(&ctx, form, Some("v")).unwrap().arn(), format!("{arn}:v"), "{form}");
        }
        assert!(Named::parse(&ctx, "f:v", Some("w")).is_err());
        assert!(Named::parse(&ctx, "arn:aws:sqs:eu-west-1:1:q", None).is_err());
        let elsewhere = Named::parse(&ctx, "arn:aws:lambda:us-east-1:1:function:f", None).unwrap_err().to_string();
        assert_eq!(elsewhere, "Functions from 'us-east-1' are not reachable in this region ('eu-west-1')");
        assert!(is_alias("2024-01-02") && !is_alias("2024") && !is_alias("$LATEST"));
    }
}
