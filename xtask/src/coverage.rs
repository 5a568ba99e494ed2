//! `cargo xtask coverage`: docs/coverage.md, from the models and from what the binary says it has built.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result, bail};

use crate::run::{cargo, output, root, step};

type Built = BTreeMap<String, BTreeSet<String>>;

pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let check = match arguments {
        [] => false,
        ["--check"] => true,
        _ => bail!("coverage has no option but --check"),
    };
    step("coverage: asking the binary what is built");
    let built = parse(&output(cargo().args(["run", "--quiet", "--package", "pilvi", "--", "operations"]))?)?;
    let page = page(&built);
    let path = root().join("docs/coverage.md");
    let is_current = fs::read_to_string(&path).ok().as_deref() == Some(page.as_str());
    match (is_current, check) {
        (true, _) => eprintln!("   docs/coverage.md is up to date"),
        (false, true) => bail!("docs/coverage.md is out of date; run `cargo xtask coverage`"),
        (false, false) => {
            fs::write(&path, page).context("docs/coverage.md")?;
            eprintln!("   docs/coverage.md is written");
        }
    }
    Ok(())
}

/// Lines of `service operation`, each of which the models have to know.
fn parse(listing: &str) -> Result<Built> {
    let mut built = Built::new();
    for line in listing.lines().filter(|line| !line.is_empty()) {
        let (service, operation) =
            line.split_once(' ').with_context(|| format!("{line:?} is not `service operation`"))?;
        let api = pilvi_model::api(service).with_context(|| format!("no model is named {service}"))?;
        if api.operation(operation).is_none() {
            bail!("{service} has no operation {operation}");
        }
        built.entry(service.to_owned()).or_default().insert(operation.to_owned());
    }
    Ok(built)
}

fn page(built: &Built) -> String {
    let mut table = String::new();
    let mut sections = String::new();
    let (mut total_built, mut total) = (0, 0);
    for name in pilvi_model::names() {
        let Some(api) = pilvi_model::api(name) else { continue };
        let none = BTreeSet::new();
        let here = built.get(*name).unwrap_or(&none);
        let (done, all) = (here.len(), api.operations.len());
        total_built += done;
        total += all;
        let shown = if done == 0 { (*name).to_owned() } else { format!("[{name}](#{name})") };
        let _ = writeln!(table, "| {shown} | {done} | {all} | {} % |", done * 100 / all.max(1));
        if done == 0 {
            continue;
        }
        let (yes, no): (Vec<&str>, Vec<&str>) =
            api.operations.iter().map(|operation| operation.name).partition(|name| here.contains(*name));
        let _ = writeln!(sections, "\n## {name}\n\n{done} of {all} operations are built.\n");
        let _ = writeln!(sections, "{}", yes.iter().map(|name| format!("- {name}\n")).collect::<String>().trim_end());
        if !no.is_empty() {
            let _ = writeln!(
                sections,
                "\n<details><summary>Not yet ({})</summary>\n\n{}\n\n</details>",
                no.len(),
                no.join(", ")
            );
        }
    }
    format!(
        "# Coverage\n\n\
         Written by `cargo xtask coverage` from the models and from the handlers that the binary has; not by hand.\n\
         An operation that is modelled and not built answers `NotImplemented` (HTTP 501) and names itself.\n\n\
         | service | built | operations | |\n| --- | ---: | ---: | ---: |\n{table}\
         | **all** | **{total_built}** | **{total}** | **{} %** |\n{sections}",
        total_built * 100 / total.max(1)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_is_counted_and_named() {
        let page = page(&parse("sqs SendMessage\nsqs DeleteQueue\n").unwrap());
        assert!(page.contains("| [sqs](#sqs) | 2 | 23 | 8 % |"), "{page}");
        assert!(page.contains("- DeleteQueue\n- SendMessage\n\n<details><summary>Not yet (21)</summary>"));
        assert!(page.contains("| kms | 0 | 54 | 0 % |"));
    }

    #[test]
    fn unknown_operations_are_refused() {
        assert_eq!(parse("sqs Fly\n").unwrap_err().to_string(), "sqs has no operation Fly");
        assert_eq!(parse("smoke Signal\n").unwrap_err().to_string(), "no model is named smoke");
    }
}
