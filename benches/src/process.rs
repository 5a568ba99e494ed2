//! What a process and its children use, from `/proc`; nothing where there is none (macOS).

use std::collections::HashMap;
use std::fs;

/// The CPU time of a process and all that descend from it, in seconds.
pub(crate) fn cpu_seconds(pid: u32) -> Option<f64> {
    // Fields 14 to 17 of /proc/PID/stat: user and system time, its own and its reaped children's, in ticks of 10 ms.
    let ticks = |pid: u32| -> Option<u64> {
        let fields = stat(pid)?;
        (11..15).map(|index| fields.get(index)?.parse::<u64>().ok()).sum()
    };
    let total: u64 = tree(pid)?.into_iter().filter_map(ticks).sum();
    Some(total as f64 / 100.0)
}

/// The resident memory of a process, in bytes.
pub(crate) fn resident(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find(|line| line.starts_with("VmRSS:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
}

/// The fields after the name, which may hold spaces.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(") ")?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

fn tree(root: u32) -> Option<Vec<u32>> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let parent = stat(pid).and_then(|fields| fields.get(1)?.parse().ok());
        if let Some(parent) = parent {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = vec![root];
    let mut next = 0;
    while let Some(pid) = found.get(next).copied() {
        found.extend(children.get(&pid).into_iter().flatten());
        next += 1;
    }
    Some(found)
}
