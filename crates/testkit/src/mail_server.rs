//! A mail server that keeps what it accepts and misbehaves at any command it is told.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

/// What happens at a step instead of the usual answer. Steps are `GREETING`, `EHLO`, `STARTTLS`, `AUTH`, `MAIL`,
/// `RCPT`, `DATA`, `RSET` and, after the message, `.`.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// Another reply.
    Reply(&'static str),
    /// None, and the connection stays open.
    Hang,
    /// The usual one, once the test says so.
    Late,
    /// None, and the connection is closed.
    Drop,
}

/// How a server is set up.
#[derive(Clone, Default)]
pub struct Setup {
    /// What it demands as the argument of `AUTH PLAIN`.
    pub auth: Option<&'static str>,
    /// Its certificate, if it has TLS.
    pub tls: Option<TlsAcceptor>,
    /// TLS from the first byte instead of STARTTLS.
    pub implicit: bool,
    /// Whether it announces SMTPUTF8.
    pub international: bool,
}

/// A message it accepted.
#[derive(Debug, Clone)]
pub struct Delivered {
    /// The argument of `MAIL FROM:`.
    pub from: String,
    /// The argument of `RCPT TO:`.
    pub to: String,
    /// The message, without stuffed dots.
    pub data: Vec<u8>,
    /// Whether it came over TLS.
    pub encrypted: bool,
}

#[derive(Default)]
struct Seen {
    delivered: Vec<Delivered>,
    commands: Vec<String>,
    connections: usize,
    faults: HashMap<&'static str, Fault>,
}

/// The server. It stops with the test's runtime.
#[derive(Clone)]
pub struct MailServer {
    address: SocketAddr,
    setup: Setup,
    seen: Arc<Mutex<Seen>>,
    /// Told once for each [`Fault::Hang`] and [`Fault::Late`].
    pub holds: Arc<Notify>,
    /// Ends a [`Fault::Late`].
    pub release: Arc<Notify>,
    /// Told once for each `QUIT`.
    pub parted: Arc<Notify>,
}

