//! The server itself: listening, connections, and the end.

use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, Response, Uri, header};
use axum::response::IntoResponse as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use sleuth_index::Store;
use sleuth_tasks::Fault;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tower_service::Service as _;

use crate::admission::Admission;
use crate::answer::Answers;
use crate::app::{App, Call, Counts};
use crate::door::{Door, receive};
use crate::error::ServerError;
use crate::log::Log;
use crate::options::Options;
use crate::paced::Paced;
use crate::refused::Refused;
use crate::retrieval::Rooms;
use crate::routes::router;
use crate::served::{STORES, Served};

/// Connections that the system keeps until they are accepted, where it keeps so many: Linux no more than
/// `net.core.somaxconn`, mostly 4096. Of a burst beyond it some clients are reset, since the system forgets
/// their connections before they were told of it.
const BACKLOG: u32 = 16_384;
/// Connections that can be counted.
const MOST_CONNECTIONS: usize = u32::MAX as usize;
/// Bytes that a connection may keep of what has come and was not yet read.
const BUFFER: usize = 64 << 10;
/// How long requests that are being answered may take once the server is to end.
const ENDING: Duration = Duration::from_secs(10);
/// Pause after a connection could not be accepted, as when there are too many files open.
const NOT_ACCEPTED: Duration = Duration::from_millis(50);

/// A server that is ready to be started.
pub struct Server {
    app: App,
    bind: SocketAddr,
}

