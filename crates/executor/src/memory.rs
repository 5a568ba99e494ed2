//! What a process tree uses.

/// Figures of a process tree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Resident memory in KB, shared pages included (what the REPORT line shows).
    pub(crate) resident_kb: u64,
    /// Memory of its own in KB: what counts against the setting.
    pub(crate) own_kb: u64,
    /// Number of processes.
    pub(crate) processes: usize,
}

/// More than this is a fork bomb; what lies beyond is not looked at.
const MAX_PROCESSES: usize = 2048;

/// Walks the trees below `roots`; tells `seen` of each descendant.
#[cfg(target_os = "linux")]
pub(crate) fn usage(roots: &[i32], mut seen: impl FnMut(i32)) -> Usage {
    let mut total = Usage::default();
    let mut queue = roots.to_vec();
    while let Some(pid) = queue.pop() {
        if total.processes >= MAX_PROCESSES {
            break;
        }
        let Ok(status) = std::fs::read_to_string(format!("/proc/{pid}/status")) else { continue };
        total.processes += 1;
        if !roots.contains(&pid) {
            seen(pid);
        }
        let (mut resident, mut file) = (0, 0);
        for line in status.lines() {
            if let Some(value) = line.strip_prefix(if roots.contains(&pid) { "VmHWM:" } else { "VmRSS:" }) {
                total.resident_kb += kilobytes(value);
            }
            if let Some(value) = line.strip_prefix("VmRSS:") {
                resident = kilobytes(value);
            } else if let Some(value) = line.strip_prefix("RssFile:") {
                file = kilobytes(value);
            }
        }
        total.own_kb += resident.saturating_sub(file);
        queue.extend(children(pid));
    }
    total
}

/// The children of a process; one may have been forked by any of its threads.
#[cfg(target_os = "linux")]
pub(crate) fn children(pid: i32) -> Vec<i32> {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let lists = threads.flatten().filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<i32>>())
        .collect()
}

/// Everything below a process.
#[cfg(target_os = "linux")]
pub(crate) fn descendants(pid: i32) -> Vec<i32> {
    let mut all = children(pid);
    let mut at = 0;
    while let Some(pid) = all.get(at) {
        let below = children(*pid);
        all.extend(below);
        at += 1;
    }
    all
}

#[cfg(target_os = "linux")]
fn kilobytes(text: &str) -> u64 {
    text.split_ascii_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// Whether less than a sixteenth of the machine's memory is left.
#[cfg(target_os = "linux")]
pub(crate) fn is_short() -> bool {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let figure = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(kilobytes);
    match (figure("MemTotal:"), figure("MemAvailable:")) {
        (Some(total), Some(available)) => available < total / 16,
        _ => false,
    }
}

/// Not known here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn is_short() -> bool {
    false
}

/// Whether a process was started with a variable (`NAME=value`): tells which environment a stray one came from.
#[cfg(target_os = "linux")]
pub(crate) fn has_variable(pid: i32, variable: &str) -> bool {
    let Ok(variables) = std::fs::read(format!("/proc/{pid}/environ")) else { return false };
    variables.split(|b| *b == 0).any(|v| v == variable.as_bytes())
}

/// Asks `ps`: there is no cheaper way that needs no private interface.
#[cfg(not(target_os = "linux"))]
pub(crate) fn usage(roots: &[i32], mut seen: impl FnMut(i32)) -> Usage {
    let Ok(listing) = std::process::Command::new("/bin/ps").args(["-axo", "pid=,ppid=,rss="]).output() else {
        return Usage::default();
    };
    let rows: Vec<(i32, i32, u64)> = String::from_utf8_lossy(&listing.stdout)
        .lines()
        .filter_map(|line| {
            let mut fields = line.split_ascii_whitespace();
            Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
        })
        .collect();
    let mut total = Usage::default();
    let mut queue = roots.to_vec();
    while let Some(pid) = queue.pop() {
        for (child, parent, resident) in &rows {
            if *child == pid {
                total.resident_kb += resident;
                total.own_kb += resident;
                total.processes += 1;
            }
            if *parent == pid && total.processes < MAX_PROCESSES {
                seen(*child);
                queue.push(*child);
            }
        }
    }
    total
}

/// Not known here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn has_variable(_pid: i32, _variable: &str) -> bool {
    false
}
