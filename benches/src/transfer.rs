//! A large object, against the same bytes read from a file into a socket.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::Method;

use crate::process::resident;
use crate::report::Report;
use crate::server::Server;

/// 64 MiB.
const SIZE: usize = 64 * 1024 * 1024;
const ROUNDS: usize = 8;

/// Measures it.
pub(crate) async fn run(report: &mut Report) -> Result<()> {
    let server = Server::pilvi().await?;
    let aws = server.client();
    let content: Vec<u8> = (0..SIZE).map(|index| (index / 7 % 251) as u8).collect();
    aws.send("s3", &Method::PUT, "/bench", &[], Bytes::new()).await?;
    let begin = Instant::now();
    aws.send("s3", &Method::PUT, "/bench/large", &[], Bytes::from(content.clone())).await?;
    let put = rate(begin.elapsed());
    let before = resident(server.pid()).unwrap_or_default();

    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), &content)?;
    let (mut ours, mut theirs) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        let request = aws.signed("s3", &Method::GET, "/bench/large", &[("connection", "close")], Bytes::new())?;
        let mut head = format!("GET {} HTTP/1.1\r\n", request.uri().path());
        for (name, value) in request.headers() {
            head.push_str(&format!("{name}: {}\r\n", value.to_str()?));
        }
        head.push_str(&format!("host: 127.0.0.1:{}\r\n\r\n", server.port));
        let port = server.port;
        ours = ours.min(tokio::task::spawn_blocking(move || ours_once(port, &head)).await??);
        let path = file.path().to_owned();
        theirs = theirs.min(tokio::task::spawn_blocking(move || cat_once(&path)).await??);
    }
    let after = resident(server.pid()).unwrap_or_default();
    let (get, cat) = (rate(ours), rate(theirs));
    report.add(
        "S3 GetObject, 64 MiB",
        format!("{get:.2} GB/s"),
        format!("file into a socket {cat:.2} GB/s: {:.2}×", get / cat),
        "≥ 1 GB/s or 0.5×",
        Some(get >= 1.0 || get / cat >= 0.5),
    );
    report.add("S3 PutObject, 64 MiB, durable", format!("{put:.2} GB/s"), String::new(), "", None);
    let grown = after.saturating_sub(before) as f64 / 1024.0 / 1024.0;
    report.add("memory grown by those reads", format!("{grown:.1} MB"), String::new(), "< 16 MB", Some(grown < 16.0));
    Ok(())
}

fn rate(span: Duration) -> f64 {
    SIZE as f64 / span.as_secs_f64() / 1e9
}

fn ours_once(port: u16, head: &str) -> Result<Duration> {
    let begin = Instant::now();
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.write_all(head.as_bytes())?;
    let read = drain(&mut stream)?;
    ensure!(read > SIZE, "only {read} bytes came");
    Ok(begin.elapsed())
}

fn cat_once(path: &std::path::Path) -> Result<Duration> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let path = path.to_owned();
    let cat = std::thread::spawn(move || -> Result<()> {
        let (mut stream, _) = listener.accept()?;
        let mut file = std::fs::File::open(path)?;
        let mut buffer = vec![0; 128 * 1024];
        loop {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                return Ok(());
            }
            stream.write_all(buffer.get(..read).context("more was read than fits")?)?;
        }
    });
    let begin = Instant::now();
    let read = drain(&mut TcpStream::connect(address)?)?;
    let elapsed = begin.elapsed();
    ensure!(read == SIZE, "only {read} bytes came");
    cat.join().map_err(|_| anyhow::anyhow!("the writer failed"))??;
    Ok(elapsed)
}

fn drain(stream: &mut TcpStream) -> Result<usize> {
    let mut buffer = vec![0; 256 * 1024];
    let mut total = 0;
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(total),
            read => total += read,
        }
    }
}