/// A server that answers. Dropped, it ends as [`Running::stop`] has it.
pub struct Running {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    /// A server of `stores`, each with its name, the first of which is the default.
    ///
    /// # Errors
    /// When there is no store, a name cannot be used or comes twice, a token is missing where others than
    /// this machine can ask, or a store cannot be read.
    pub fn new(
        stores: impl IntoIterator<Item = (String, Store)>,
        options: Options,
    ) -> Result<Self, ServerError> {
        let Options {
            bind,
            token,
            hosts,
            parts,
            quality,
            seed,
            stall,
            mut limits,
            environments,
            log,
            clock,
        } = options;
        limits.connections = limits.connections.clamp(1, MOST_CONNECTIONS);
        let wide = !bind.ip().is_loopback();
        if wide && token.is_none() {
            return Err(ServerError::TokenNeeded { address: bind });
        }
        if token.as_ref().is_some_and(|token| {
            token.len() < 16 || !token.bytes().all(|byte| byte.is_ascii_graphic())
        }) {
            let expected = "16 or more visible ASCII characters";
            return Err(ServerError::Token { expected });
        }
        let mut names = HashSet::new();
        let mut served = Vec::new();
        for (name, store) in stores {
            if !names.insert(name.clone()) {
                return Err(ServerError::SameName { name });
            }
            served.push(Arc::new(Served::new(name, store, parts, quality, seed)?));
        }
        if served.is_empty() {
            return Err(ServerError::NoStore);
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let running = if limits.running == 0 { cores } else { limits.running };
        let log = match log {
            Some(out) => Some(Log::new(out, token.clone()).map_err(ServerError::Threads)?),
            None => None,
        };
        let environments = environments.map(|environments| environments.over(&served[0]));
        let app = App {
            environments: environments.transpose()?.map(Arc::new),
            stores: served,
            door: Door::new(token.as_deref(), &hosts, wide),
            admission: Admission::new(running, limits.waiting, limits.longest_wait),
            bodies: Arc::new(Semaphore::new((limits.bodies / 1024).max(1))),
            answers: Answers::new(limits.answers),
            connections: Arc::new(Semaphore::new(limits.connections)),
            quality,
            quality_header: HeaderValue::from_str(&quality.to_string())
                .unwrap_or_else(|_| HeaderValue::from_static("unknown")),
            stall,
            rooms: Arc::new(Rooms::new(limits.sessions, limits.idle)),
            limits,
            log,
            clock,
            started: Instant::now(),
            counts: Counts::default(),
        };
        Ok(Self { app, bind })
    }

    /// Listens, and answers on threads of its own.
    ///
    /// # Errors
    /// When it cannot listen there, or threads cannot be started.
    pub fn start(self) -> Result<Running, ServerError> {
        let Self { app, bind } = self;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(cores)
            .max_blocking_threads(app.admission.n_threads() + 2)
            .thread_name("serve")
            .enable_all()
            .build()
            .map_err(ServerError::Threads)?;
        let listen = |source| ServerError::Listen { address: bind, source };
        let listener = {
            let _inside = runtime.enter();
            listen_at(bind).map_err(listen)?
        };
        let address = listener.local_addr().map_err(listen)?;
        let (stop, stopped) = watch::channel(false);
        let app = Arc::new(app);
        let thread = std::thread::Builder::new()
            .name("server".to_owned())
            .spawn(move || {
                runtime.block_on(serve(listener, Arc::clone(&app), stopped));
                runtime.shutdown_timeout(Duration::from_secs(1));
                if let Some(sessions) = &app.environments {
                    sessions.end();
                }
                // The last of it goes here, outside the runtime: a remote model has a runtime of its own,
                // which must not end within another.
                drop(app);
            })
            .map_err(ServerError::Threads)?;
        Ok(Running { address, stop, thread: Some(thread) })
    }
}

fn listen_at(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        tokio::net::TcpSocket::new_v4()
    } else {
        tokio::net::TcpSocket::new_v6()
    }?;
    // A server that is started again soon after its end finds its port free.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers what has been asked, takes nothing further, and ends.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let _ = self.stop.send(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

async fn serve(listener: TcpListener, app: Arc<App>, mut stopped: watch::Receiver<bool>) {
    let router = router(&app);
    tokio::spawn(look_after(Arc::downgrade(&app.rooms), app.limits.idle, Rooms::close_idle));
    if let Some(sessions) = &app.environments {
        tokio::spawn(look_after(Arc::downgrade(sessions), sessions.idle(), |sessions| {
            sessions.close_idle(sessions.idle());
        }));
    }
    let watched = Arc::downgrade(&app);
    tokio::spawn(async move {
        while let Some(app) = watched.upgrade() {
            app.admission.notice().await;
        }
    });
    #[expect(clippy::cast_possible_truncation, reason = "there are no more connections than that")]
    let all = app.limits.connections as u32;
    loop {
        // With as many connections as there may be, further ones are left to the system.
        let accepted = async {
            let permit = Arc::clone(&app.connections).acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            accepted = accepted => accepted,
            _ = stopped.changed() => break,
        };
        match accepted {
            Ok((stream, client)) => {
                let (app, router) = (Arc::clone(&app), router.clone());
                let mut stopped = stopped.clone();
                tokio::spawn(async move {
                    let _permit = permit;
                    connection(stream, client, &app, router, &mut stopped).await;
                });
            }
            Err(_) => tokio::time::sleep(NOT_ACCEPTED).await,
        }
    }
    drop(listener);
    let ended = app.connections.acquire_many(all);
    let _ = tokio::time::timeout(ENDING, ended).await;
}

/// Has those sessions ended that nobody used for `idle`, for as long as there are any to look after.
async fn look_after<T: Send + Sync + 'static>(
    sessions: Weak<T>,
    idle: Duration,
    close_idle: impl Fn(&T) + Copy + Send + 'static,
) {
    loop {
        let pause = (idle / 4).clamp(Duration::from_millis(50), Duration::from_secs(30));
        tokio::time::sleep(pause).await;
        let Some(sessions) = sessions.upgrade() else { return };
        let _ = tokio::task::spawn_blocking(move || close_idle(&sessions)).await;
    }
}

async fn connection(
    stream: TcpStream,
    client: SocketAddr,
    app: &Arc<App>,
    router: Router,
    stopped: &mut watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| {
        let (app, router) = (Arc::clone(app), router.clone());
        async move { answer(&app, router, client, request).await }
    });
    let mut connection = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(app.limits.slowest)
            .max_buf_size(BUFFER)
            .serve_connection(TokioIo::new(Paced::new(stream, app.limits.slowest)), service)
            .with_upgrades()
    );
    // What goes wrong with a connection concerns the client alone, and it knows.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopped.changed() => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

