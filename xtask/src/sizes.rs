//! `cargo xtask sizes`: files stay small enough to hold in the head (rule 7 of docs/design.md).

use std::fs;

use anyhow::{Result, bail};

use crate::run::{files, root, step};

/// The most lines that a hand-written file may have, its tests left out.
const LINES: usize = 800;
/// The most that the median may be.
const MEDIAN: usize = 200;

pub(crate) fn run(_arguments: &[&str]) -> Result<()> {
    step("sizes of files");
    let mut sizes = Vec::new();
    for file in files()? {
        if !file.ends_with(".rs") || is_test(&file) {
            continue;
        }
        let text = fs::read_to_string(root().join(&file))?;
        sizes.push((lines_without_tests(&text), file));
    }
    sizes.sort();
    let Some((median, _)) = sizes.get(sizes.len() / 2) else { return Ok(()) };
    let longest: Vec<String> = sizes.iter().rev().take(3).map(|(lines, file)| format!("{file} {lines}")).collect();
    eprintln!("   {} files, median {median} lines; the longest: {}", sizes.len(), longest.join(", "));
    let long: Vec<String> =
        sizes.iter().filter(|(lines, _)| *lines > LINES).map(|(lines, file)| format!("{file} ({lines})")).collect();
    if !long.is_empty() {
        bail!("over {LINES} lines: {}", long.join(", "));
    }
    if *median > MEDIAN {
        bail!("the median file has {median} lines, more than {MEDIAN}");
    }
    Ok(())
}

fn is_test(file: &str) -> bool {
    file.split('/').any(|part| matches!(part, "tests" | "tests.rs" | "benches" | "fuzz")) || file.ends_with("_tests.rs")
}

/// The lines before a file's own test module.
fn lines_without_tests(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let is_test_module = |pair: &[&str]| matches!(pair, [attribute, module] if *attribute == "#[cfg(test)]" && module.starts_with("mod tests"));
    lines.windows(2).position(is_test_module).unwrap_or(lines.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_do_not_count() {
        assert_eq!(lines_without_tests("a\nb\n#[cfg(test)]\nmod tests {\n}\n"), 2);
        assert_eq!(lines_without_tests("a\n#[cfg(test)]\nfn b() {}\n"), 3);
        assert!(
            is_test("crates/a/src/load/tests.rs") && is_test("crates/a/tests/b.rs") && !is_test("crates/a/src/test.rs")
        );
    }
}
