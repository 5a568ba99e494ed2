//! The functions of the demonstration: in which language they run here, and their code as zip files.

use std::fmt;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, bail};
use clap::ValueEnum;
use tokio::process::Command;
use zip::write::SimpleFileOptions;

/// The sources of one function, by language.
struct Source {
    name: &'static str,
    node: &'static str,
    python: &'static str,
}

macro_rules! source {
    ($name:literal) => {
        Source {
            name: $name,
            node: include_str!(concat!("../../../../examples/job-offers/node/", $name, "/index.js")),
            python: include_str!(concat!("../../../../examples/job-offers/python/", $name, "/index.py")),
        }
    };
}

const SOURCES: [Source; 3] = [source!("s3_to_sqs_lambda"), source!("sqs_to_dynamo_lambda"), source!("job_api_lambda")];

/// What the functions are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    /// JavaScript for Node.js
    Node,
    /// Python
    Python,
    /// Rust, as a custom runtime
    Rust,
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Language::Node => "Node.js",
            Language::Python => "Python",
            Language::Rust => "Rust",
        })
    }
}

impl Language {
    /// The first that this machine has, with what fetches its SDK; Rust where there is none.
    pub(crate) fn found() -> Language {
        let has = |program: &str| {
            let path = std::env::var_os("PATH").unwrap_or_default();
            std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
        };
        if has("node") && has("npm") {
            Language::Node
        } else if has("python3") && (has("pip3") || has("pip")) {
            Language::Python
        } else {
            Language::Rust
        }
    }

    /// What the function's configuration calls it.
    pub(crate) fn runtime(self) -> &'static str {
        match self {
            Language::Node => "nodejs22.x",
            Language::Python => "python3.13",
            Language::Rust => "provided.al2023",
        }
    }
}

/// A function's code.
#[derive(Clone)]
pub(crate) struct Function {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its handler setting.
    pub(crate) handler: String,
    /// Its zip file.
    pub(crate) zip: Vec<u8>,
}

/// The functions in a language, packed.
///
/// # Errors
/// When the Rust version cannot be built.
pub(crate) async fn packed(language: Language) -> anyhow::Result<Vec<Function>> {
    if language == Language::Rust {
        let bootstrap = build().await?;
        let zip = zip_of("bootstrap", &tokio::fs::read(&bootstrap).await?)?;
        let function =
            |source: &Source| Function { name: source.name, handler: source.name.to_owned(), zip: zip.clone() };
        return Ok(SOURCES.iter().map(function).collect());
    }
    let function = |source: &Source| {
        let (file, text) = match language {
            Language::Node => ("index.js", source.node),
            _ => ("index.py", source.python),
        };
        Ok(Function { name: source.name, handler: "index.handler".to_owned(), zip: zip_of(file, text.as_bytes())? })
    };
    SOURCES.iter().map(function).collect()
}

/// A zip with one executable file.
fn zip_of(name: &str, content: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    archive.start_file(name, SimpleFileOptions::default().unix_permissions(0o755))?;
    archive.write_all(content)?;
    Ok(archive.finish()?.into_inner())
}

/// Builds the Rust version with the cargo that is here.
async fn build() -> anyhow::Result<PathBuf> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/job-offers/rust");
    if !sources.is_dir() {
        bail!("the functions need Node.js with npm, Python 3 with pip, or Pilvi's sources with cargo");
    }
    println!("  building the Rust version with cargo (the first time takes a minute)");
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--quiet", "--package", "job-offers", "--message-format", "json"]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release"); // as this binary was built, so that what it shares with them is not built again
    }
    let built = cargo.current_dir(&sources).stderr(Stdio::inherit()).output().await;
    let built =
        built.context("cargo is missing: install Rust from rustup.rs, or Node.js with npm, or Python 3 with pip")?;
    if !built.status.success() {
        bail!("cargo could not build the Rust version");
    }
    let messages = String::from_utf8_lossy(&built.stdout);
    let executable = messages.lines().rev().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(PathBuf::from(message.get("executable")?.as_str()?))
    });
    executable.context("cargo did not say what it built")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn functions_are_packed_with_their_handlers() {
        for (language, file) in [(Language::Node, "index.js"), (Language::Python, "index.py")] {
            let functions = packed(language).await.unwrap();
            assert_eq!(functions.len(), 3);
            for function in functions {
                let archive = zip::ZipArchive::new(Cursor::new(function.zip)).unwrap();
                let names: Vec<_> = archive.file_names().map(Result::unwrap).collect();
                assert_eq!(names, [file], "{}", function.name);
            }
        }
    }
}