/// Answers one request; an error closes the connection.
async fn answer(
    app: &Arc<App>,
    router: Router,
    client: SocketAddr,
    mut request: Request<Incoming>,
) -> io::Result<Response<Body>> {
    app.counts.requests.fetch_add(1, Ordering::Relaxed);
    let authority = request.uri().authority().map(|authority| authority.as_str().to_owned());
    let host = match app.door.check(request.headers(), authority.as_deref()) {
        Ok(host) => host.to_owned(),
        Err(refused) => return Ok(refused.into_response()),
    };
    let store = match choose(app, &mut request) {
        Ok(store) => store,
        Err(refused) => return Ok(refused.into_response()),
    };
    let default = Arc::ptr_eq(&store, &app.stores[0]);
    let base = if default {
        format!("http://{host}")
    } else {
        format!("http://{host}{STORES}{}", store.name)
    };
    let session = request.headers().get("x-session-id").and_then(|value| value.to_str().ok());
    let session = session.map(|session| session.chars().take(128).collect());
    let [snapshot, retrieval] = store.headers.clone();
    let call = Arc::new(Call { store, base, client, session, fault: OnceLock::new() });
    let mut response = match receive(app, request).await {
        Ok((mut request, _body)) => {
            request.extensions_mut().insert(Arc::clone(&call));
            let mut router = router;
            in_json(router.call(request).await.into_response()).await
        }
        Err(refused) => refused.into_response(),
    };
    response = app.answers.hold(response).await;
    let fault = call.fault.get();
    match fault {
        Some(Fault::NetworkError) => return Err(io::ErrorKind::ConnectionAborted.into()),
        // What a server sends that dies while it answers.
        Some(Fault::InvalidResponse) => {
            let kind = [(header::CONTENT_TYPE, "application/json")];
            response = (kind, "{\"result\": [[{\"document\": {\"id\": \"").into_response();
        }
        _ => {}
    }
    let headers = response.headers_mut();
    headers.insert("x-sleuth-snapshot", snapshot);
    headers.insert("x-sleuth-retrieval", retrieval);
    headers.insert("x-sleuth-quality", app.quality_header.clone());
    if let Some(fault) = fault {
        headers.insert("x-sleuth-fault", HeaderValue::from_static(fault.as_str()));
    }
    Ok(response)
}

/// An error that some library words in plain text is put into JSON like all others.
async fn in_json(response: Response<Body>) -> Response<Body> {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let plain = kind.is_none_or(|kind| kind.starts_with("text/plain"));
    if !plain || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let body = axum::body::to_bytes(response.into_body(), BUFFER).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&body);
    let text = if text.is_empty() { status.canonical_reason().unwrap_or_default() } else { &text };
    Refused::new(status, "refused", text).into_response()
}

/// The store that the address names, which is cut out of it; the default where it names none.
fn choose(app: &App, request: &mut Request<Incoming>) -> Result<Arc<Served>, Refused> {
    let Some(rest) = request.uri().path().strip_prefix(STORES) else {
        return Ok(Arc::clone(&app.stores[0]));
    };
    let (name, below) = rest.split_once('/').unwrap_or((rest, ""));
    let Some(store) = app.stores.iter().find(|store| store.name == name) else {
        let known: Vec<String> =
            app.stores.iter().map(|store| format!("`{}`", store.name)).collect();
        return Err(Refused::new(
            axum::http::StatusCode::NOT_FOUND,
            "unknown_store",
            format!("no store `{name}` is served: expected {}", known.join(", ")),
        ));
    };
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    let uri: Uri = format!("/{below}{query}")
        .parse()
        .map_err(|_| Refused::invalid("the address cannot be read"))?;
    let store = Arc::clone(store);
    *request.uri_mut() = uri;
    Ok(store)
}
