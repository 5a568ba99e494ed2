//! The command and variables of an environment.
//! <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{Family, Found, JAVA_CLASSES, RuntimeName, Shims, ca};
use crate::spec::{Credentials, FunctionSpec};
use crate::tier::{Directories, OWN_API, Request, Sandbox, Tier, View};

/// What is known when an environment starts.
pub(crate) struct Facts<'a> {
    pub(crate) spec: &'a FunctionSpec,
    pub(crate) runtime: &'a RuntimeName,
    pub(crate) interpreter: Option<&'a Found>,
    pub(crate) shims: &'a Shims,
    /// `node_modules` or a site-packages directory with the SDK.
    pub(crate) sdk: Option<PathBuf>,
    pub(crate) directories: Directories,
    pub(crate) log_stream: &'a str,
    pub(crate) credentials: Option<Credentials>,
    /// Names of the extensions' programs.
    pub(crate) extensions: &'a [String],
    /// For files shared by all environments.
    pub(crate) data: &'a Path,
}

/// The function's directories and tools, as it sees them.
struct Places {
    task: PathBuf,
    opt: PathBuf,
    tmp: PathBuf,
    /// Our runtime clients.
    runtime: PathBuf,
    sdk: Option<PathBuf>,
    /// The interpreter's binary.
    interpreter: Option<PathBuf>,
    /// The server's certificate authority, and a bundle with the system's.
    authority: Option<PathBuf>,
    bundle: Option<PathBuf>,
}

/// Puts it all together, but for the Runtime API's address.
pub(crate) fn prepare(facts: &Facts<'_>, tier: &Tier) -> Request {
    let mut view = View::new(tier);
    let places = place(facts, &mut view);
    let (program, args) = match (facts.runtime.family, &places.interpreter) {
        (Family::Node, Some(node)) => (node.clone(), node_args(facts, &places)),
        (Family::Python, Some(python)) => (
            python.clone(),
            ["-I", "-S", "-u"]
                .map(str::to_owned)
                .into_iter()
                .chain([text(&places.runtime.join("python/bootstrap.py"))])
                .collect(),
        ),
        (Family::Java, Some(java)) => (java.clone(), java_args(facts, &places)),
        _ => (custom_program(facts, &places), Vec::new()),
    };
    let variables = variables(facts, &places, view.is_isolated());
    let sandbox = match tier {
        Tier::Process => None,
        Tier::Sandbox(ids) => Some(Sandbox {
            ids: *ids,
            root: facts.directories.root.clone(),
            mounts: view.into_mounts(),
            files: Vec::new(),
            stands_by: false,
            tmp_mb: facts.spec.ephemeral_storage_mb,
        }),
    };
    let can_stand_by = matches!(facts.runtime.family, Family::Node | Family::Python);
    let extensions = facts.extensions.iter().map(|name| places.opt.join(EXTENSIONS).join(name)).collect();
    Request { program, args, variables, directory: places.task, sandbox, can_stand_by, extensions }
}

fn place(facts: &Facts<'_>, view: &mut View) -> Places {
    let mut at = |from: &Path, to: &str| view.place(from, Path::new(to));
    let directories = &facts.directories;
    let own = facts.spec.endpoint.as_ref().and_then(|endpoint| endpoint.ca_pem.as_deref());
    let bundle = own.and_then(|own| ca::bundle(&facts.data.join("runtime"), own));
    let sdk = if facts.runtime.family == Family::Node { NODE_SDK } else { PYTHON_SDK };
    let mut places = Places {
        task: at(&directories.code, "/var/task"),
        opt: directories.opt.as_deref().map_or_else(|| PathBuf::from("/opt"), |opt| at(opt, "/opt")),
        tmp: directories.tmp.clone(),
        runtime: at(facts.shims.folder(), "/var/runtime"),
        sdk: facts.sdk.as_deref().map(|folder| at(folder, sdk)),
        interpreter: None,
        authority: own.map(|own| at(own, "/etc/pilvi/ca.pem")),
        bundle: bundle.map(|bundle| at(&bundle, "/etc/pilvi/ca-bundle.pem")),
    };
    if view.is_isolated() {
        places.tmp = PathBuf::from("/tmp");
    }
    places.interpreter = facts.interpreter.map(|found| place_interpreter(&found.path, view));
    places
}

