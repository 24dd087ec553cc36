//! The log of what clients did: JSON Lines, one object for each call that searched or read.
//!
//! ```json
//! {"at_ms":1790000000000,"client":"127.0.0.1:50312","session":"e7","store":"wiki","dialect":"search_r1","queries":["who wrote it"],"k":3,"found":[["d1","d2"]],"fault":null,"status":200,"ms":0.4}
//! ```
//!
//! `session` is the header `x-session-id` where the client sends one. Headers and bodies are never
//! logged otherwise, and the server's own token is struck out of queries. Writing is done by a thread
//! of its own, so that a slow disk slows down nobody; lines that it cannot keep up with, by their number
//! or their bytes, are counted and left out.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::Serialize;

/// Lines that may wait to be written.
const WAITING: usize = 1 << 14;
/// Bytes of the lines that may wait to be written: a line of a large batch has some of 2^20.
const WAITING_BYTES: usize = 16 << 20;
/// A line is on the disk after this long, at most.
const FLUSH: Duration = Duration::from_millis(200);

/// One line.
#[derive(Serialize)]
pub(crate) struct Line<'a> {
    pub(crate) at_ms: u64,
    pub(crate) client: String,
    pub(crate) session: Option<&'a str>,
    pub(crate) store: &'a str,
    pub(crate) dialect: &'a str,
    /// What was searched; ids or addresses where something was read.
    pub(crate) queries: &'a [String],
    pub(crate) k: usize,
    /// Ids of the documents found, by query.
    pub(crate) found: Vec<Vec<&'a str>>,
    pub(crate) fault: Option<&'static str>,
    pub(crate) status: u16,
    pub(crate) ms: f64,
}

/// See the [module](self).
pub(crate) struct Log {
    lines: Option<SyncSender<Vec<u8>>>,
    writer: Option<JoinHandle<()>>,
    /// Bytes of the lines that wait.
    waiting: Arc<AtomicUsize>,
    left_out: AtomicU64,
    /// What is struck out.
    secret: Option<String>,
}

impl Log {
    pub(crate) fn new(out: Box<dyn Write + Send>, secret: Option<String>) -> std::io::Result<Self> {
        let (lines, coming) = sync_channel(WAITING);
        let waiting = Arc::<AtomicUsize>::default();
        let writer = std::thread::Builder::new().name("log".to_owned()).spawn({
            let waiting = Arc::clone(&waiting);
            move || write(out, &coming, &waiting)
        })?;
        Ok(Self {
            lines: Some(lines),
            writer: Some(writer),
            waiting,
            left_out: AtomicU64::new(0),
            secret: secret.filter(|secret| !secret.is_empty()),
        })
    }

    pub(crate) fn write(&self, line: &Line<'_>) {
        let Ok(mut text) = serde_json::to_string(line) else { return };
        if let Some(secret) = self.secret.as_ref().filter(|secret| text.contains(secret.as_str())) {
            text = text.replace(secret.as_str(), "[REDACTED:token]");
        }
        text.push('\n');
        let Some(lines) = &self.lines else { return };
        let bytes = text.len();
        if self.waiting.fetch_add(bytes, Ordering::Relaxed) + bytes > WAITING_BYTES
            || lines.try_send(text.into_bytes()).is_err()
        {
            self.waiting.fetch_sub(bytes, Ordering::Relaxed);
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Lines that are not in the log.
    pub(crate) fn left_out(&self) -> u64 {
        self.left_out.load(Ordering::Relaxed)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.lines = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

fn write(out: Box<dyn Write + Send>, lines: &Receiver<Vec<u8>>, waiting: &AtomicUsize) {
    let mut out = std::io::BufWriter::new(out);
    let mut unflushed = false;
    loop {
        match lines.recv_timeout(FLUSH) {
            // A disk that is full takes no line; the service goes on without.
            Ok(line) => {
                unflushed = out.write_all(&line).is_ok() || unflushed;
                waiting.fetch_sub(line.len(), Ordering::Relaxed);
            }
            Err(RecvTimeoutError::Timeout) if unflushed => {
                let _ = out.flush();
                unflushed = false;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                let _ = out.flush();
                return;
            }
        }
    }
}
