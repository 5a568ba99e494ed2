//! Web pages that the user happens to look at must not drive the cloud: neither through a name of their own that they point
//! at this machine (DNS rebinding), nor by posting blindly to it.
//!
//! Whatever is signed with a secret proves itself; this is about calls that are not, and about the cloud's own pages. What
//! is meant for pages (HTTP APIs, function URLs, buckets with CORS rules) is answered before it comes to this.

use http::header::ORIGIN;
use http::request::Parts;
use pilvi_bus::http::host;

/// What is answered to them.
pub const REFUSED: &str = "Calls that are not signed with a secret are not taken from web pages, nor through host names \
                           that are not this cloud's own. Use localhost, or sign with the access key of a user.";

/// True where the host that a request names cannot be a stranger's: an address, a name without dots, `localhost`, a name
/// that only local resolvers know, or one of AWS's own, which a client was led here from.
pub fn is_own_host(parts: &Parts) -> bool {
    let host = host(parts);
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let own =
        ["localhost", "localhost.localstack.cloud", "internal", "local", "test", "amazonaws.com", "amazonaws.com.cn"];
    let is_or_is_below =
        |name: &&str| bare.strip_suffix(*name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    !bare.contains('.') || bare.parse::<std::net::IpAddr>().is_ok() || own.iter().any(is_or_is_below)
}

/// True where a browser says that a page of another site makes this request. Browsers send `Origin` with everything that
/// may change something, and the newer header with everything.
pub fn is_cross_site(parts: &Parts) -> bool {
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    if text("sec-fetch-site") == Some("cross-site") {
        return true;
    }
    let Some(origin) = text(ORIGIN.as_str()) else { return false };
    let authority = origin.split("://").nth(1).unwrap_or_default();
    let name = authority.rsplit_once(':').map_or(authority, |(name, _)| name);
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    let local = bare == "localhost"
        || bare.ends_with(".localhost")
        || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    !local
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(headers: &[(&str, &str)]) -> Parts {
        let builder =
            headers.iter().fold(http::Request::builder(), |request, (name, value)| request.header(*name, *value));
        builder.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_strangers_name_is_known() {
        for own in [
            "localhost:4566",
            "127.0.0.1",
            "[::1]:4566",
            "pilvi:4566",
            "a.s3.localhost",
            "sqs.eu-west-1.amazonaws.com",
            "host.docker.internal:4566",
        ] {
            assert!(is_own_host(&parts(&[("host", own)])), "{own}");
        }
        for foreign in ["evil.example", "localhost.evil.example:4566", "amazonaws.com.evil.example", "notlocalhost.com"]
        {
            assert!(!is_own_host(&parts(&[("host", foreign)])), "{foreign}");
        }
    }

    #[test]
    fn a_page_of_another_site_is_known() {
        assert!(is_cross_site(&parts(&[("origin", "https://evil.example")])));
        assert!(is_cross_site(&parts(&[("origin", "null")])));
        assert!(is_cross_site(&parts(&[("sec-fetch-site", "cross-site")])));
        assert!(!is_cross_site(&parts(&[("origin", "http://localhost:3000"), ("sec-fetch-site", "same-site")])));
        assert!(!is_cross_site(&parts(&[("origin", "http://[::1]:3000")])));
        assert!(!is_cross_site(&parts(&[])));
    }
}
