//! The command and variables of an environment.
//! <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{Family, Found, RuntimeName, Shims, ca};
use crate::spec::{Credentials, FunctionSpec};
use crate::tier::{Directories, Launch, Tier, View};

/// What is known when an environment starts.
pub(crate) struct Facts<'a> {
    pub(crate) spec: &'a FunctionSpec,
    pub(crate) runtime: &'a RuntimeName,
    pub(crate) interpreter: Option<&'a Found>,
    pub(crate) shims: &'a Shims,
    /// `node_modules` or a site-packages directory with the SDK.
    pub(crate) sdk: Option<PathBuf>,
    pub(crate) directories: Directories,
    pub(crate) api: SocketAddr,
    pub(crate) log_stream: &'a str,
    pub(crate) credentials: Option<Credentials>,
    /// For files shared by all environments.
    pub(crate) data: &'a Path,
}

/// Puts it all together.
pub(crate) fn prepare(facts: &Facts<'_>, tier: &dyn Tier) -> Launch {
    let view = tier.view(&facts.directories);
    let mut readable = vec![facts.shims.folder().to_owned()];
    readable.extend(facts.sdk.clone());
    let (program, args) = match (facts.runtime.family, facts.interpreter) {
        (Family::Node, Some(node)) => (node.path.clone(), node_args(facts)),
        (Family::Python, Some(python)) => {
            readable.extend(prefix_of(&python.path));
            (
                python.path.clone(),
                ["-I", "-S", "-u"].map(OsString::from).into_iter().chain([facts.shims.python().into()]).collect(),
            )
        }
        _ => (custom_program(facts, &view), Vec::new()),
    };
    if let Some(node) = facts.interpreter.filter(|f| f.family == Family::Node) {
        readable.extend(prefix_of(&node.path));
    }
    let bundle = facts.spec.endpoint.as_ref().and_then(|e| e.ca_pem.as_deref()).and_then(|own| {
        readable.push(own.to_owned());
        let bundle = ca::bundle(&facts.data.join("runtime"), own);
        readable.extend(bundle.clone());
        bundle
    });
    Launch {
        program,
        args,
        variables: variables(facts, &view, bundle.as_deref()),
        directories: facts.directories.clone(),
        readable,
        tmp_mb: facts.spec.ephemeral_storage_mb,
    }
}

/// `/home/me/.pyenv/versions/3.11.7/bin/python3.11` → `/home/me/.pyenv/versions/3.11.7`
fn prefix_of(binary: &Path) -> Option<PathBuf> {
    binary.parent().and_then(Path::parent).map(Path::to_owned)
}

fn node_args(facts: &Facts<'_>) -> Vec<OsString> {
    // As on AWS the heap gets most of the memory setting, so that Node collects before it is killed.
    let heap = (facts.spec.memory_mb.saturating_mul(9) / 10).max(64);
    vec![format!("--max-old-space-size={heap}").into(), facts.shims.node().into()]
}

/// The executable of a custom runtime, as the function sees it: in the code, else in the layers.
fn custom_program(facts: &Facts<'_>, view: &View) -> PathBuf {
    let name = custom_name(facts.spec, facts.runtime);
    let in_layers = facts.directories.opt.as_ref().filter(|opt| opt.join(name).is_file());
    if in_layers.is_some() && !facts.directories.code.join(name).is_file() {
        return view.opt.join(name);
    }
    view.task.join(name)
}

fn custom_name<'a>(spec: &'a FunctionSpec, runtime: &RuntimeName) -> &'a str {
    if runtime.family == Family::Go { spec.handler.as_str() } else { "bootstrap" }
}

/// AWS's message when a custom runtime has no executable, or one that cannot be executed.
pub(crate) fn custom_missing(spec: &FunctionSpec, runtime: &RuntimeName, directories: &Directories) -> Option<String> {
    if !matches!(runtime.family, Family::Provided | Family::Go) {
        return None;
    }
    let name = custom_name(spec, runtime);
    let mut candidates = vec![directories.code.join(name)];
    candidates.extend(directories.opt.as_ref().map(|opt| opt.join(name)));
    match candidates.iter().find(|path| path.is_file()) {
        None if runtime.family == Family::Go => Some(format!("fork/exec /var/task/{name}: no such file or directory")),
        None => Some("Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]".to_owned()),
        Some(path) => {
            let executable = path.metadata().is_ok_and(|m| m.permissions().mode() & 0o111 != 0);
            (!executable).then(|| format!("fork/exec /var/task/{name}: permission denied"))
        }
    }
}