impl MailServer {
    /// A server on a free port.
    pub async fn start(setup: Setup) -> MailServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let notify = || Arc::new(Notify::new());
        let (seen, holds, release, parted) = (Arc::default(), notify(), notify(), notify());
        let server = MailServer { address, setup, seen, holds, release, parted };
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = serving.clone();
                tokio::spawn(async move {
                    server.seen.lock().unwrap().connections += 1;
                    match &server.setup.tls {
                        Some(tls) if server.setup.implicit => {
                            // A client that does not trust the certificate ends here.
                            let Ok(stream) = tls.accept(stream).await else { return };
                            server.converse(BufReader::new(stream), true, true).await;
                        }
                        _ => {
                            let Some(stream) = server.converse(BufReader::new(stream), true, false).await
                            else {
                                return;
                            };
                            let Ok(stream) = server.setup.tls.as_ref().unwrap().accept(stream).await else {
                                return;
                            };
                            server.converse(BufReader::new(stream), false, true).await;
                        }
                    }
                });
            }
        });
        server
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// From now on, misbehaves at this step.
    pub fn fail(&self, step: &'static str, fault: Fault) {
        self.seen.lock().unwrap().faults.insert(step, fault);
    }

    /// From now on, behaves.
    pub fn recover(&self) {
        self.seen.lock().unwrap().faults.clear();
    }

    /// What it accepted so far.
    pub fn delivered(&self) -> Vec<Delivered> {
        self.seen.lock().unwrap().delivered.clone()
    }

    /// Every command line so far.
    pub fn commands(&self) -> Vec<String> {
        self.seen.lock().unwrap().commands.clone()
    }

    /// How many connections there were.
    pub fn connections(&self) -> usize {
        self.seen.lock().unwrap().connections
    }

    /// Talks until the end, or until the client starts TLS: then gives back the stream for it.
    async fn converse<S>(&self, mut stream: BufReader<S>, greet: bool, encrypted: bool) -> Option<S>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (mut from, mut to) = (String::new(), String::new());
        if greet && !self.answer(&mut stream, "GREETING", "220 fake ESMTP").await {
            return None;
        }
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.ok()? == 0 {
                return None;
            }
            let line = line.trim_end();
            self.seen.lock().unwrap().commands.push(line.to_owned());
            let verb = line.split(' ').next().unwrap_or_default().to_uppercase();
            let goes_on = match verb.as_str() {
                "EHLO" => self.answer(&mut stream, "EHLO", &self.extensions(encrypted)).await,
                "STARTTLS" => {
                    if !self.answer(&mut stream, "STARTTLS", "220 go ahead").await {
                        return None;
                    }
                    return Some(stream.into_inner());
                }
                "AUTH" => {
                    let right = self.setup.auth.is_some_and(|plain| line == format!("AUTH PLAIN {plain}"));
                    let reply = if right { "235 2.7.0 welcome" } else { "535 5.7.8 wrong user or password" };
                    self.answer(&mut stream, "AUTH", reply).await
                }
                "MAIL" => {
                    from = line["MAIL FROM:".len()..].to_owned();
                    self.answer(&mut stream, "MAIL", "250 2.1.0 sender ok").await
                }
                "RCPT" => {
                    to = line["RCPT TO:".len()..].to_owned();
                    self.answer(&mut stream, "RCPT", "250 2.1.5 recipient ok").await
                }
                "DATA" => {
                    if !self.answer(&mut stream, "DATA", "354 go ahead").await {
                        return None;
                    }
                    if self.refuses("DATA") {
                        continue;
                    }
                    let data = read_data(&mut stream).await?;
                    // Before the answer, so that whoever has the answer finds the message.
                    if !self.refuses(".") {
                        let (from, to) = (from.clone(), to.clone());
                        self.seen.lock().unwrap().delivered.push(Delivered { from, to, data, encrypted });
                    }
                    self.answer(&mut stream, ".", "250 2.0.0 Ok: queued as F00").await
                }
                "QUIT" => {
                    self.parted.notify_one();
                    let _ = stream.write_all(b"221 bye\r\n").await;
                    return None;
                }
                "RSET" => self.answer(&mut stream, "RSET", "250 2.0.0 ok").await,
                _ => self.answer(&mut stream, "NOOP", "250 2.0.0 ok").await,
            };
            if !goes_on {
                return None;
            }
        }
    }

    fn extensions(&self, encrypted: bool) -> String {
        let mut lines = vec!["fake".to_owned(), "8BITMIME".into()];
        if self.setup.tls.is_some() && !encrypted {
            lines.push("STARTTLS".into());
        }
        if self.setup.auth.is_some() {
            lines.push("AUTH PLAIN LOGIN".into());
        }
        if self.setup.international {
            lines.push("SMTPUTF8".into());
        }
        let last = lines.pop().unwrap();
        let mut text: String = lines.iter().map(|line| format!("250-{line}\r\n")).collect();
        text.push_str(&format!("250 {last}"));
        text
    }

    fn refuses(&self, step: &str) -> bool {
        self.seen.lock().unwrap().faults.contains_key(step)
    }

    /// Answers, or misbehaves; false ends the connection.
    async fn answer<S: AsyncWrite + Unpin>(&self, stream: &mut S, step: &str, reply: &str) -> bool {
        let fault = self.seen.lock().unwrap().faults.get(step).copied();
        let reply = match fault {
            None => reply,
            Some(Fault::Reply(other)) => other,
            Some(Fault::Drop) => return false,
            Some(Fault::Late) => {
                self.holds.notify_one();
                self.release.notified().await;
                reply
            }
            Some(Fault::Hang) => {
                self.holds.notify_one();
                std::future::pending().await
            }
        };
        stream.write_all(format!("{reply}\r\n").as_bytes()).await.is_ok()
    }
}

/// Reads a message up to the dot alone on a line, and takes the stuffed dots out (RFC 5321 section 4.5.2).
async fn read_data<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> Option<Vec<u8>> {
    let mut data = Vec::new();
    loop {
        let mut line = Vec::new();
        if stream.take(1 << 20).read_until(b'\n', &mut line).await.ok()? == 0 {
            return None;
        }
        if line == b".\r\n" {
            return Some(data);
        }
        data.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
    }
}
