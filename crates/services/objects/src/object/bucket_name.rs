//! Which names a bucket may have ("Bucket naming rules" of the S3 user guide).

/// Whether a general-purpose bucket may have this name.
pub fn is_valid(name: &str) -> bool {
    let length_fits = (3..=63).contains(&name.len());
    let characters_fit = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.');
    let ends_fit = !name.starts_with(['-', '.']) && !name.ends_with(['-', '.']);
    if !(length_fits && characters_fit && ends_fit) {
        return false;
    }
    if name.contains("..") || name.parse::<std::net::Ipv4Addr>().is_ok() {
        return false;
    }
    let reserved_start = ["xn--", "sthree-", "amzn-s3-demo-"].iter().any(|prefix| name.starts_with(prefix));
    let reserved_end =
        ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"].iter().any(|suffix| name.ends_with(suffix));
    !(reserved_start || reserved_end)
}

#[cfg(test)]
mod tests {
    use super::is_valid;

    #[test]
    fn the_documented_examples() {
        for name in ["docexamplebucket-1a1b2c3d4", "log-delivery-march-2020", "my-hosted-content", "a.b.c", "123"] {
            assert!(is_valid(name), "{name}");
        }
        for name in
            ["ab", "doc_example", "DocExample", "doc-", "-doc", "a..b", "192.168.5.4", "xn--a", "b-s3alias", "é-é-é"]
        {
            assert!(!is_valid(name), "{name}");
        }
        assert!(is_valid(&"a".repeat(63)));
        assert!(!is_valid(&"a".repeat(64)));
    }
}
