//! The SDKs that AWS puts into its runtimes: found where they are installed, else fetched once by the user's own npm or pip.
//!
//! "Runtime-included SDK versions" of the Lambda developer guide: `aws-sdk` 2 up to nodejs16.x, `@aws-sdk/*` 3 from nodejs18.x,
//! boto3 in all Python runtimes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio::process::Command;
use tokio::sync::OnceCell;

use crate::config::{ExecutorConfig, SdkPolicy};
use crate::runtimes::{Family, Found, RuntimeName};
use crate::spec::FunctionSpec;

/// Files of a function that are looked through for the name of an SDK, at most.
const MOST_FILES: usize = 2000;
/// Larger files are bundles, which carry what they need.
const MOST_BYTES: u64 = 1 << 20;

/// The clients of version 3 that are fetched: those that applications of this cloud use.
const NODE_CLIENTS: [&str; 19] = [
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
    "@aws-sdk/lib-storage",
    "@aws-sdk/s3-request-presigner",
    "@aws-sdk/util-dynamodb",
];

/// npm and pip are given up after this.
const FETCH_LIMIT: Duration = Duration::from_secs(300);
/// What an interpreter is asked is answered within this.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

/// The SDKs of this machine.
#[derive(Default)]
pub(crate) struct Sdks {
    /// By folder name; first needs at the same time share one fetch.
    ready: Mutex<HashMap<String, Arc<OnceCell<Fetched>>>>,
}

/// The folder, or why there is none.
type Fetched = Result<PathBuf, String>;

impl Sdks {
    /// The folder to look modules up in, where the function needs one that it does not bring; or why there is none.
    pub(crate) async fn for_function(
        &self,
        config: &ExecutorConfig,
        runtime: &RuntimeName,
        interpreter: &Found,
        spec: &FunctionSpec,
    ) -> Result<Option<PathBuf>, String> {
        let Some(needed) = needed(runtime, &spec.code, &spec.layers) else { return Ok(None) };
        let name = needed.folder(interpreter);
        let cell = self.ready.lock().entry(name.clone()).or_default().clone();
        let folder = config.sdk_folder.join(&name);
        let found = cell.get_or_init(|| async {
            if needed == Needed::Python
                && let Some(installed) = installed_boto3(interpreter).await
            {
                return Ok(installed);
            }
            if !folder.is_dir() {
                if config.sdk == SdkPolicy::InstalledOnly {
                    return Err("the AWS SDK is not installed here".to_owned());
                }
                if let Err(problem) = fetch(config, needed, interpreter, &folder).await {
                    let problem = format!("the AWS SDK could not be fetched: {problem}");
                    (config.progress)(&problem);
                    return Err(problem);
                }
            }
            Ok(if needed == Needed::Python { folder } else { folder.join("node_modules") })
        });
        let found = found.await.clone();
        if found.is_err() {
            // Not for ever: the next environment tries again.
            self.ready.lock().remove(&name);
        }
        found.map(Some)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needed {
    NodeV2,
    NodeV3,
    Python,
}

impl Needed {
    /// A name of its own for each content.
    fn folder(self, interpreter: &Found) -> String {
        match self {
            Needed::NodeV2 => "node-v2".to_owned(),
            Needed::NodeV3 => node_v3_folder(),
            Needed::Python => {
                let (major, minor) = interpreter.major_minor();
                format!("python{major}.{minor}")
            }
        }
    }
}

fn node_v3_folder() -> String {
    let hash: String = hex::encode(Sha256::digest(NODE_CLIENTS.concat())).chars().take(8).collect();
    format!("node-v3-{hash}")
}

/// Where version 3 of the SDK for Node lies below the folder of SDKs: for who wants to put one there beforehand.
pub fn node_sdk_folder(sdks: &Path) -> PathBuf {
    sdks.join(node_v3_folder())
}

/// What the code asks for and neither it nor its layers bring. A text search: cheap, and a needless fetch does no harm.
fn needed(runtime: &RuntimeName, code: &Path, layers: &[PathBuf]) -> Option<Needed> {
    let everywhere = || std::iter::once(code).chain(layers.iter().map(PathBuf::as_path));
    let brought = |places: &[&str]| everywhere().any(|root| places.iter().any(|place| root.join(place).exists()));
    let mentioned = |endings: &[&str], words: &[&str]| everywhere().any(|root| mentions(root, endings, words));
    match runtime.family {
        Family::Node => {
            let major = runtime.version.0;
            let mut places = Vec::new();
            for folder in ["node_modules", "nodejs/node_modules", &format!("nodejs/node{major}/node_modules")] {
                places.extend([format!("{folder}/aws-sdk"), format!("{folder}/@aws-sdk")]);
            }
            if brought(&places.iter().map(String::as_str).collect::<Vec<_>>()) {
                return None;
            }
            let needed = if major >= 18 { Needed::NodeV3 } else { Needed::NodeV2 };
            mentioned(&["js", "mjs", "cjs", "ts", "mts"], &["aws-sdk"]).then_some(needed)
        }
        Family::Python => {
            let (major, minor) = runtime.version;
            let versioned = format!("python/lib/python{major}.{minor}/site-packages/boto3");
            if brought(&["boto3", "python/boto3", &versioned]) {
                return None;
            }
            mentioned(&["py"], &["boto3", "botocore"]).then_some(Needed::Python)
        }
        Family::Java | Family::Provided | Family::Go => None,
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
    let mut command = Command::new(&interpreter.path);
    command.args(["-c", script]).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(ANSWER_LIMIT, command.output()).await.ok()?.ok()?;
    let folder = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    (output.status.success() && folder.is_dir()).then_some(folder)
}

/// Into a folder beside the wanted one first, so that a folder with the right name is always complete.
async fn fetch(config: &ExecutorConfig, needed: Needed, interpreter: &Found, folder: &Path) -> Result<(), String> {
    let parent = folder.parent().unwrap_or(folder);
    std::fs::create_dir_all(parent).map_err(|error| error.to_string())?;
    sweep(parent);
    let temporary = parent.join(format!("{FETCHING}{}-{}", std::process::id(), uuid::Uuid::new_v4().simple()));
    std::fs::create_dir_all(&temporary).map_err(|error| error.to_string())?;
    let _removed = Temporary(&temporary);
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
            let options = ["--no-audit", "--no-fund", "--omit=dev", "--ignore-scripts", "--silent", "--prefix"];
            command.arg("install").args(options).arg(&temporary);
            match needed {
                Needed::NodeV2 => command.arg("aws-sdk@2"),
                _ => command.args(NODE_CLIENTS.map(|client| format!("{client}@3"))),
            };
            command
        }
    };
    command.stdin(Stdio::null()).kill_on_drop(true);
    match tokio::time::timeout(FETCH_LIMIT, command.output()).await {
        Err(_) => return Err(format!("not within {} seconds", FETCH_LIMIT.as_secs())),
        Ok(Err(error)) => return Err(error.to_string()),
        Ok(Ok(output)) if !output.status.success() => {
            return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
        }
        Ok(Ok(_)) => {}
    }
    match std::fs::rename(&temporary, folder) {
        // Somebody else was faster.
        Err(_) if folder.is_dir() => {}
        other => other.map_err(|error| error.to_string())?,
    }
    (config.progress)("the AWS SDK is there");
    Ok(())
}

/// How unfinished folders begin; the process that fills one comes next.
const FETCHING: &str = "fetching-";

/// Removed however the fetch ends.
struct Temporary<'a>(&'a Path);

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(self.0);
    }
}

