//! Runtimes that are started before it is known what for, so that a cold start only has to load the handler.
//!
//! Interpreters take most of a cold start. After one, another process like it is booted, with a sandbox that lacks
//! only what differs between functions: code, layers, the SDK, the size of `/tmp`, most variables. It asks its Runtime
//! API for them and waits. The next cold start that needs the same gives them to it.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};

use crate::api::Api;
use crate::http::{self, ReadBuffer};
use crate::process::{Spawned, Spawner};
use crate::tier::{Request, Tier};

/// Where a runtime that stands by asks what it is for.
const PATH: &str = "/pilvi/assignment";
/// One that has not asked by then never will.
const BOOT_LIMIT: Duration = Duration::from_secs(20);

/// A runtime that waits for its function.
pub(crate) struct Standby {
    boot: Request,
    home: PathBuf,
    since: Instant,
    pub(crate) api: Api,
    /// Everything that a started environment has; gone when it was given away.
    parts: Option<Parts>,
}

/// What becomes the environment's.
pub(crate) struct Parts {
    pub(crate) listener: TcpListener,
    pub(crate) connection: TcpStream,
    pub(crate) buffer: ReadBuffer,
    pub(crate) spawned: Spawned,
}

impl Drop for Standby {
    fn drop(&mut self) {
        if let Some(parts) = self.parts.take() {
            parts.spawned.process.kill();
            let _ = std::fs::remove_dir_all(&self.home);
        }
    }
}

impl Standby {
    /// Boots one; `home` is its own directory.
    async fn boot(boot: Request, tier: &Tier, spawner: &Spawner, home: PathBuf) -> io::Result<Self> {
        let root = home.join("root");
        std::fs::create_dir_all(&root)?;
        let (listener, api) = Api::bind(tier).await?;
        let mut request = boot.clone();
        request.connect(&api);
        request.variables.push(("_PILVI_STANDBY".to_owned(), "1".to_owned()));
        if let Some(sandbox) = &mut request.sandbox {
            sandbox.root = root;
        }
        let spawned = spawner.spawn(request, String::new()).await?;
        let asked = tokio::time::timeout(BOOT_LIMIT, wait_for_question(&listener, &api)).await;
        match asked.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok((connection, buffer)) => {
                let parts = Some(Parts { listener, connection, buffer, spawned });
                Ok(Self { boot, home, since: Instant::now(), api, parts })
            }
            Err(error) => {
                spawned.process.kill();
                let _ = std::fs::remove_dir_all(&home);
                Err(error)
            }
        }
    }

    fn is_alive(&mut self) -> bool {
        let waiting = Err(tokio::sync::oneshot::error::TryRecvError::Empty);
        self.parts.as_mut().is_some_and(|parts| parts.spawned.exit.try_recv() == waiting)
    }

    /// Completes its sandbox and tells it what it is for; gives its own directory and the rest of it.
    pub(crate) async fn assign(mut self, spawner: &Spawner, request: &mut Request) -> io::Result<(PathBuf, Parts)> {
        let Some(mut parts) = self.parts.take() else { return Err(io::ErrorKind::NotFound.into()) };
        request.connect(&self.api);
        let told = async {
            spawner.fill(&parts.spawned.process, request.filling()).await?;
            let variables: BTreeMap<&str, &str> =
                request.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let mut out = Vec::new();
            http::write_response(&mut out, 200, "application/json", &serde_json::to_vec(&variables)?);
            parts.connection.write_all(&out).await
        };
        if let Err(error) = told.await {
            self.parts = Some(parts);
            return Err(error);
        }
        Ok((std::mem::take(&mut self.home), parts))
    }
}

async fn wait_for_question(listener: &TcpListener, api: &Api) -> io::Result<(TcpStream, ReadBuffer)> {
    loop {
        let (mut stream, _) = listener.accept().await?;
        let _ = stream.set_nodelay(true);
        let mut buffer = ReadBuffer::default();
        let head = buffer.read_head(&mut stream).await;
        if head.is_ok_and(|(request, _)| api.is_host(request.header("host")) && request.path == PATH) {
            return Ok((stream, buffer));
        }
    }
}

/// All that stand by, at most one of a kind.
pub(crate) struct Standbys {
    most: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: Vec<Standby>,
    booting: Vec<Request>,
    closed: bool,
}

impl Standbys {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, state: Mutex::default() }
    }

    /// One that was booted like this.
    pub(crate) fn take(&self, boot: &Request) -> Option<Standby> {
        let mut state = self.state.lock();
        let at = state.waiting.iter().position(|standby| standby.boot == *boot)?;
        let mut standby = state.waiting.remove(at);
        standby.is_alive().then_some(standby)
    }

    /// Boots one like this, unless there is one. The kind that was used the longest ago makes room.
    pub(crate) async fn refill(&self, boot: Request, tier: &Tier, spawner: &Spawner, folder: &Path) {
        {
            let mut state = self.state.lock();
            let there = state.booting.contains(&boot) || state.waiting.iter().any(|standby| standby.boot == boot);
            if state.closed || there || state.booting.len() >= self.most {
                return;
            }
            state.booting.push(boot.clone());
        }
        let home = folder.join(format!("standby-{}", uuid::Uuid::new_v4().simple()));
        let standby = Standby::boot(boot.clone(), tier, spawner, home).await;
        let mut state = self.state.lock();
        state.booting.retain(|booting| *booting != boot);
        match standby {
            Ok(standby) if !state.closed => state.waiting.push(standby),
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "no runtime stands by"),
        }
        let surplus = state.waiting.len().saturating_sub(self.most);
        state.waiting.drain(..surplus);
    }

    /// Ends those that have waited for longer than `limit`.
    pub(crate) fn evict(&self, limit: Duration) {
        self.state.lock().waiting.retain(|standby| standby.since.elapsed() < limit);
    }

    /// Ends all, for good; returns when they are gone.
    pub(crate) async fn close(&self) {
        let waiting = {
            let mut state = self.state.lock();
            state.closed = true;
            std::mem::take(&mut state.waiting)
        };
        for mut standby in waiting {
            if let Some(parts) = standby.parts.take() {
                parts.spawned.process.kill();
                let _ = tokio::time::timeout(Duration::from_secs(5), parts.spawned.exit).await;
            }
        }
    }
}
