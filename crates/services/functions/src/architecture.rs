//! Whether this machine can run a function's own executable.

use std::io::Read as _;
use std::path::Path;

use crate::errors::FunctionError;
use crate::state::Function;

/// `e_machine` of the System V ABI, by the names of the API and of Rust.
const MACHINES: [(&str, &str, [u8; 2]); 2] = [("x86_64", "x86_64", [0x3e, 0]), ("arm64", "aarch64", [0xb7, 0])];

/// Refuses a `bootstrap` for another kind of machine. Interpreted functions run whatever architecture they ask for.
pub(crate) fn check(function: &Function, code: &Path) -> Result<(), FunctionError> {
    if !(function.runtime.starts_with("provided") || function.runtime == "go1.x") {
        return Ok(());
    }
    let name = if function.runtime == "go1.x" { &*function.handler } else { "bootstrap" };
    let Some(machine) = machine_of(&code.join(name)) else { return Ok(()) };
    let own = MACHINES.iter().find(|(_, rust, _)| *rust == std::env::consts::ARCH);
    let theirs = MACHINES.iter().find(|(_, _, bytes)| *bytes == machine).map_or("another machine", |(name, ..)| *name);
    match own {
        Some((own, _, bytes)) if *bytes != machine => Err(FunctionError::Runtime(format!(
            "{name} is an executable for {theirs}; this machine runs those for {own}."
        ))),
        _ => Ok(()),
    }
}

/// The machine that a file is an ELF executable for.
fn machine_of(file: &Path) -> Option<[u8; 2]> {
    let mut head = [0; 20];
    std::fs::File::open(file).ok()?.read_exact(&mut head).ok()?;
    match head {
        [0x7f, b'E', b'L', b'F', .., low, high] => Some([low, high]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_executable_tells_its_machine() {
        let own = MACHINES.iter().find(|(_, rust, _)| *rust == std::env::consts::ARCH).unwrap();
        assert_eq!(machine_of(&std::env::current_exe().unwrap()), Some(own.2));
        assert_eq!(machine_of(Path::new("/etc/hostname")), None);
    }
}
