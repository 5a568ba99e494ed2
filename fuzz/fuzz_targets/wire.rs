//! Any bytes as an HTTP request: which operation it is, its signature, its input. Nothing may panic, whatever it says.
//!
//! `cargo fuzz run -s none wire` (without a sanitizer it runs on stable Rust: `RUSTC_BOOTSTRAP=1`).
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Request::new(&mut headers);
    let Ok(httparse::Status::Complete(length)) = head.parse(data) else { return };
    let (Some(method), Some(path)) = (head.method, head.path) else { return };
    let mut request = http::Request::builder().method(method).uri(path);
    for header in head.headers.iter() {
        request = request.header(header.name, header.value);
    }
    let Ok(request) = request.body(()) else { return };
    let (parts, ()) = request.into_parts();
    let body = Bytes::copy_from_slice(data.get(length..).unwrap_or_default());
    if let Some(Ok((operation, input))) = pilvi_edge::edge::understand(&parts, &body) {
        assert!(!operation.is_empty());
        // What was read can be written down.
        let _ = format!("{input:?}");
    }
});
