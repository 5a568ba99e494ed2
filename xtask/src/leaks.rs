//! `cargo xtask leaks`: no tracked file names a place that exists on one machine only: the directory of this checkout,
//! a home directory, a host that packages happened to come from.

use std::env;
use std::fs;
use std::path::Path;

use anyhow::{Result, bail};
use regex::Regex;

use crate::run::{files, root, step};

/// Hosts of public registries, in two parts so that this file does not name them either.
const REGISTRIES: &[(&str, &str)] = &[
    ("registry.npmjs", "org"),
    ("files.pythonhosted", "org"),
    ("pypi", "org"),
    ("static.crates", "io"),
    ("index.crates", "io"),
    ("proxy.golang", "org"),
];

/// Variables and files that may name the registry of this machine.
const VARIABLES: &[&str] = &[
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
    "NPM_CONFIG_REGISTRY",
    "npm_config_registry",
    "GOPROXY",
];
const SETTINGS: &[&str] = &[".npmrc", ".config/pip/pip.conf", ".pip/pip.conf", ".cargo/config.toml"];

/// Directories that every machine has: a checkout that lies right below one does not make its name a leak.
const COMMON: &[&str] = &["/tmp/", "/var/", "/var/tmp/", "/usr/", "/opt/", "/home/", "/srv/", "/mnt/"];

pub(crate) fn run(_arguments: &[&str]) -> Result<()> {
    step("places that exist on this machine only");
    let home = env::var("HOME").unwrap_or_default();
    let pattern = pattern(&directories(&root(), &home), &hosts(&home))?;
    let mut found = Vec::new();
    for file in files()? {
        let Ok(text) = fs::read_to_string(root().join(&file)) else { continue };
        for (index, line) in text.lines().enumerate() {
            if let Some(leak) = pattern.find(line) {
                found.push(format!("\n  {file}:{}: {}", index + 1, leak.as_str().trim()));
            }
        }
    }
    if !found.is_empty() {
        bail!("these name places that exist on one machine only, or package registries:{}", found.concat());
    }
    Ok(())
}

/// The directories whose names mean this machine: the checkout, what it lies in, where it is built, the home directory.
fn directories(root: &Path, home: &str) -> Vec<String> {
    let mut directories = vec![format!("{home}/")];
    for directory in root.ancestors().take(2) {
        directories.push(format!("{}/", directory.display()));
    }
    directories.extend(env::var("CARGO_TARGET_DIR").map(|target| format!("{target}/")));
    directories.retain(|directory| directory.starts_with('/') && directory.trim_matches('/').len() > 1);
    directories.retain(|directory| !COMMON.contains(&directory.as_str()));
    directories
}

fn hosts(home: &str) -> Vec<String> {
    let mut hosts: Vec<String> = REGISTRIES.iter().map(|(name, domain)| format!("{name}.{domain}")).collect();
    let mut settings: Vec<String> = VARIABLES.iter().filter_map(|name| env::var(name).ok()).collect();
    settings.extend(SETTINGS.iter().filter_map(|file| fs::read_to_string(Path::new(home).join(file)).ok()));
    hosts.extend(settings.iter().flat_map(|text| hosts_of(text)));
    hosts
}

/// The hosts of the URLs in a text, but for those that everything may name.
fn hosts_of(text: &str) -> Vec<String> {
    let urls = text.split("://").skip(1);
    let hosts = urls.filter_map(|url| url.split(['/', '"', '\'', ' ', '\n', ',', '|']).next());
    let hosts = hosts.map(|host| host.rsplit('@').next().unwrap_or(host).trim().to_owned());
    hosts.filter(|host| host.contains('.') && host != "github.com" && !host.starts_with("127.")).collect()
}

fn pattern(directories: &[String], hosts: &[String]) -> Result<Regex> {
    let escape = |texts: &[String]| texts.iter().map(|text| regex::escape(text)).collect::<Vec<_>>().join("|");
    // A directory stands at the start of a path, not inside a longer one or a URL.
    Ok(Regex::new(&format!(r"(?:^|[^\w.~/:}}-])(?:{})|\b(?:{})\b", escape(directories), escape(hosts)))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkout_below_a_directory_that_every_machine_has_is_no_leak() {
        assert_eq!(directories(Path::new("/tmp/pilvi"), "/home/me")[..2], ["/home/me/", "/tmp/pilvi/"]);
        assert!(!directories(Path::new("/tmp/pilvi"), "").contains(&"/tmp/".to_owned()));
        assert!(directories(Path::new("/somewhere/pilvi"), "").contains(&"/somewhere/".to_owned()));
    }

    #[test]
    fn directories_of_this_machine_are_found() {
        let pattern =
            pattern(&directories(Path::new("/data/checkout"), "/home/ada"), &hosts_of("https://u:p@pip.lan.example/x"))
                .unwrap();
        for leak in ["cd /data/checkout/crates", "(/home/ada/.cargo)", "/data/notes", "see pip.lan.example"] {
            assert!(pattern.is_match(leak), "{leak}");
        }
        for innocent in ["/var/data/x", "https://host/data/x", "GET {root}/data/", "/database", "/home/grace/x"] {
            assert!(!pattern.is_match(innocent), "{innocent}");
        }
    }
}
