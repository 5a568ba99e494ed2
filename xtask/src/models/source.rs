//! Where botocore is, and its service descriptions.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use flate2::read::GzDecoder;

use crate::run::{output, program, run, step, target};

/// An unpacked botocore package.
pub(crate) struct Botocore {
    directory: PathBuf,
}

impl Botocore {
    /// The package of the pinned version: in `directory` when one is named, else what `python3` imports, else what was
    /// fetched before; `fetch` lets pip fetch it into `target/` when there is none.
    pub(crate) fn find(pinned: &str, directory: Option<&str>, fetch: bool) -> Result<Self> {
        let wrong = |version: &str| {
            format!(
                "the models are imported from botocore {pinned}, and {version} is installed: use --fetch, or pip install botocore=={pinned}"
            )
        };
        if let Some(directory) = directory {
            let botocore = Self { directory: PathBuf::from(directory) };
            let version = botocore.version()?;
            return if version == pinned { Ok(botocore) } else { Err(anyhow!(wrong(&version))) };
        }
        let code = "import botocore; print(botocore.__path__[0])";
        let installed = output(program("python3").args(["-c", code])).ok();
        let installed = installed.map(|path| Self { directory: PathBuf::from(path.trim()) });
        let version = installed.as_ref().and_then(|botocore| botocore.version().ok());
        if let Some(botocore) = installed.filter(|_| version.as_deref() == Some(pinned)) {
            return Ok(botocore);
        }
        let fetched = target().join(format!("botocore-{pinned}"));
        let botocore = Self { directory: fetched.join("botocore") };
        if botocore.version().is_ok_and(|version| version == pinned) {
            return Ok(botocore);
        }
        if !fetch {
            bail!(wrong(version.as_deref().unwrap_or("none")));
        }
        step(&format!("fetching botocore {pinned} into target/"));
        let pip = ["-m", "pip", "install", "--quiet", "--root-user-action=ignore", "--no-deps", "--target"];
        run(program("python3").args(pip).arg(&fetched).arg(format!("botocore=={pinned}")))?;
        Ok(botocore)
    }

    fn version(&self) -> Result<String> {
        let text = fs::read_to_string(self.directory.join("__init__.py"))
            .with_context(|| format!("{} is not a botocore package", self.directory.display()))?;
        let version = text.lines().find_map(|line| line.strip_prefix("__version__ = "));
        Ok(version.context("botocore names no __version__")?.trim_matches(['\'', '"']).to_owned())
    }

    /// The latest description of a service, as JSON text.
    pub(crate) fn service(&self, name: &str) -> Result<String> {
        let directory = self.directory.join("data").join(name);
        let mut versions = Vec::new();
        for entry in fs::read_dir(&directory).with_context(|| format!("botocore has no service {name}"))? {
            versions.push(entry?.path());
        }
        versions.sort();
        let latest = versions.last().with_context(|| format!("botocore's {name} is empty"))?;
        read(latest).with_context(|| format!("reading botocore's {name}"))
    }
}

fn read(directory: &Path) -> Result<String> {
    let plain = directory.join("service-2.json");
    if plain.exists() {
        return Ok(fs::read_to_string(plain)?);
    }
    let mut text = String::new();
    GzDecoder::new(fs::File::open(directory.join("service-2.json.gz"))?).read_to_string(&mut text)?;
    Ok(text)
}
