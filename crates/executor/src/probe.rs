//! Which tier works on this machine: the sandbox is really tried once.

use std::path::Path;

use crate::config::TierChoice;
use crate::errors::ExecutorError;
use crate::process::Spawner;
use crate::tier::Tier;

/// The tier for a choice.
#[cfg(not(target_os = "linux"))]
pub(crate) async fn choose(choice: TierChoice, _: &Spawner, _: &Path) -> Result<Tier, ExecutorError> {
    match choice {
        TierChoice::Sandbox => Err(unavailable("it exists on Linux only")),
        TierChoice::Auto | TierChoice::Process => Ok(Tier::Process),
    }
}

/// The tier for a choice.
#[cfg(target_os = "linux")]
pub(crate) async fn choose(choice: TierChoice, spawner: &Spawner, data: &Path) -> Result<Tier, ExecutorError> {
    if choice == TierChoice::Process {
        return Ok(Tier::Process);
    }
    match find_sandbox(spawner, data).await {
        Ok(tier) => Ok(tier),
        Err(cause) if choice == TierChoice::Sandbox => Err(unavailable(&cause)),
        Err(cause) => {
            tracing::warn!("functions run as plain processes, without isolation: {cause}");
            Ok(Tier::Process)
        }
    }
}

fn unavailable(cause: &str) -> ExecutorError {
    ExecutorError::Start { name: "sandbox".to_owned(), cause: cause.to_owned() }
}

#[cfg(target_os = "linux")]
async fn find_sandbox(spawner: &Spawner, data: &Path) -> Result<Tier, String> {
    use crate::tier::Ids;

    if !crate::launcher::is_offered() {
        return Err("this program has no launcher".to_owned());
    }
    let (user, group) = crate::launcher::own_ids();
    // Root gives functions to nobody.
    let (function, group) = if user == 0 { (65534, 65534) } else { (user, group) };
    let ids = Ids { setup: user, user: function, group };
    try_sandbox(spawner, data, ids).await.map(|()| Tier::Sandbox(ids))
}

/// Makes a whole sandbox around a program that does not exist. That this is all that fails shows that the rest works.
#[cfg(target_os = "linux")]
async fn try_sandbox(spawner: &Spawner, data: &Path, ids: crate::tier::Ids) -> Result<(), String> {
    use crate::exit::ExitReason;
    use crate::tier::{Request, Sandbox};

    let root = data.join("environments").join("probe");
    std::fs::create_dir_all(&root).map_err(|error| error.to_string())?;
    let sandbox =
        Sandbox { ids, root: root.clone(), mounts: Vec::new(), files: Vec::new(), tmp_mb: 1, stands_by: false };
    let request = Request {
        program: "/nothing".into(),
        args: Vec::new(),
        variables: Vec::new(),
        directory: "/".into(),
        sandbox: Some(sandbox),
        can_stand_by: false,
        extensions: Vec::new(),
    };
    let spawned = spawner.spawn(request, String::new()).await.map_err(|error| error.to_string())?;
    let reason = spawned.exit.await.map_err(|_| "the launcher has ended".to_owned())?;
    let _ = std::fs::remove_dir(&root);
    match reason {
        ExitReason::NotExecuted(libc::ENOENT) => Ok(()),
        other => Err(other.to_string()),
    }
}