/// The name of the last folder is what Node resolves modules of the SDK's own by.
const NODE_SDK: &str = "/var/lang/sdk/node_modules";
const PYTHON_SDK: &str = "/var/lang/sdk/python";

/// Interpreters stay where they are (some know their place), unless that is another directory of the function's.
fn place_interpreter(binary: &Path, view: &mut View) -> PathBuf {
    // `/home/me/.pyenv/versions/3.11.7/bin/python3.11` → `/home/me/.pyenv/versions/3.11.7`
    let Some(prefix) = binary.parent().and_then(Path::parent) else { return binary.to_owned() };
    let system = ["/usr", "/nix/store", "/gnu/store"];
    if system.iter().any(|folder| binary.starts_with(folder)) || prefix == Path::new("/") {
        return binary.to_owned();
    }
    let taken = ["/opt", "/tmp", "/var", "/proc", "/dev", "/etc"].iter().any(|folder| prefix.starts_with(folder));
    let to = if taken { Path::new("/var/lang/interpreter") } else { prefix };
    let placed = view.place(prefix, to);
    placed.join(binary.strip_prefix(prefix).unwrap_or(binary))
}

fn node_args(facts: &Facts<'_>, places: &Places) -> Vec<String> {
    // As on AWS the heap gets most of the memory setting, so that Node collects before it is killed.
    let heap = (facts.spec.memory_mb.saturating_mul(9) / 10).max(64);
    vec![format!("--max-old-space-size={heap}"), text(&places.runtime.join("node/bootstrap.js"))]
}

/// Quick to start and small, as AWS sets it up too. The function's own libraries come before ours.
fn java_args(facts: &Facts<'_>, places: &Places) -> Vec<String> {
    let heap = (facts.spec.memory_mb.saturating_mul(8) / 10).max(64);
    let mut args = vec![format!("-XX:MaxHeapSize={heap}m")];
    let fixed = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Xshare:auto"];
    args.extend(fixed.map(str::to_owned));
    if facts.interpreter.is_some_and(|java| java.major_minor().0 >= 9) {
        // For the descriptor of the log.
        args.push("--add-opens=java.base/java.io=ALL-UNNAMED".to_owned());
    }
    let classes = [
        text(&places.task),
        text(&places.task.join("lib/*")),
        text(&places.opt.join("java/lib/*")),
        text(&places.runtime.join(JAVA_CLASSES)),
    ];
    args.extend(["-cp".to_owned(), classes.join(":"), "pilvi.Bootstrap".to_owned()]);
    args
}

/// The executable of a custom runtime, as the function sees it: in the code, else in the layers.
fn custom_program(facts: &Facts<'_>, places: &Places) -> PathBuf {
    let name = custom_name(facts.spec, facts.runtime);
    let in_layers = facts.directories.opt.as_ref().filter(|opt| opt.join(name).is_file());
    if in_layers.is_some() && !facts.directories.code.join(name).is_file() {
        return places.opt.join(name);
    }
    places.task.join(name)
}

fn custom_name<'a>(spec: &'a FunctionSpec, runtime: &RuntimeName) -> &'a str {
    if runtime.family == Family::Go { spec.handler.as_str() } else { "bootstrap" }
}

/// The program of a custom runtime, as AWS's messages name it.
pub(crate) fn custom_path(spec: &FunctionSpec, runtime: &RuntimeName) -> String {
    format!("/var/task/{}", custom_name(spec, runtime))
}

/// The folder of extensions in `/opt`.
const EXTENSIONS: &str = "extensions";

/// The programs that layers bring as extensions: executable files right in the folder.
pub(crate) fn extensions_of(directories: &Directories) -> Vec<String> {
    let Some(opt) = &directories.opt else { return Vec::new() };
    let entries = std::fs::read_dir(opt.join(EXTENSIONS)).into_iter().flatten().flatten();
    let is_program = |path: &Path| path.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0);
    let programs = entries.filter(|entry| is_program(&entry.path()));
    let mut names: Vec<String> = programs.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
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

