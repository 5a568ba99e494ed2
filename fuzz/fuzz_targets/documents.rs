//! Any text as a policy document and as an event pattern. Nothing may panic, and what is accepted is accepted again.
//!
//! `cargo fuzz run -s none documents` (without a sanitizer it runs on stable Rust: `RUSTC_BOOTSTRAP=1`).
#![no_main]

use libfuzzer_sys::fuzz_target;
use pilvi_patterns::Pattern;
use pilvi_policy::{Kind, Policy};

fuzz_target!(|text: &str| {
    for kind in [Kind::Identity, Kind::Resource, Kind::Trust] {
        let first = Policy::parse("policy", text, kind).is_ok();
        assert_eq!(first, Policy::parse("policy", text, kind).is_ok());
    }
    if let Ok(pattern) = Pattern::parse(text) {
        let event: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
        let _ = pattern.matches(&event);
    }
    let _ = Pattern::parse_filter_policy(text);
});
