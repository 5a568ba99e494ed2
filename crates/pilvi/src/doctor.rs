//! `pilvi doctor`: what functions find on this machine, and how to get what is missing.

use std::io::Write as _;

use pilvi_executor::Ready;

/// What else is of use, and for what.
const TOOLS: [(&str, &str); 3] = [
    ("npm", "fetches the AWS SDK for functions in Node.js that do not bring it"),
    ("javac", "is needed once to run functions in Java"),
    ("terraform", "applies the examples' infrastructure"),
];

/// Prints the report.
pub(crate) async fn run() -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let folder = std::env::temp_dir().join(format!("pilvi-doctor-{}", std::process::id()));
    let sandbox = pilvi_executor::examine_sandbox(&folder).await;
    let _ = std::fs::remove_dir_all(&folder);
    match sandbox {
        Ok(()) => writeln!(out, "isolation  sandbox: each function in namespaces of its own")?,
        Err(cause) => writeln!(out, "isolation  none, functions are plain processes ({cause})")?,
    }
    writeln!(out)?;
    for state in pilvi_executor::examine_runtimes().await {
        let text = match state.ready {
            Ready::Exactly(found) => format!("{:<10} {}", found.version, found.path.display()),
            Ready::Instead(found) => {
                format!("{:<10} {} (for exactly this one: {})", found.version, found.path.display(), state.hint)
            }
            Ready::Always => "any executable that speaks the Runtime API".to_owned(),
            Ready::Missing => format!("missing    {}", state.hint),
            Ready::Unsupported => "not built  Pilvi cannot run it yet".to_owned(),
        };
        writeln!(out, "{:<16} {text}", state.name)?;
    }
    writeln!(out)?;
    for (tool, purpose) in TOOLS {
        match find(tool) {
            Some(path) => writeln!(out, "{tool:<16} {}", path.display())?,
            None => writeln!(out, "{tool:<16} missing    {purpose}")?,
        }
    }
    Ok(())
}

fn find(tool: &str) -> Option<std::path::PathBuf> {
    let search = std::env::var_os("PATH")?;
    std::env::split_paths(&search).map(|folder| folder.join(tool)).find(|path| path.is_file())
}
