//! AWS's published vectors, botocore as the oracle, and what must never pass.

use http::request::Parts;
use http::{HeaderName, HeaderValue, Request};
use jiff::Timestamp;
use proptest::prelude::*;
use serde::Deserialize;

use super::*;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const OK: Result<(), SigError> = Ok(());

fn request(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Facts of AWS's Signature Version 4 test suite: path and query, extra headers, payload, signature. All are requests
/// of AKIDEXAMPLE to `service` in us-east-1 on 2015-08-30 at 12:36:00.
struct Vector {
    style: PathStyle,
    method: &'static str,
    uri: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
    signature: &'static str,
}

const fn get(uri: &'static str, signature: &'static str) -> Vector {
    with_headers(uri, &[], signature)
}

const fn with_headers(
    uri: &'static str,
    headers: &'static [(&'static str, &'static str)],
    signature: &'static str,
) -> Vector {
    Vector { style: PathStyle::NormalizedTwiceEncoded, method: "GET", uri, headers, body: "", signature }
}

/// The suite's "unnormalized" vectors, and those whose path it spells without encoding (the wire has to encode it).
const fn as_is(uri: &'static str, signature: &'static str) -> Vector {
    Vector { style: PathStyle::AsIs, method: "GET", uri, headers: &[], body: "", signature }
}

const VECTORS: &[Vector] = &[
    get("/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    get("/example1/example2/../..", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    get("//example//", "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"),
    as_is("//example//", "87cca117541a147f6df867677d98a7d80dff226d2bfca9e4ffa899665623c7e5"),
    get("/./example", "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"),
    as_is("/example%20space/", "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"),
    as_is("/%E1%88%B4", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
    get("/?Param1=value1", "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"),
    get("/?Param2=value2&Param1=value1", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
    get(
        "/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
        "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac",
    ),
    get("/?%E1%88%B4=bar", "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"),
    get(
        "/?-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz=-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
        "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
    ),
    get(
        "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
        "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
    ),
    with_headers(
        "/",
        &[("my-header1", "value1"), ("my-header1", "value2"), ("my-header1", "value3")],
        "ba17b383a53190154eb5fa66a1b836cc297cc0a3d70a5d00705980573d8ff790",
    ),
    with_headers(
        "/",
        &[("my-header1", "value2"), ("my-header1", "value2"), ("my-header1", "value1")],
        "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
    ),
    with_headers(
        "/",
        &[("my-header1", "value4"), ("my-header1", "value1"), ("my-header1", "value3"), ("my-header1", "value2")],
        "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01",
    ),
    with_headers(
        "/",
        &[("my-header1", " value1"), ("my-header2", " \"a   b   c\"")],
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    ),
    with_headers(
        "/",
        &[("x-amz-security-token", "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267")],
        "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8",
    ),
    Vector {
        style: PathStyle::NormalizedTwiceEncoded,
        method: "POST",
        uri: "/",
        headers: &[
            ("content-length", "13"),
            ("content-type", "application/x-www-form-urlencoded"),
            ("x-amz-content-sha256", "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e"),
        ],
        body: "Param1=value1",
        signature: "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b",
    },
];

#[test]
fn the_published_vectors_verify() {
    let verifier = Verifier::new();
    for vector in VECTORS {
        let mut headers = vector.headers.to_vec();
        headers.extend([("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z")]);
        let mut names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        names.dedup();
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders={}, \
             Signature={}",
            names.join(";"),
            vector.signature
        );
        headers.push(("authorization", &authorization));
        let parts = request(vector.method, vector.uri, &headers);
        let claim = parse(&parts).unwrap().unwrap();
        assert_eq!((claim.access_key.as_str(), claim.region.as_str()), ("AKIDEXAMPLE", "us-east-1"));
        let hash = payload_hash(vector.body.as_bytes());
        let now = at("2015-08-30T12:40:00Z");
        assert_eq!(verifier.verify_styled(&claim, &parts, &hash, SECRET, now, vector.style), OK, "{}", vector.uri);
    }
}

#[test]
fn the_published_presigned_vector_verifies_until_it_expires() {
    let uri = "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fservice%2F\
               aws4_request&X-Amz-Date=20150830T123600Z&X-Amz-SignedHeaders=host&X-Amz-Expires=3600&X-Amz-Signature=\
               e93c787ed7f371d5c6b165c1b38ede9550f4dce4144713e844b25b7192d3865d";
    let parts = request("GET", uri, &[("host", "example.amazonaws.com")]);
    let claim = parse(&parts).unwrap().unwrap();
    assert_eq!(claim.form, Form::Query { expires_seconds: Some(3600) });
    let check = |now: &str| Verifier::new().verify(&claim, &parts, EMPTY_SHA256, SECRET, at(now));
    assert_eq!(check("2015-08-30T13:36:00Z"), OK);
    let late = check("2015-08-30T13:36:01Z").unwrap_err();
    assert_eq!(
        late.message(Dialect::Query),
        "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T133601Z - 60 min.)"
    );
}

/// Signed by botocore (SigV4Auth, S3SigV4Auth, SigV4QueryAuth, S3SigV4QueryAuth) with the clock held at
/// 2026-03-14T15:09:26Z and AWS's example key pair.
#[derive(Deserialize)]
struct Signed {
    method: String,
    uri: String,
    headers: std::collections::BTreeMap<String, String>,
    body: String,
    token: Option<String>,
    service: String,
    region: String,
    query: bool,
}

const BOTOCORE_SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

fn botocore() -> Vec<(Signed, Parts)> {
    let signed: Vec<Signed> = serde_json::from_str(include_str!("botocore.json")).unwrap();
    let with_parts = |signed: Signed| {
        let headers: Vec<(&str, &str)> = signed.headers.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let parts = request(&signed.method, &signed.uri, &headers);
        (signed, parts)
    };
    signed.into_iter().map(with_parts).collect()
}

fn declared_or_computed(signed: &Signed) -> String {
    match (signed.headers.get("x-amz-content-sha256"), signed.query && signed.service == "s3") {
        (Some(declared), _) => declared.clone(),
        (None, true) => "UNSIGNED-PAYLOAD".into(),
        (None, false) => payload_hash(signed.body.as_bytes()),
    }
}

#[test]
fn what_botocore_signs_verifies_and_another_secret_does_not() {
    let verifier = Verifier::new();
    let now = at("2026-03-14T15:12:00Z");
    let all = botocore();
    assert_eq!(all.len(), 10);
    for (signed, parts) in &all {
        let claim = parse(parts).unwrap().unwrap();
        assert_eq!((&claim.service, &claim.region), (&signed.service, &signed.region));
        assert_eq!(claim.session_token, signed.token);
        assert_eq!(claim.form != Form::Header, signed.query);
        let hash = declared_or_computed(signed);
        for _ in 0..2 {
            assert_eq!(verifier.verify(&claim, parts, &hash, BOTOCORE_SECRET, now), OK, "{}", signed.uri);
        }
        let wrong = verifier.verify(&claim, parts, &hash, SECRET, now);
        assert!(matches!(wrong, Err(SigError::Mismatch { .. })));
    }
}

#[test]
fn dates_far_off_are_refused_in_aws_words() {
    let (signed, parts) = botocore().swap_remove(0);
    let claim = parse(&parts).unwrap().unwrap();
    let hash = declared_or_computed(&signed);
    let check = |now: &str| Verifier::new().verify(&claim, &parts, &hash, BOTOCORE_SECRET, at(now));
    assert_eq!(check("2026-03-14T15:24:26Z"), OK);
    assert_eq!(check("2026-03-14T14:54:26Z"), OK);
    let expired = check("2026-03-14T15:24:27Z").unwrap_err();
    assert_eq!(expired.code(Dialect::Json), "InvalidSignatureException");
    assert_eq!(
        expired.message(Dialect::Json),
        "Signature expired: 20260314T150926Z is now earlier than 20260314T150927Z (20260314T152427Z - 15 min.)"
    );
    assert_eq!(
        check("2026-03-14T14:54:25Z").unwrap_err().message(Dialect::Json),
        "Signature not yet current: 20260314T150926Z is still later than 20260314T150925Z (20260314T145425Z + 15 min.)"
    );
}

fn parse_error(uri: &str, headers: &[(&str, &str)]) -> SigError {
    parse(&request("POST", uri, headers)).unwrap_err()
}

#[test]
fn unreadable_signatures_are_answered_in_aws_words() {
    assert_eq!(
        parse_error("/", &[("authorization", "AWS4-")]).message(Dialect::Json),
        "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. \
         Authorization header requires 'SignedHeaders' parameter. Authorization header requires existence of either a \
         'X-Amz-Date' or a 'Date' header. Authorization=AWS4-"
    );
    let without_names = [("authorization", "AWS4- Signature=b,Credential=a"), ("date", "a")];
    assert_eq!(
        parse_error("/", &without_names).message(Dialect::Json),
        "Authorization header requires 'SignedHeaders' parameter. Authorization=AWS4- Signature=b,Credential=a"
    );
    assert_eq!(
        parse_error("/?X-Amz-Algorithm=a&X-Amz-Credential=b&X-Amz-Signature=c&X-Amz-Date=d", &[])
            .message(Dialect::Json),
        "AWS query-string parameters must include 'X-Amz-SignedHeaders'. Re-examine the query-string parameters."
    );
    assert_eq!(parse_error("/?X-Amz-Algorithm", &[("authorization", "X")]), SigError::BothForms);

    let full = |algorithm: &str, credential: &str, date: &str| {
        let authorization = format!("{algorithm} Credential={credential}, SignedHeaders=host, Signature=s");
        parse_error("/", &[("authorization", &authorization), ("x-amz-date", date)]).message(Dialect::Json)
    };
    let (scope, date) = ("a/20130609/c/d/aws4_request", "20130609T095204Z");
    assert_eq!(
        full(ALGORITHM, scope, "201"),
        "Date must be in ISO-8601 'basic format'. Got '201'. See http://en.wikipedia.org/wiki/ISO_8601"
    );
    assert_eq!(
        full("AWS4-HMAC-SHA25", scope, date),
        "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA25' (only AWS4-HMAC-SHA256 for now). "
    );
    assert_eq!(
        full(ALGORITHM, "a/b/c/d", date),
        "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'a/b/c/d'"
    );
}

#[test]
fn requests_that_are_not_signed_claim_nothing() {
    let none = |uri: &str, headers: &[(&str, &str)]| parse(&request("GET", uri, headers)).unwrap().is_none();
    assert!(none("/", &[]));
    assert!(none("/", &[("authorization", "Bearer abc")]));
    assert!(none("/", &[("authorization", "AWS4")]));
    assert!(none("/?X-Amz-Credential=a&X-Amz-Signature=b", &[]));
}

#[test]
fn a_wrong_scope_is_told_in_one_message() {
    let authorization = "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=host, Signature=s";
    let parts = request("POST", "/", &[("authorization", authorization), ("x-amz-date", "20130609T095204Z")]);
    let claim = parse(&parts).unwrap().unwrap();
    assert_eq!(
        claim.check_scope(Some("eu-west-1"), Some("dynamodb")).unwrap_err().message(Dialect::Json),
        "Credential should be scoped to a valid region, not 'c'. Credential should be scoped to correct service: \
         'dynamodb'. Credential should be scoped with a valid terminator: 'aws4_request', not 'e'. Date in Credential \
         scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: 'b' != '20130609', from \
         '20130609T095204Z'. "
    );
}

/// The example of the S3 API reference ("Transferring payload in multiple chunks"): 64 KB, 1 KB and the last chunk.
#[test]
fn the_documented_chunks_verify_in_order_only() {
    let authorization = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,\
                         SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;\
                         x-amz-decoded-content-length;x-amz-storage-class,Signature=\
                         4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
    let headers = [
        ("host", "s3.amazonaws.com"),
        ("x-amz-date", "20130524T000000Z"),
        ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        ("authorization", authorization),
        ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
        ("content-encoding", "aws-chunked"),
        ("x-amz-decoded-content-length", "66560"),
        ("content-length", "66824"),
    ];
    let parts = request("PUT", "/examplebucket/chunkObject.txt", &headers);
    let claim = parse(&parts).unwrap().unwrap();
    let verifier = Verifier::new();
    let now = at("2013-05-24T00:00:00Z");
    assert_eq!(verifier.verify(&claim, &parts, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", BOTOCORE_SECRET, now), OK);

    let chunks: [(usize, &str); 3] = [
        (65536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"),
        (1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"),
        (0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"),
    ];
    let mut in_order = ChunkVerifier::new(&verifier, &claim, BOTOCORE_SECRET).unwrap();
    for (length, signature) in chunks {
        assert_eq!(in_order.chunk(&vec![b'a'; length], signature), OK);
    }
    let mut skipping = ChunkVerifier::new(&verifier, &claim, BOTOCORE_SECRET).unwrap();
    assert!(skipping.chunk(&[b'a'; 1024], chunks[1].1).is_err());
    assert!(skipping.chunk(&[b'b'; 65536], chunks[0].1).is_err());
}

proptest! {
    #[test]
    fn any_tampering_with_what_is_signed_is_noticed(which in 0usize..10, what in 0u8..6, pick in any::<prop::sample::Index>()) {
        let (signed, mut parts) = botocore().swap_remove(which);
        let claim = parse(&parts).unwrap().unwrap();
        let mut hash = declared_or_computed(&signed);
        match what {
            0 => parts.method = http::Method::PATCH,
            1 => parts.uri = format!("/x{}", signed.uri).parse().unwrap(),
            2 => {
                let sign = if signed.uri.contains('?') { '&' } else { '?' };
                parts.uri = format!("{}{sign}new=1", signed.uri).parse().unwrap();
            }
            3 => {
                let name = &claim.signed_headers[pick.index(claim.signed_headers.len())];
                let name: HeaderName = name.parse().unwrap();
                parts.headers.append(name, HeaderValue::from_static("more"));
            }
            4 => hash.push('0'),
            _ => {
                let name = &claim.signed_headers[pick.index(claim.signed_headers.len())];
                parts.headers.remove(name.as_str());
            }
        }
        let result = Verifier::new().verify(&claim, &parts, &hash, BOTOCORE_SECRET, at("2026-03-14T15:12:00Z"));
        prop_assert!(matches!(result, Err(SigError::Mismatch { .. })), "{result:?}");
    }

    #[test]
    fn a_changed_claim_is_noticed(which in 0usize..10, field in 0u8..4, text in "[a-z0-9]{1,12}") {
        let (signed, parts) = botocore().swap_remove(which);
        let mut claim = parse(&parts).unwrap().unwrap();
        match field {
            0 => claim.region = text,
            1 => claim.service = text,
            2 => claim.signature = text,
            _ => claim.signed_headers.push(text),
        }
        let hash = declared_or_computed(&signed);
        prop_assert!(Verifier::new().verify(&claim, &parts, &hash, BOTOCORE_SECRET, at("2026-03-14T15:12:00Z")).is_err());
    }

    #[test]
    fn nothing_makes_the_parser_or_the_verifier_panic(
        header in prop::collection::vec(any::<u8>(), 0..200),
        prefix in prop::sample::select(vec!["", "AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA256 Credential=a/20260314/c/d/aws4_request,SignedHeaders=host;é,Signature="]),
        date in "[0-9TZ:]{0,20}|20260314T150926Z",
        query in "(X-Amz-(Algorithm|Credential|Signature|SignedHeaders|Date|Expires)=[a-zA-Z0-9/%;-]{0,20}&?){0,7}",
        path in "[/.%a-zA-Z0-9~+]{0,40}",
    ) {
        let mut bytes = prefix.as_bytes().to_vec();
        bytes.extend_from_slice(&header);
        let mut request = Request::builder().uri(format!("/{path}?{query}"));
        if let Ok(value) = HeaderValue::from_bytes(&bytes) {
            request = request.header("authorization", value);
        }
        if let Ok(value) = HeaderValue::from_str(&date) {
            request = request.header("x-amz-date", value);
        }
        let Ok(request) = request.body(()) else { return Ok(()) };
        let parts = request.into_parts().0;
        let outcome = match parse(&parts) {
            Ok(Some(claim)) => Verifier::new().verify(&claim, &parts, EMPTY_SHA256, SECRET, at("2026-03-14T15:12:00Z")),
            Ok(None) => return Ok(()),
            Err(error) => Err(error),
        };
        let error = outcome.unwrap_err();
        for dialect in [Dialect::Query, Dialect::Json, Dialect::RestJson] {
            prop_assert!(!error.message(dialect).is_empty() && error.status(dialect).is_client_error());
        }
    }
}
