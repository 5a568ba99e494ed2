//! Our runtime clients, small files that are part of the binary and written out once.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

const FILES: [(&str, &str); 18] = [
    (
        "java/com/amazonaws/services/lambda/runtime/Client.java",
        include_str!("../shims/java/com/amazonaws/services/lambda/runtime/Client.java"),
    ),
    (
        "java/com/amazonaws/services/lambda/runtime/ClientContext.java",
        include_str!("../shims/java/com/amazonaws/services/lambda/runtime/ClientContext.java"),
    ),
    (
        "java/com/amazonaws/services/lambda/runtime/CognitoIdentity.java",
        include_str!("../shims/java/com/amazonaws/services/lambda/runtime/CognitoIdentity.java"),
    ),
    (
        "java/com/amazonaws/services/lambda/runtime/Context.java",
        include_str!("../shims/java/com/amazonaws/services/lambda/runtime/Context.java"),
    ),
    (
        "java/com/amazonaws/services/lambda/runtime/LambdaLogger.java",
        include_str!("../shims/java/com/amazonaws/services/lambda/runtime/LambdaLogger.java"),
    ),
    (
        "java/com/amazonaws/services/lambda/runtime/RequestHandler.java",
        include_str!("../shims/java/com/amazonaws/services/lambda/runtime/RequestHandler.java"),
    ),
    (
        "java/com/amazonaws/services/lambda/runtime/RequestStreamHandler.java",
        include_str!("../shims/java/com/amazonaws/services/lambda/runtime/RequestStreamHandler.java"),
    ),
    (
        "java/com/amazonaws/services/lambda/runtime/logging/LogLevel.java",
        include_str!("../shims/java/com/amazonaws/services/lambda/runtime/logging/LogLevel.java"),
    ),
    ("java/pilvi/Bind.java", include_str!("../shims/java/pilvi/Bind.java")),
    ("java/pilvi/Bootstrap.java", include_str!("../shims/java/pilvi/Bootstrap.java")),
    ("java/pilvi/Json.java", include_str!("../shims/java/pilvi/Json.java")),
    ("node/bootstrap.js", include_str!("../shims/node/bootstrap.js")),
    ("node/client.js", include_str!("../shims/node/client.js")),
    ("node/import.js", include_str!("../shims/node/import.js")),
    ("node/log.js", include_str!("../shims/node/log.js")),
    ("node/network.js", include_str!("../shims/node/network.js")),
    ("node/streaming.js", include_str!("../shims/node/streaming.js")),
    ("python/bootstrap.py", include_str!("../shims/python/bootstrap.py")),
];

/// Compiling takes seconds; this is far more.
const COMPILE_LIMIT: Duration = Duration::from_secs(120);

/// The directory that holds them.
#[derive(Debug)]
pub(crate) struct Shims {
    folder: PathBuf,
    java: OnceCell<()>,
}

impl Shims {
    /// Writes them below `data`, in a folder named by their content.
    pub(crate) fn install(data: &Path) -> io::Result<Self> {
        let mut hash = Sha256::new();
        for (name, text) in FILES {
            hash.update(name);
            hash.update(text);
        }
        let name: String = hex::encode(hash.finalize()).chars().take(16).collect();
        let parent = data.join("runtime");
        let folder = parent.join(name);
        if folder.is_dir() {
            return Ok(Self { folder, java: OnceCell::new() });
        }
        let temporary = parent.join(format!(".{}", uuid::Uuid::new_v4().simple()));
        for (name, text) in FILES {
            let path = temporary.join(name);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(path, text)?;
        }
        if let Err(error) = fs::rename(&temporary, &folder) {
            let _ = fs::remove_dir_all(&temporary);
            if !folder.is_dir() {
                return Err(error);
            }
        }
        Ok(Self { folder, java: OnceCell::new() })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Compiles the client for Java, once; it runs on every Java from 8 on. A compiler is part of every JDK.
    pub(crate) async fn compile_java(&self, java: &Path, progress: impl Fn(&str)) -> Result<(), String> {
        let compile = async || {
            let classes = self.folder.join(JAVA_CLASSES);
            if classes.is_dir() {
                return Ok(());
            }
            progress("compiling the runtime client for Java, once");
            let javac = java.with_file_name("javac");
            let temporary = self.folder.join(format!(".{}", uuid::Uuid::new_v4().simple()));
            let sources = FILES.iter().filter(|(name, _)| name.starts_with("java/"));
            let mut command = tokio::process::Command::new(&javac);
            command.args(["--release", "8", "-nowarn", "-d"]).arg(&temporary).kill_on_drop(true);
            command.args(sources.map(|(name, _)| self.folder.join(name))).stdin(std::process::Stdio::null());
            let result = match tokio::time::timeout(COMPILE_LIMIT, command.output()).await {
                Ok(Ok(output)) if output.status.success() => fs::rename(&temporary, &classes).or_else(|error| {
                    // Somebody else was faster.
                    if classes.is_dir() { Ok(()) } else { Err(error.to_string()) }
                }),
                Ok(Ok(output)) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
                Ok(Err(error)) => Err(format!("{}: {error} (a JDK is needed)", javac.display())),
                Err(_) => Err("the compiler did not end".to_owned()),
            };
            let _ = fs::remove_dir_all(&temporary);
            result
        };
        self.java.get_or_try_init(compile).await.copied()
    }
}

/// Where the compiled client for Java lies in the folder.
pub(crate) const JAVA_CLASSES: &str = "java-classes";