fn variables(facts: &Facts<'_>, places: &Places, isolated: bool) -> Vec<(String, String)> {
    let spec = facts.spec;
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    let mut set = |name: &str, value: &dyn AsRef<OsStr>| {
        all.insert(name.to_owned(), value.as_ref().to_string_lossy().into_owned());
    };
    // What a function may replace.
    set("LANG", &"en_US.UTF-8");
    set("TZ", &":UTC");
    set(
        "PATH",
        &join(&[
            places.interpreter.as_deref().and_then(Path::parent).map(Path::to_owned),
            Some("/usr/local/bin".into()),
            Some("/usr/bin".into()),
            Some("/bin".into()),
            Some(places.opt.join("bin")),
        ]),
    );
    set(
        "LD_LIBRARY_PATH",
        &join(&[Some(places.task.clone()), Some(places.task.join("lib")), Some(places.opt.join("lib"))]),
    );
    if !isolated {
        set("HOME", &places.tmp);
    }
    set("TMPDIR", &places.tmp);
    if facts.runtime.family == Family::Node {
        let major = facts.interpreter.map_or(facts.runtime.version.0, |found| found.major_minor().0);
        set(
            "NODE_PATH",
            &join(&[
                Some(places.opt.join(format!("nodejs/node{major}/node_modules"))),
                Some(places.opt.join("nodejs/node_modules")),
                places.sdk.clone(),
                Some(places.task.clone()),
            ]),
        );
    }
    if facts.runtime.family == Family::Python {
        set("PYTHONPATH", &join(&[Some(places.opt.join("python")), places.sdk.clone()]));
    }
    if let Some(endpoint) = &spec.endpoint {
        set("AWS_ENDPOINT_URL", &endpoint.url);
        if let Some(own) = &places.authority {
            set("NODE_EXTRA_CA_CERTS", own);
        }
        if let Some(bundle) = &places.bundle {
            for name in ["AWS_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"] {
                set(name, &bundle);
            }
        }
    }
    // The function's own.
    for (name, value) in &spec.environment {
        if !name.is_empty() && !name.contains(['=', '\0']) && !value.contains('\0') {
            all.insert(name.clone(), value.clone());
        }
    }
    // What it may not replace.
    let mut set = |name: &str, value: &dyn AsRef<OsStr>| {
        all.insert(name.to_owned(), value.as_ref().to_string_lossy().into_owned());
    };
    set("_HANDLER", &spec.handler);
    set("LAMBDA_TASK_ROOT", &places.task);
    set("LAMBDA_RUNTIME_DIR", &places.runtime);
    set("AWS_REGION", &spec.region);
    set("AWS_DEFAULT_REGION", &spec.region);
    set("AWS_LAMBDA_FUNCTION_NAME", &spec.name);
    set("AWS_LAMBDA_FUNCTION_VERSION", &spec.version);
    set("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &spec.memory_mb.to_string());
    set("AWS_LAMBDA_LOG_GROUP_NAME", &spec.log_group);
    set("AWS_LAMBDA_LOG_STREAM_NAME", &facts.log_stream);
    set("AWS_LAMBDA_INITIALIZATION_TYPE", &"on-demand");
    set("AWS_XRAY_CONTEXT_MISSING", &"LOG_ERROR");
    set("AWS_XRAY_DAEMON_ADDRESS", &"169.254.79.129:2000");
    if matches!(facts.runtime.family, Family::Node | Family::Python | Family::Java) {
        // Known when the environment is bound.
        set(OWN_API, &"");
        set("AWS_EXECUTION_ENV", &format!("AWS_Lambda_{}", spec.runtime));
        set("_PILVI_OPT", &places.opt);
        if let Some(endpoint) = &spec.endpoint {
            set("_PILVI_ENDPOINT", &endpoint.address.to_string());
        }
        if let Some(sdk) = &places.sdk {
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

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
