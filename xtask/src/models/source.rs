//! Where botocore is, and its service descriptions.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use flate2::read::GzDecoder;

use crate::run::{output, program};

/// An unpacked botocore package.
pub(crate) struct Botocore {
    directory: PathBuf,
}

impl Botocore {
    /// The package in `directory`, else the one that `python3` imports.
    pub(crate) fn find(directory: Option<&str>) -> Result<Self> {
        let directory = match directory {
            Some(directory) => PathBuf::from(directory),
            None => {
                let code = "import botocore; print(botocore.__path__[0])";
                let path = output(program("python3").args(["-c", code]))
                    .context("botocore is not found: pip install botocore, or name its directory with --botocore")?;
                PathBuf::from(path.trim())
            }
        };
        if !directory.join("data").is_dir() {
            bail!("{} is not a botocore package", directory.display());
        }
        Ok(Self { directory })
    }

    /// An error unless it is the pinned version.
    pub(crate) fn require(&self, pinned: &str) -> Result<()> {
        let text = fs::read_to_string(self.directory.join("__init__.py"))?;
        let version = text
            .lines()
            .find_map(|line| line.strip_prefix("__version__ = "))
            .map(|version| version.trim_matches(['\'', '"']))
            .context("botocore/__init__.py names no __version__")?;
        if version != pinned {
            bail!(
                "the models are imported from botocore {pinned}, and {version} is installed: pip install botocore=={pinned}"
            );
        }
        Ok(())
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
