//! The runtimes: which interpreter a runtime identifier means, and how it is started.

mod ca;
mod discover;
pub(crate) mod etc;
mod launch;
mod layers;
mod shims;

pub(crate) use discover::Interpreters;
pub use discover::{Found, discover};
pub(crate) use launch::{Facts, custom_missing, custom_path, extensions_of, prepare};
pub(crate) use layers::merge_layers;
pub(crate) use shims::{JAVA_CLASSES, Shims};

/// A family of runtimes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// `nodejs*`
    Node,
    /// `python*`
    Python,
    /// `java*`
    Java,
    /// `provided*`: any executable that speaks the Runtime API.
    Provided,
    /// `go1.x`: the same, named by the handler.
    Go,
}

/// A runtime identifier, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RuntimeName {
    pub(crate) family: Family,
    /// Major and minor version that it asks for (minor 0 where the identifier has none).
    pub(crate) version: (u32, u32),
}

impl RuntimeName {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        if let Some(rest) = name.strip_prefix("nodejs") {
            // `nodejs18.x`, `nodejs8.10`, and plain `nodejs` (0.10, long gone).
            let major = rest.split('.').next().and_then(|n| n.parse().ok()).unwrap_or(0);
            return Some(Self { family: Family::Node, version: (major, 0) });
        }
        if let Some(rest) = name.strip_prefix("python") {
            let (major, minor) = rest.split_once('.').unwrap_or((rest, "0"));
            let version = (major.parse().unwrap_or(3), minor.parse().unwrap_or(0));
            return Some(Self { family: Family::Python, version });
        }
        if let Some(rest) = name.strip_prefix("java") {
            // `java8.al2`, `java21`
            let major = rest.split('.').next().and_then(|n| n.parse().ok())?;
            return Some(Self { family: Family::Java, version: (major, 0) });
        }
        if name.starts_with("provided") {
            return Some(Self { family: Family::Provided, version: (0, 0) });
        }
        (name == "go1.x").then_some(Self { family: Family::Go, version: (1, 0) })
    }

    /// As in the INIT_START line: `nodejs:20`, `python:3.11`, `provided:al2023`.
    pub(crate) fn log_name(&self, identifier: &str) -> String {
        match self.family {
            Family::Node => format!("nodejs:{}", self.version.0),
            Family::Python => format!("python:{}.{}", self.version.0, self.version.1),
            Family::Java => format!("java:{}", self.version.0),
            Family::Provided => identifier.replacen('.', ":", 1),
            Family::Go => "go:1".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers() {
        let parse = |name| RuntimeName::parse(name).map(|r| (r.family, r.version, r.log_name(name)));
        assert_eq!(parse("nodejs18.x"), Some((Family::Node, (18, 0), "nodejs:18".into())));
        assert_eq!(parse("nodejs8.10"), Some((Family::Node, (8, 0), "nodejs:8".into())));
        assert_eq!(parse("python3.11"), Some((Family::Python, (3, 11), "python:3.11".into())));
        assert_eq!(parse("provided.al2023"), Some((Family::Provided, (0, 0), "provided:al2023".into())));
        assert_eq!(parse("java8.al2"), Some((Family::Java, (8, 0), "java:8".into())));
        assert_eq!(parse("ruby3.3"), None);
    }
}
