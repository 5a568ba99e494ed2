//! How each service tells what is wrong with a request.

use pilvi_bus::ApiError;
use pilvi_model::api::{Api, Operation};

use super::{Problem, Problems, iam};

/// A service's way of refusing input that its model does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `N validation errors detected: Value … failed to satisfy constraint: …` under this code.
    Coral(&'static str),
    /// EventBridge: the same, with a text's length before its pattern.
    Events,
    /// The same without the values, and in another order: as IAM says it.
    Iam,
    /// SQS: only that a required parameter is missing; everything else is the operation's to check, in its own words.
    Sqs,
    /// SNS: likewise, in its words.
    Sns,
    /// API Gateway: likewise.
    ApiGateway,
    /// CloudWatch Logs: as most, but for names that are too long and for the newer operations' code.
    Logs(&'static str),
}

/// The dialect of a service for one of its operations.
pub fn dialect(api: &Api, operation: &Operation) -> Dialect {
    let answers = |code: &str| operation.errors.iter().any(|error| api.shape(*error).name == code);
    match api.name {
        "logs" if answers("ValidationException") && !answers("InvalidParameterException") => {
            Dialect::Logs("ValidationException")
        }
        "logs" => Dialect::Logs("InvalidParameterException"),
        "sqs" => Dialect::Sqs,
        "sns" => Dialect::Sns,
        "apigateway" | "apigatewayv2" => Dialect::ApiGateway,
        "iam" => Dialect::Iam,
        "sts" | "cloudformation" | "cloudwatch" => Dialect::Coral("ValidationError"),
        "ecr" => Dialect::Coral("InvalidParameterException"),
        "events" => Dialect::Events,
        _ => Dialect::Coral("ValidationException"),
    }
}

impl Dialect {
    /// The answer to a request with these problems; `None` where they are no obstacle.
    pub fn refuse(self, problems: &Problems) -> Option<ApiError> {
        let first = problems.0.first()?;
        if self == Dialect::Events {
            let place = |problem: &Problem| problems.0.iter().position(|first| first.path == problem.path);
            let mut sorted = problems.0.clone();
            sorted.sort_by_key(|problem| (place(problem), !problem.constraint.contains("have length")));
            return Some(ApiError::new("ValidationException", 400, Problems(sorted).text()));
        }
        if let Dialect::Coral(code) = self {
            return Some(ApiError::new(code, 400, problems.text()));
        }
        if let Dialect::Logs(code) = self {
            let is_name = matches!(first.member, "logGroupName" | "logStreamName");
            if is_name && first.constraint == "Member must have length less than or equal to 512" {
                let text = "Invalid LogGroup or LogStream, both must have length less than or equal to 512.";
                return Some(ApiError::new(code, 400, text));
            }
            return Some(ApiError::new(code, 400, problems.text()));
        }
        if self == Dialect::Iam {
            return Some(ApiError::new("ValidationError", 400, iam::text(problems)));
        }
        let absent = problems.0.iter().find(|problem| problem.value.is_none());
        match self {
            Dialect::Coral(_) | Dialect::Events | Dialect::Logs(_) | Dialect::Iam => None,
            Dialect::Sqs => absent.map(|problem| {
                let text = format!("The request must contain the parameter {}.", problem.member);
                ApiError::new("MissingRequiredParameterException", 400, text).with_query_code("MissingParameter")
            }),
            // Recorded: what is missing inside of a parameter is told as most services do.
            Dialect::Sns if absent.is_some_and(|problem| problem.path.contains('.')) => {
                Some(ApiError::new("ValidationError", 400, problems.text()))
            }
            Dialect::Sns => absent.map(|problem| {
                let text = format!("Invalid parameter: {} Reason: no value for required parameter", problem.member);
                ApiError::new("InvalidParameter", 400, text)
            }),
            Dialect::ApiGateway => {
                let problem = absent.unwrap_or(first);
                let text = match &problem.value {
                    None => format!("Missing required parameter: {}", problem.path),
                    Some(_) => problem.sentence(),
                };
                Some(ApiError::new("BadRequestException", 400, text))
            }
        }
    }
}
