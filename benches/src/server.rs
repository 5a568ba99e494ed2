//! The servers that are measured.

use std::env;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use pilvi_client::Client;
use tempfile::TempDir;
use tokio::net::TcpStream;

/// The region of all benchmarks.
pub(crate) const REGION: &str = "us-east-1";

/// A running server; it ends when this is dropped.
pub(crate) struct Server {
    process: Child,
    /// Its port.
    pub(crate) port: u16,
    /// From its start until it took a connection.
    pub(crate) started: Duration,
    _folder: TempDir,
}

impl Server {
    /// A cloud in durable mode, in a folder of its own.
    pub(crate) async fn pilvi() -> Result<Server> {
        let binary =
            env::var("PILVI_BIN").context("PILVI_BIN does not say where the binary is; use cargo xtask bench")?;
        Server::start(|port, folder| {
            let mut command = Command::new(&binary);
            command.args(["start", "--log", "warn", "--port", &port.to_string(), "--data"]).arg(folder);
            command
        })
        .await
    }

    /// A rival from the folder of programs that `PILVI_RIVALS` names; none where it is not there.
    pub(crate) async fn rival(name: &str) -> Result<Option<Server>> {
        let Some(folder) = env::var_os("PILVI_RIVALS") else { return Ok(None) };
        let program = std::path::Path::new(&folder).join(name);
        if !program.is_file() {
            return Ok(None);
        }
        let server = Server::start(|port, _| {
            let mut command = Command::new(&program);
            if name == "moto_server" {
                command.args(["--port", &port.to_string()]);
            }
            command.env("GATEWAY_PORT", port.to_string()).env("LOG_LEVEL", "ERROR");
            command
        });
        Ok(Some(server.await?))
    }

    /// A plain Node.js HTTP server that answers with what a handler makes of the body.
    pub(crate) async fn node_echo() -> Result<Server> {
        const CODE: &str = "const handler = async (event) => ({ got: event });\
            require('http').createServer((request, response) => { let body = ''; request.on('data', (part) => body += part);\
            request.on('end', async () => { response.setHeader('content-type', 'application/json');\
            response.end(JSON.stringify(await handler(JSON.parse(body)))) }) }).listen(+process.argv[1], '127.0.0.1')";
        Server::start(|port, _| {
            let mut command = Command::new("node");
            command.args(["-e", CODE, &port.to_string()]);
            command
        })
        .await
    }

    async fn start(command: impl Fn(u16, &std::path::Path) -> Command) -> Result<Server> {
        let folder = tempfile::tempdir()?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = command(port, folder.path());
        let begin = Instant::now();
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let process = process.with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let mut server = Server { process, port, started: Duration::ZERO, _folder: folder };
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            if begin.elapsed() > Duration::from_secs(60) || server.process.try_wait()?.is_some() {
                bail!("{} does not serve", command.get_program().display());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        server.started = begin.elapsed();
        Ok(server)
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// A client of it, as root.
    pub(crate) fn client(&self) -> Client {
        Client::new(&format!("http://127.0.0.1:{}", self.port), REGION, "test", "test", None)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
