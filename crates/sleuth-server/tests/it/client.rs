//! A server over the small library, and a client that shows what was really sent.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use sleuth_index::{MemorySource, Store, SyncOptions, build_graph, sync};
use sleuth_records::Document;
use sleuth_server::{Options, Running, Server};
use sleuth_testkit::library;

/// A server that goes away with its store.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    running: Option<Running>,
    _folder: tempfile::TempDir,
}

/// Options for a port of its own.
pub(crate) fn options() -> Options {
    Options { bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), ..Options::default() }
}

/// A store of `documents` below `folder`.
pub(crate) fn store_in(folder: &tempfile::TempDir, name: &str, documents: Vec<Document>) -> Store {
    let path = folder.path().join(name);
    let options = SyncOptions { name: name.to_owned(), threads: 1, ..SyncOptions::default() };
    sync(&path, &MemorySource::new(documents), &options, &|_| (), &|| false).unwrap();
    build_graph(&path, 1, &|_, _| (), &|| false).unwrap();
    Store::open(&path).unwrap()
}

impl Served {
    /// The library, served with `options`.
    pub(crate) fn with(options: Options) -> Self {
        Self::of(vec![("library", library())], options)
    }

    pub(crate) fn library() -> Self {
        Self::with(options())
    }

    pub(crate) fn of(stores: Vec<(&str, Vec<Document>)>, options: Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stores: Vec<(String, Store)> = stores
            .into_iter()
            .map(|(name, documents)| (name.to_owned(), store_in(&folder, name, documents)))
            .collect();
        let running = Server::new(stores, options).unwrap().start().unwrap();
        Self { address: running.address(), running: Some(running), _folder: folder }
    }

    pub(crate) fn stop(&mut self) {
        self.running.take().unwrap().stop();
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream
    }

    /// Sends `body` to `path` as JSON.
    pub(crate) fn post(&self, path: &str, body: &str) -> Reply {
        self.send("POST", path, &[("Content-Type", "application/json")], body.as_bytes())
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], b"")
    }

    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Reply {
        let mut stream = self.connect();
        stream.write_all(&self.request(method, path, headers, body)).unwrap();
        Reply::read(&mut stream)
    }

    /// The bytes of a request; `Host` is added where `headers` has none.
    pub(crate) fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Vec<u8> {
        let mut head = format!("{method} {path} HTTP/1.1\r\n");
        if !headers.iter().any(|(name, _)| *name == "Host") {
            head += &format!("Host: {}\r\n", self.address);
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        if !body.is_empty() || method == "POST" {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        head += "\r\n";
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body);
        bytes
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn read(stream: &mut TcpStream) -> Self {
        Self::try_read(stream).expect("an answer")
    }

    /// `None` where the connection ends without a whole answer.
    pub(crate) fn try_read(stream: &mut TcpStream) -> Option<Self> {
        let mut bytes = Vec::new();
        let mut part = [0; 65536];
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            match stream.read(&mut part) {
                Ok(0) | Err(_) => return None,
                Ok(n) => bytes.extend_from_slice(&part[..n]),
            }
        };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut lines = head.lines();
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut body = bytes[end + 4..].to_vec();
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let length: usize = length.map_or(0, |(_, length)| length.parse().unwrap());
        while body.len() < length {
            match stream.read(&mut part) {
                Ok(0) | Err(_) => return None,
                Ok(n) => body.extend_from_slice(&part[..n]),
            }
        }
        Some(Self { status, headers, body })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    /// The code of an error.
    pub(crate) fn code(&self) -> String {
        let body = self.json();
        body["error"]["code"].as_str().unwrap_or_else(|| panic!("no code in {body}")).to_owned()
    }
}

/// Somewhere to write that can be looked at.
#[derive(Clone, Default)]
pub(crate) struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl std::io::Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