fn variables(facts: &Facts<'_>, view: &View, bundle: Option<&Path>) -> Vec<(String, OsString)> {
    let spec = facts.spec;
    let mut all: BTreeMap<String, OsString> = BTreeMap::new();
    let mut set = |name: &str, value: &dyn AsRef<OsStr>| {
        all.insert(name.to_owned(), value.as_ref().to_owned());
    };
    // What a function may replace.
    set("LANG", &"en_US.UTF-8");
    set("TZ", &":UTC");
    set(
        "PATH",
        &join(&[
            facts.interpreter.and_then(|found| found.path.parent()).map(Path::to_owned),
            Some("/usr/local/bin".into()),
            Some("/usr/bin".into()),
            Some("/bin".into()),
            Some(view.opt.join("bin")),
        ]),
    );
    set("LD_LIBRARY_PATH", &join(&[Some(view.task.clone()), Some(view.task.join("lib")), Some(view.opt.join("lib"))]));
    if !view.private_home {
        set("HOME", &view.tmp);
    }
    set("TMPDIR", &view.tmp);
    if facts.runtime.family == Family::Node {
        let major = facts.interpreter.map_or(facts.runtime.version.0, |found| found.major_minor().0);
        set(
            "NODE_PATH",
            &join(&[
                Some(view.opt.join(format!("nodejs/node{major}/node_modules"))),
                Some(view.opt.join("nodejs/node_modules")),
                facts.sdk.clone(),
                Some(view.task.clone()),
            ]),
        );
    }
    if facts.runtime.family == Family::Python {
        set("PYTHONPATH", &join(&[Some(view.opt.join("python")), facts.sdk.clone()]));
    }
    if let Some(endpoint) = &spec.endpoint {
        set("AWS_ENDPOINT_URL", &endpoint.url);
        if let Some(own) = &endpoint.ca_pem {
            set("NODE_EXTRA_CA_CERTS", own);
        }
        if let Some(bundle) = bundle {
            for name in ["AWS_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"] {
                set(name, &bundle);
            }
        }
    }
    // The function's own.
    for (name, value) in &spec.environment {
        if !name.is_empty() && !name.contains(['=', '\0']) && !value.contains('\0') {
            all.insert(name.clone(), value.into());
        }
    }
    // What it may not replace.
    let mut set = |name: &str, value: &dyn AsRef<OsStr>| {
        all.insert(name.to_owned(), value.as_ref().to_owned());
    };
    set("_HANDLER", &spec.handler);
    set("LAMBDA_TASK_ROOT", &view.task);
    set("LAMBDA_RUNTIME_DIR", &facts.shims.folder());
    set("AWS_REGION", &spec.region);
    set("AWS_DEFAULT_REGION", &spec.region);
    set("AWS_LAMBDA_FUNCTION_NAME", &spec.name);
    set("AWS_LAMBDA_FUNCTION_VERSION", &spec.version);
    set("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &spec.memory_mb.to_string());
    set("AWS_LAMBDA_LOG_GROUP_NAME", &spec.log_group);
    set("AWS_LAMBDA_LOG_STREAM_NAME", &facts.log_stream);
    set("AWS_LAMBDA_INITIALIZATION_TYPE", &"on-demand");
    set("AWS_LAMBDA_RUNTIME_API", &facts.api.to_string());
    set("AWS_XRAY_CONTEXT_MISSING", &"LOG_ERROR");
    set("AWS_XRAY_DAEMON_ADDRESS", &"169.254.79.129:2000");
    if matches!(facts.runtime.family, Family::Node | Family::Python) {
        set("AWS_EXECUTION_ENV", &format!("AWS_Lambda_{}", spec.runtime));
        set("_PILVI_OPT", &view.opt);
        if let Some(endpoint) = &spec.endpoint {
            set("_PILVI_ENDPOINT", &endpoint.address.to_string());
        }
        if let Some(sdk) = &facts.sdk {
            set("_PILVI_SDK", sdk);
        }
    }
    if let Some(credentials) = &facts.credentials {
        set("AWS_ACCESS_KEY_ID", &credentials.access_key_id);
        set("AWS_SECRET_ACCESS_KEY", &credentials.secret_access_key);
        if !credentials.session_token.is_empty() {
            set("AWS_SESSION_TOKEN", &credentials.session_token);
        }
    }
    all.into_iter().collect()
}

fn join(parts: &[Option<PathBuf>]) -> OsString {
    let mut joined = OsString::new();
    for part in parts.iter().flatten() {
        if !joined.is_empty() {
            joined.push(":");
        }
        joined.push(part);
    }
    joined
}
