//! A way to a server that can be interrupted, as a network is: nothing gets through, and nobody is told.

use std::path::PathBuf;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// Where a way leads.
#[derive(Debug, Clone)]
enum Server {
    Tcp(String, u16),
    Unix(PathBuf),
}

/// A way to a PostgreSQL server. Both sides see each other through it as over TCP; it ends with the test's runtime.
pub struct Network {
    url: String,
    state: watch::Sender<State>,
}

/// What gets through.
#[derive(Debug, Clone, Copy, Default)]
struct State {
    is_cut: bool,
    /// How often connections were forgotten.
    generation: u32,
}

/// A connection's view of the way.
#[derive(Clone)]
struct Way {
    state: watch::Receiver<State>,
    generation: u32,
}

impl Way {
    /// Waits until something gets through; false if nothing ever will.
    async fn is_whole(&mut self) -> bool {
        let generation = self.generation;
        self.state.wait_for(|state| !state.is_cut && state.generation == generation).await.is_ok()
    }
}

impl Network {
    /// A way to the database at a URL.
    ///
    /// # Panics
    /// If the URL is none.
    pub async fn to_postgres(url: &str) -> Network {
        let target: Config = url.parse().expect("a URL of a database");
        let port = target.get_ports().first().copied().unwrap_or(5432);
        let server = match &target.get_hosts()[0] {
            Host::Tcp(name) => Server::Tcp(name.clone(), port),
            Host::Unix(folder) => Server::Unix(folder.join(format!(".s.PGSQL.{port}"))),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = listener.local_addr().unwrap();
        let (user, database) = (target.get_user().unwrap_or("postgres"), target.get_dbname().unwrap());
        let state = watch::Sender::<State>::default();
        tokio::spawn(serve(listener, server, state.clone()));
        Network { url: format!("postgresql://{user}@{near}/{database}"), state }
    }

    /// The database's URL by this way.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// From now on nothing gets through. Connections stay, and whoever opens another gets no answer.
    pub fn cut(&self) {
        self.state.send_modify(|state| state.is_cut = true);
    }

    /// From now on everything gets through again, first what was sent meanwhile.
    pub fn heal(&self) {
        self.state.send_modify(|state| state.is_cut = false);
    }

    /// The connections that there are never get anything through any more, and neither side is told, as when a firewall
    /// has forgotten them; others are not touched.
    pub fn forget(&self) {
        self.state.send_modify(|state| state.generation += 1);
    }
}

async fn serve(listener: TcpListener, server: Server, state: watch::Sender<State>) {
    // They end with this task, which ends with the runtime.
    let mut connections = JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        let generation = state.borrow().generation;
        connections.spawn(join(near, server.clone(), Way { state: state.subscribe(), generation }));
        while connections.try_join_next().is_some() {}
    }
}

/// Joins a client to the server until either of them leaves.
async fn join(near: TcpStream, server: Server, mut way: Way) {
    if !way.is_whole().await {
        return;
    }
    let (from_near, to_near) = near.into_split();
    match server {
        Server::Tcp(name, port) => {
            let Ok(far) = TcpStream::connect((name, port)).await else { return };
            let (from_far, to_far) = far.into_split();
            both(pass_on(from_near, to_far, way.clone()), pass_on(from_far, to_near, way)).await;
        }
        Server::Unix(path) => {
            let Ok(far) = UnixStream::connect(path).await else { return };
            let (from_far, to_far) = far.into_split();
            both(pass_on(from_near, to_far, way.clone()), pass_on(from_far, to_near, way)).await;
        }
    }
}

/// Until one of the directions has ended: then the other one is cut off too.
async fn both(there: impl Future<Output = ()>, back: impl Future<Output = ()>) {
    tokio::select! {
        () = there => {}
        () = back => {}
    }
}

/// Passes on what comes, the end included, while the way is whole.
async fn pass_on(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, mut way: Way) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let Ok(length) = from.read(&mut buffer).await else { return };
        if !way.is_whole().await {
            return;
        }
        if length == 0 || to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
