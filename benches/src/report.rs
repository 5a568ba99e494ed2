//! What was measured, as a table.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

/// One figure.
struct Row {
    what: String,
    measured: String,
    reference: String,
    goal: String,
    met: Option<bool>,
}

/// The figures, in the order in which they were measured.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

impl Report {
    /// Adds a figure. `met` says whether the goal is reached; `None` where there is none.
    pub(crate) fn add(&mut self, what: &str, measured: String, reference: String, goal: &str, met: Option<bool>) {
        eprintln!("  {what}: {measured}   {reference}");
        self.rows.push(Row { what: what.to_owned(), measured, reference, goal: goal.to_owned(), met });
    }

    /// The table, in Markdown.
    pub(crate) fn table(&self) -> String {
        let mut table =
            "| what | measured | reference, same run | goal | |\n| --- | --- | --- | --- | --- |\n".to_owned();
        for row in &self.rows {
            let met = match row.met {
                Some(true) => "✓",
                Some(false) => "missed",
                None => "",
            };
            let _ = writeln!(table, "| {} | {} | {} | {} | {met} |", row.what, row.measured, row.reference, row.goal);
        }
        table
    }

    /// Writes the page with the table.
    pub(crate) fn write(&self) -> Result<()> {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/benchmarks.md");
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let kernel = Command::new("uname").arg("-sm").output().map(|done| done.stdout).unwrap_or_default();
        let text = format!(
            "# Benchmarks\n\nWritten by `cargo xtask bench --write`: a release build over loopback, signed requests, everything durable. \
             The load comes from the same\nmachine ({cores} cores, {}), so throughputs are comparisons, not limits; CPU time \
             is the server's process tree.\n\n{}",
            String::from_utf8_lossy(&kernel).trim(),
            self.table()
        );
        std::fs::write(page, text)?;
        Ok(())
    }
}
