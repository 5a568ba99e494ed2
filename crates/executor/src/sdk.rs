//! The SDKs that AWS puts into its runtimes: found where they are installed, else fetched once by the user's own npm or pip.
//!
//! "Runtime-included SDK versions" of the Lambda developer guide: `aws-sdk` 2 up to nodejs16.x, `@aws-sdk/*` 3 from nodejs18.x,
//! boto3 in all Python runtimes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::process::Command;
use tokio::sync::OnceCell;

use crate::config::{ExecutorConfig, SdkPolicy};
use crate::runtimes::{Family, Found, RuntimeName};

/// Files of a function that are looked through for the name of an SDK, at most.
const MOST_FILES: usize = 2000;
/// Larger files are bundles, which carry what they need.
const MOST_BYTES: u64 = 1 << 20;

/// The clients of version 3 that are fetched: those that applications of this cloud use.
const NODE_CLIENTS: [&str; 17] = [
    "@aws-sdk/client-apigatewaymanagementapi",
    "@aws-sdk/client-cloudwatch-logs",
    "@aws-sdk/client-dynamodb",
    "@aws-sdk/client-eventbridge",
    "@aws-sdk/client-iam",
    "@aws-sdk/client-kinesis",
    "@aws-sdk/client-lambda",
    "@aws-sdk/client-s3",
    "@aws-sdk/client-scheduler",
    "@aws-sdk/client-secrets-manager",
    "@aws-sdk/client-sfn",
    "@aws-sdk/client-sns",
    "@aws-sdk/client-sqs",
    "@aws-sdk/client-ssm",
    "@aws-sdk/client-sts",
    "@aws-sdk/lib-dynamodb",
    "@aws-sdk/s3-request-presigner",
];

/// The SDKs of this machine.
#[derive(Default)]
pub(crate) struct Sdks {
    /// By folder name; first needs at the same time share one fetch.
    ready: Mutex<HashMap<String, Arc<OnceCell<Option<PathBuf>>>>>,
}

impl Sdks {
    /// The folder to look modules up in, where the function's code needs one that it does not bring.
    pub(crate) async fn for_function(
        &self,
        config: &ExecutorConfig,
        runtime: &RuntimeName,
        interpreter: &Found,
        code: &Path,
    ) -> Option<PathBuf> {
        let needed = needed(runtime, code)?;
        let name = match needed {
            Needed::NodeV2 => "node-v2".to_owned(),
            Needed::NodeV3 => "node-v3".to_owned(),
            Needed::Python => {
                let (major, minor) = interpreter.major_minor();
                format!("python{major}.{minor}")
            }
        };
        let cell = self.ready.lock().entry(name.clone()).or_default().clone();
        let folder = config.sdk_folder.join(&name);
        let found = cell.get_or_init(|| async {
            if needed == Needed::Python
                && let Some(installed) = installed_boto3(interpreter).await
            {
                return Some(installed);
            }
            if !folder.is_dir() {
                if config.sdk == SdkPolicy::InstalledOnly {
                    return None;
                }
                fetch(config, needed, interpreter, &folder).await?;
            }
            Some(if needed == Needed::Python { folder } else { folder.join("node_modules") })
        });
        let found = found.await.clone();
        if found.is_none() {
            // Not for ever: the next environment tries again.
            self.ready.lock().remove(&name);
        }
        found
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needed {
    NodeV2,
    NodeV3,
    Python,
}

/// What the code asks for and does not bring. A text search: cheap, and a needless fetch does no harm.
fn needed(runtime: &RuntimeName, code: &Path) -> Option<Needed> {
    match runtime.family {
        Family::Node => {
            if code.join("node_modules/aws-sdk").exists() || code.join("node_modules/@aws-sdk").exists() {
                return None;
            }
            let needed = if runtime.version.0 >= 18 { Needed::NodeV3 } else { Needed::NodeV2 };
            mentions(code, &["js", "mjs", "cjs"], &["aws-sdk"]).then_some(needed)
        }
        Family::Python => {
            if code.join("boto3").exists() {
                return None;
            }
            mentions(code, &["py"], &["boto3", "botocore"]).then_some(Needed::Python)
        }
        Family::Provided | Family::Go => None,
    }
}

fn mentions(code: &Path, endings: &[&str], words: &[&str]) -> bool {
    let mut folders = vec![code.to_owned()];
    let mut left = MOST_FILES;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                if entry.file_name() != "node_modules" {
                    folders.push(path);
                }
                continue;
            }
            let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
            if !endings.contains(&ending) || entry.metadata().map_or(true, |facts| facts.len() > MOST_BYTES) {
                continue;
            }
            if left == 0 {
                return true;
            }
            left -= 1;
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            if words.iter().any(|word| text.contains(word)) {
                return true;
            }
        }
    }
    false
}

