//! Function names in all their forms: a name, a partial ARN, an ARN; each with or without a version or alias.

use pilvi_bus::RequestContext;

use crate::errors::FunctionError;
use crate::state::function_arn;

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
    /// Reads a name; `qualifier` is the one that the request gives separately.
    pub(crate) fn parse(ctx: &RequestContext, text: &str, qualifier: Option<&str>) -> Result<Named, FunctionError> {
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

    /// The ARN without a qualifier.
    pub(crate) fn unqualified_arn(&self) -> String {
        function_arn(&self.account, &self.region, &self.name)
    }
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
    }
}
