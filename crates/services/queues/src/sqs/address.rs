//! Queue URLs: `http://HOST/ACCOUNT/NAME`, where the host may be any.

use std::sync::Arc;

use pilvi_bus::{AccessRequest, RequestContext, region};

use crate::errors::QueueError;
use crate::registry::{Queue, Queues};
use crate::state::QueueName;

/// The URL of a queue, on the host that the client used: it reaches us by that name, and may not by another.
pub(crate) fn url(ctx: &RequestContext, name: &QueueName) -> String {
    format!("{}/{}/{}", ctx.endpoint.trim_end_matches('/'), name.account, name.name)
}

/// The queue that a URL names. The last two parts of its path are the account and the name; a host that names a region decides
/// the region, so that a queue's AWS address can be used as it is.
pub(crate) fn parse(ctx: &RequestContext, url: &str) -> Result<QueueName, QueueError> {
    let invalid = || QueueError::InvalidAddress(url.to_owned());
    let (host, path) = match url.split_once("://") {
        Some((_, rest)) => rest.split_once('/').ok_or_else(invalid)?,
        // A bare name is taken for a queue of the caller's (seen in answers of AWS).
        None if is_name(url) => {
            let (account, region) = (ctx.account.clone(), ctx.region.clone());
            return Ok(QueueName { account, region, name: url.to_owned() });
        }
        None => ("", url),
    };
    let path = path.split(['?', '#']).next().unwrap_or(path).trim_end_matches('/');
    let (rest, name) = path.rsplit_once('/').ok_or_else(invalid)?;
    let account = rest.rsplit('/').next().unwrap_or(rest);
    if name.is_empty() || account.len() != 12 || !account.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(invalid());
    }
    let region = region_of(host).or_else(|| region_of_path(rest)).unwrap_or(&ctx.region);
    Ok(QueueName { account: account.to_owned(), region: region.to_owned(), name: name.to_owned() })
}

fn is_name(text: &str) -> bool {
    let stem = text.strip_suffix(".fifo").unwrap_or(text);
    !stem.is_empty() && stem.bytes().all(|letter| letter.is_ascii_alphanumeric() || letter == b'-' || letter == b'_')
}

/// `sqs.eu-west-1.amazonaws.com`, `eu-west-1.queue.amazonaws.com`.
fn region_of(host: &str) -> Option<&str> {
    host.split(['.', ':']).take(2).find(|label| region::is_region(label))
}

/// `queue/eu-west-1/000000000000`
fn region_of_path(path: &str) -> Option<&str> {
    path.split('/').find(|part| region::is_region(part))
}

/// The queue at a URL.
pub(crate) fn queue(queues: &Queues, ctx: &RequestContext, url: &str) -> Result<Arc<Queue>, QueueError> {
    if url.is_empty() {
        return Err(QueueError::MissingParameter("QueueUrl"));
    }
    queues.find(&parse(ctx, url)?)
}

/// What a call on the queue at a URL has to be allowed to do.
pub(crate) fn access(ctx: &RequestContext, action: &'static str, url: &str) -> Vec<AccessRequest> {
    match parse(ctx, url) {
        Ok(name) => vec![AccessRequest::new(action, name.arn())],
        // The operation itself will say what is wrong with the URL.
        Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use pilvi_bus::Principal;

    use super::*;

    #[test]
    fn any_host_names_a_queue() {
        let root = Principal::Root { account: "000000000000".to_owned() };
        let ctx = RequestContext::internal(root, "000000000000", "us-east-1", "http://localhost:4566");
        let name = |url| parse(&ctx, url).map(|name| format!("{}/{}/{}", name.region, name.account, name.name));
        for (url, expected) in [
            ("http://localhost:4566/000000000000/q", "us-east-1/000000000000/q"),
            ("http://sqs.eu-west-1.localhost:4566/000000000000/q.fifo", "eu-west-1/000000000000/q.fifo"),
            ("https://sqs.ap-south-1.amazonaws.com/123456789012/q", "ap-south-1/123456789012/q"),
            ("https://eu-west-2.queue.amazonaws.com/123456789012/q", "eu-west-2/123456789012/q"),
            ("http://localhost:4566/queue/eu-central-1/000000000000/q", "eu-central-1/000000000000/q"),
            ("/000000000000/q", "us-east-1/000000000000/q"),
            ("q.fifo", "us-east-1/000000000000/q.fifo"),
        ] {
            assert_eq!(name(url).unwrap(), expected);
        }
        for url in ["q/", "q.r", "http://localhost:4566/q", "http://localhost", "http://localhost/abc/q", "://"] {
            assert!(matches!(parse(&ctx, url), Err(QueueError::InvalidAddress(_))), "{url}");
        }
        assert_eq!(url(&ctx, &parse(&ctx, "/000000000000/q").unwrap()), "http://localhost:4566/000000000000/q");
    }
}
