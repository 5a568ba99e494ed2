//! Where an environment finds its Runtime API, and why no other one does.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::net::TcpListener;

use crate::tier::Tier;

/// The address of one environment's Runtime API.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    pub(crate) address: SocketAddr,
    /// In the sandbox: a name that only this environment's `/etc/hosts` has, and that a request has to give as its
    /// host. Which ports listen is for everybody to see; this is not.
    secret_name: Option<String>,
}

impl Api {
    /// A listener of the environment's own.
    pub(crate) async fn bind(tier: &Tier) -> io::Result<(TcpListener, Api)> {
        let secret = uuid::Uuid::new_v4();
        let listener = match tier {
            Tier::Sandbox(_) => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?,
            Tier::Process => bind_anywhere(secret.as_bytes()).await?,
        };
        let address = listener.local_addr()?;
        let secret_name = (*tier != Tier::Process).then(|| format!("runtime-{}", secret.simple()));
        Ok((listener, Api { address, secret_name }))
    }

    /// `AWS_LAMBDA_RUNTIME_API`
    pub(crate) fn name(&self) -> String {
        match &self.secret_name {
            Some(name) => format!("{name}:{}", self.address.port()),
            None => self.address.to_string(),
        }
    }

    /// The name without the port.
    pub(crate) fn host_name(&self) -> &str {
        self.secret_name.as_deref().unwrap_or("")
    }

    /// Whether a request that names this host comes from the environment.
    pub(crate) fn is_host(&self, host: Option<&str>) -> bool {
        let Some(secret) = &self.secret_name else { return true };
        host.is_some_and(|host| host.split(':').next() == Some(secret.as_str()))
    }
}

/// Without a sandbox, on Linux: an address picked from the whole loopback network. Together with the port it cannot be
/// guessed by another function.
async fn bind_anywhere(random: &[u8; 16]) -> io::Result<TcpListener> {
    if cfg!(target_os = "linux") {
        let [a, b, c, ..] = *random;
        let address = Ipv4Addr::new(127, a.max(1), b, c.clamp(1, 254));
        if let Ok(listener) = TcpListener::bind((IpAddr::V4(address), 0)).await {
            return Ok(listener);
        }
    }
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await
}