/// Removes what servers that were killed have left unfinished.
fn sweep(parent: &Path) {
    for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(FETCHING)).map(|rest| rest.split('-').next());
        let Some(owner) = owner else { continue };
        let alive = owner.and_then(|pid| pid.parse().ok()).is_some_and(crate::direct::is_alive);
        if !alive {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(runtime: &str, files: &[(&str, &str)]) -> Option<Needed> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let part = if name.starts_with("layer/") { "" } else { "code" };
            let path = folder.path().join(part).join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let layers = [folder.path().join("layer")];
        needed(&RuntimeName::parse(runtime).unwrap(), &folder.path().join("code"), &layers)
    }

    #[test]
    fn only_code_that_asks_for_an_sdk_and_does_not_bring_it_needs_one() {
        assert_eq!(needs("nodejs18.x", &[("index.js", "exports.handler = () => 1")]), None);
        assert_eq!(needs("nodejs18.x", &[("a/b.mjs", "import '@aws-sdk/client-s3'")]), Some(Needed::NodeV3));
        assert_eq!(needs("nodejs8.10", &[("index.js", "require('aws-sdk')")]), Some(Needed::NodeV2));
        let packaged = [("index.js", "require('aws-sdk')"), ("node_modules/aws-sdk/package.json", "{}")];
        assert_eq!(needs("nodejs14.x", &packaged), None);
        let in_layer = [("index.js", "require('@aws-sdk/x')"), ("layer/nodejs/node_modules/@aws-sdk/x/index.js", "")];
        assert_eq!(needs("nodejs20.x", &in_layer), None);
        assert_eq!(needs("python3.11", &[("index.py", "import boto3")]), Some(Needed::Python));
        assert_eq!(
            needs("python3.11", &[("index.py", "import lib"), ("layer/python/lib.py", "import boto3")]),
            Some(Needed::Python)
        );
        assert_eq!(needs("python3.11", &[("index.py", "import boto3"), ("layer/python/boto3/__init__.py", "")]), None);
        assert_eq!(needs("python3.11", &[("index.py", "import json")]), None);
    }

    #[test]
    fn what_killed_servers_left_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join(format!("fetching-{}-a", std::process::id()));
        let names = ["fetching-999999999-b", "fetching-old", "node-v2"].map(|name| folder.path().join(name));
        for path in names.iter().chain([&own]) {
            std::fs::create_dir(path).unwrap();
        }
        sweep(folder.path());
        assert_eq!(names.map(|path| path.exists()), [false, false, true]);
        assert!(own.exists(), "one that is being filled stays");
    }
}