/// The site-packages that the interpreter has boto3 in.
async fn installed_boto3(interpreter: &Found) -> Option<PathBuf> {
    let script = "import boto3, os; print(os.path.dirname(os.path.dirname(os.path.abspath(boto3.__file__))))";
    let output = Command::new(&interpreter.path).args(["-c", script]).stdin(Stdio::null()).output().await.ok()?;
    let folder = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    (output.status.success() && folder.is_dir()).then_some(folder)
}

/// Into a folder beside the wanted one first, so that a folder with the right name is always complete.
async fn fetch(config: &ExecutorConfig, needed: Needed, interpreter: &Found, folder: &Path) -> Option<()> {
    let parent = folder.parent()?;
    std::fs::create_dir_all(parent).ok()?;
    let temporary = parent.join(format!("fetching-{}", uuid::Uuid::new_v4().simple()));
    std::fs::create_dir_all(&temporary).ok()?;
    let mut command = match needed {
        Needed::Python => {
            (config.progress)("fetching boto3 for Python with pip, once (a function needs it)");
            let mut command = Command::new(&interpreter.path);
            command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"]);
            command.arg(&temporary).arg("boto3");
            command
        }
        Needed::NodeV2 | Needed::NodeV3 => {
            (config.progress)("fetching the AWS SDK for Node.js with npm, once (a function needs it)");
            let mut command = Command::new("npm");
            command.args([
                "install",
                "--no-audit",
                "--no-fund",
                "--omit=dev",
                "--ignore-scripts",
                "--silent",
                "--prefix",
            ]);
            command.arg(&temporary);
            match needed {
                Needed::NodeV2 => command.arg("aws-sdk@2"),
                _ => command.args(NODE_CLIENTS.map(|client| format!("{client}@3"))),
            };
            command
        }
    };
    let output = command.stdin(Stdio::null()).output().await;
    let problem = match &output {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Some(error.to_string()),
    };
    if let Some(problem) = problem {
        let _ = std::fs::remove_dir_all(&temporary);
        (config.progress)(&format!("the AWS SDK could not be fetched: {problem}"));
        return None;
    }
    if std::fs::rename(&temporary, folder).is_err() {
        // Somebody else was faster.
        let _ = std::fs::remove_dir_all(&temporary);
    }
    (config.progress)("the AWS SDK is there");
    folder.is_dir().then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(runtime: &str, files: &[(&str, &str)]) -> Option<Needed> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        needed(&RuntimeName::parse(runtime).unwrap(), folder.path())
    }

    #[test]
    fn only_code_that_asks_for_an_sdk_and_does_not_bring_it_needs_one() {
        assert_eq!(needs("nodejs18.x", &[("index.js", "exports.handler = () => 1")]), None);
        assert_eq!(needs("nodejs18.x", &[("a/b.mjs", "import '@aws-sdk/client-s3'")]), Some(Needed::NodeV3));
        assert_eq!(needs("nodejs8.10", &[("index.js", "require('aws-sdk')")]), Some(Needed::NodeV2));
        let packaged = [("index.js", "require('aws-sdk')"), ("node_modules/aws-sdk/package.json", "{}")];
        assert_eq!(needs("nodejs14.x", &packaged), None);
        assert_eq!(needs("python3.11", &[("index.py", "import boto3")]), Some(Needed::Python));
        assert_eq!(needs("python3.11", &[("index.py", "import json")]), None);
    }
}
