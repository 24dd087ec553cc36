//! The file of a graph: a header, arrays of little-endian numbers, and a checksum over all of it.

use std::path::{Path, PathBuf};

use sleuth_records::sha256_hex;
use tantivy::directory::error::{OpenDirectoryError, OpenReadError};
use tantivy::directory::{Directory as _, MmapDirectory, OwnedBytes};

use super::{Graph, KeyTable, Rows};
use crate::IndexError;
use crate::standing::{Copies, Standing};

const MAGIC: &[u8; 8] = b"SLGRAPH3";
/// Hexadecimal characters of a checksum.
const CHECKSUM: usize = 64;

/// The folder of the graph.
pub(crate) fn graph_dir(path: &Path) -> PathBuf {
    path.join("graph")
}

fn file_of(path: &Path, snapshot: &str) -> PathBuf {
    graph_dir(path).join(format!("{snapshot}.3.bin"))
}

/// Reads the graph of `snapshot`, or `None` where there is none.
pub(crate) fn read_graph(path: &Path, snapshot: &str) -> Result<Option<Graph>, IndexError> {
    let Some(bytes) = mapped(path, snapshot)? else { return Ok(None) };
    match decode(&bytes) {
        Some(graph) if graph.snapshot == snapshot => Ok(Some(graph)),
        _ => Err(IndexError::Damaged {
            path: path.to_owned(),
            detail: format!(
                "`graph/{snapshot}.3.bin` is not whole; remove it, and the next `sleuth index build` makes it anew"
            ),
        }),
    }
}

/// The file's bytes, mapped and not read: what is kept of them is copied while they are decoded. `None` where there is no
/// such file: none was made, or a writer has just put that of another snapshot in its place.
fn mapped(path: &Path, snapshot: &str) -> Result<Option<OwnedBytes>, IndexError> {
    let io = |error: &std::io::Error| {
        IndexError::io(path, std::io::Error::new(error.kind(), error.to_string()))
    };
    let folder = match MmapDirectory::open(graph_dir(path)) {
        Ok(folder) => folder,
        Err(OpenDirectoryError::DoesNotExist(_)) => return Ok(None),
        Err(OpenDirectoryError::IoError { io_error, .. }) => return Err(io(&io_error)),
        Err(error) => return Err(IndexError::engine(path, error.into())),
    };
    let file = file_of(path, snapshot);
    let name = file.strip_prefix(graph_dir(path)).unwrap_or(&file);
    match folder.open_read(name) {
        Ok(slice) => slice.read_bytes().map(Some).map_err(|error| io(&error)),
        Err(OpenReadError::FileDoesNotExist(_)) => Ok(None),
        Err(OpenReadError::IoError { io_error, .. }) => Err(io(&io_error)),
        Err(error) => Err(IndexError::engine(path, error.into())),
    }
}

/// Writes the graph, and removes those of other snapshots.
pub(super) fn write_graph(path: &Path, graph: &Graph) -> Result<(), IndexError> {
    let io = |error| IndexError::io(path, error);
    let folder = graph_dir(path);
    fs_err::create_dir_all(&folder).map_err(io)?;
    let file = file_of(path, &graph.snapshot);
    let new = folder.join("new.tmp");
    crate::layout::write_synced(&new, |file| {
        use std::io::Write as _;
        let bytes = encode(graph);
        file.write_all(&bytes)?;
        file.write_all(sha256_hex(&bytes).as_bytes())
    })
    .map_err(io)?;
    fs_err::rename(&new, &file).map_err(io)?;
    for entry in fs_err::read_dir(&folder).map_err(io)?.flatten() {
        if entry.path() != file {
            // What stays behind is named by nothing.
            let _ = fs_err::remove_file(entry.path());
        }
    }
    Ok(())
}

fn encode(graph: &Graph) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(MAGIC);
    bytes(&mut out, graph.snapshot.as_bytes());
    bytes(&mut out, graph.manifest.as_bytes());
    number(&mut out, graph.n_documents);
    rows(&mut out, &graph.edges, |out, &(target, strength)| {
        out.extend(target.to_le_bytes());
        out.extend(strength.to_le_bytes());
    });
    rows(&mut out, &graph.back, |out, source| out.extend(source.to_le_bytes()));
    rows(&mut out, &graph.names, |out, name| out.extend(name.to_le_bytes()));
    rows(&mut out, &graph.sharing, |out, document| out.extend(document.to_le_bytes()));
    number(&mut out, graph.name_weights.len());
    for weight in &graph.name_weights {
        out.extend(weight.to_le_bytes());
    }
    let keys = &graph.keys;
    number(&mut out, keys.hashes.len());
    for (at, key) in keys.hashes.iter().enumerate() {
        out.extend(key.to_le_bytes());
        let documents = keys.documents.row(at);
        number(&mut out, documents.len());
        for (document, weight) in documents {
            out.extend(document.to_le_bytes());
            out.extend(weight.to_le_bytes());
        }
    }
    number(&mut out, keys.first_words.len());
    for (word, n_words) in keys.first_words.iter().zip(&keys.longest) {
        out.extend(word.to_le_bytes());
        out.push(*n_words);
    }
    let standing = &graph.standing;
    number(&mut out, standing.quality.len());
    for quality in &standing.quality {
        out.extend(quality.to_le_bytes());
    }
    number(&mut out, standing.host_names.len());
    for host in &standing.host_names {
        bytes(&mut out, host.as_bytes());
    }
    let copies = &standing.copies;
    for list in [&standing.hosts, &standing.host_sizes, &copies.copy_of, &copies.variant_of] {
        number(&mut out, list.len());
        for one in list {
            out.extend(one.to_le_bytes());
        }
    }
    out
}

fn number(out: &mut Vec<u8>, n: usize) {
    out.extend((n as u64).to_le_bytes());
}

fn bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    number(out, bytes.len());
    out.extend(bytes);
}

fn rows<T>(out: &mut Vec<u8>, rows: &Rows<T>, item: impl Fn(&mut Vec<u8>, &T)) {
    number(out, rows.starts.len());
    for start in &rows.starts {
        out.extend(start.to_le_bytes());
    }
    number(out, rows.items.len());
    for one in &rows.items {
        item(out, one);
    }
}

fn decode(file: &[u8]) -> Option<Graph> {
    let (content, checksum) = file.split_at_checked(file.len().checked_sub(CHECKSUM)?)?;
    if sha256_hex(content).as_bytes() != checksum {
        return None;
    }
    let mut from = Reader(content);
    if from.take(MAGIC.len())? != MAGIC {
        return None;
    }
    let snapshot = from.text()?;
    let manifest = from.text()?;
    let n_documents = from.length()?;
    let edges = from.rows(|from| Some((from.u32()?, from.f32()?)))?;
    let back = from.rows(Reader::u32)?;
    let names = from.rows(Reader::u32)?;
    let sharing = from.rows(Reader::u32)?;
    let name_weights = from.list(Reader::f32)?;
    let keys = keys(&mut from)?;
    let quality = from.list(Reader::f32)?;
    let host_names = from.list(Reader::text)?;
    let (hosts, host_sizes) = (from.list(Reader::u32)?, from.list(Reader::u32)?);
    let (copy_of, variant_of) = (from.list(Reader::u32)?, from.list(Reader::u32)?);
    let copies = Copies { copy_of, variant_of };
    let standing = Standing { quality, hosts, host_sizes, host_names, copies };
    Some(Graph {
        snapshot,
        manifest,
        n_documents,
        edges,
        back,
        names,
        sharing,
        name_weights,
        keys,
        standing,
    })
}

/// The table of keys: each hash with its list, by hash, then the words that keys begin with.
fn keys(from: &mut Reader<'_>) -> Option<KeyTable> {
    let n = from.length()?;
    let mut keys = KeyTable { hashes: Vec::with_capacity(n), ..KeyTable::default() };
    keys.documents = Rows { starts: Vec::with_capacity(n + 1), items: Vec::with_capacity(n) };
    keys.documents.starts.push(0);
    for _ in 0..n {
        keys.hashes.push(from.u64()?);
        for _ in 0..from.length()? {
            keys.documents.items.push((from.u32()?, from.f32()?));
        }
        keys.documents.starts.push(u32::try_from(keys.documents.items.len()).ok()?);
    }
    keys.documents.items.shrink_to_fit();
    let n = from.length()?;
    (keys.first_words, keys.longest) = (Vec::with_capacity(n), Vec::with_capacity(n));
    for _ in 0..n {
        keys.first_words.push(from.u64()?);
        keys.longest.push(*from.take(1)?.first()?);
    }
    let is_rising = |list: &[u64]| list.is_sorted_by(|a, b| a < b);
    (is_rising(&keys.hashes) && is_rising(&keys.first_words)).then_some(keys)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(head)
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn f32(&mut self) -> Option<f32> {
        Some(f32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    /// A number of things that follow: never more than there are bytes.
    fn length(&mut self) -> Option<usize> {
        let n = usize::try_from(self.u64()?).ok()?;
        (n <= self.0.len()).then_some(n)
    }

    fn text(&mut self) -> Option<String> {
        let length = self.length()?;
        String::from_utf8(self.take(length)?.to_vec()).ok()
    }

    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let n = self.length()?;
        let mut out = Vec::with_capacity(n);
        for _ in 0..n {
            out.push(item(self)?);
        }
        Some(out)
    }

    fn rows<T>(&mut self, item: impl FnMut(&mut Self) -> Option<T>) -> Option<Rows<T>> {
        Some(Rows { starts: self.list(Self::u32)?, items: self.list(item)? })
    }
}

#[cfg(test)]
mod tests {
    use super::super::GatheredKeys;
    use super::*;

    fn graph() -> Graph {
        let mut keys = GatheredKeys::default();
        keys.insert("saw thanda", 0, 1.0);
        keys.insert("saw", 1, 0.7);
        keys.insert("saw", 0, 0.5);
        let keys = keys.table();
        Graph {
            snapshot: "abc".to_owned(),
            manifest: "manifest-1".to_owned(),
            n_documents: 2,
            edges: Rows::from_lists([vec![(1, 0.5)], vec![]]),
            back: Rows::from_lists([vec![], vec![0]]),
            names: Rows::from_lists([vec![0], vec![0]]),
            sharing: Rows::from_lists([vec![0, 1]]),
            name_weights: vec![0.25],
            keys,
            standing: Standing {
                quality: vec![1.0, 0.5],
                hosts: vec![u32::MAX, 0],
                host_sizes: vec![1],
                host_names: vec!["example.org".to_owned()],
                copies: Copies { copy_of: vec![u32::MAX, 0], variant_of: vec![u32::MAX; 2] },
            },
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read_graph(dir.path(), "abc").unwrap(), None);
        write_graph(dir.path(), &graph()).unwrap();
        assert_eq!(read_graph(dir.path(), "abc").unwrap(), Some(graph()));
        // Another snapshot's graph takes its place.
        write_graph(dir.path(), &Graph { snapshot: "def".to_owned(), ..graph() }).unwrap();
        assert_eq!(read_graph(dir.path(), "abc").unwrap(), None);
    }

    #[test]
    fn keys_are_found_and_have_to_rise() {
        let hash = super::super::hash("saw");
        assert_eq!(graph().keys.documents(hash), Some([(0, 0.5), (1, 0.7)].as_slice()));
        assert_eq!(graph().keys.documents(hash + 1), None);
        let dir = tempfile::tempdir().unwrap();
        let mut turned = graph();
        turned.keys.hashes.reverse();
        write_graph(dir.path(), &turned).unwrap();
        assert!(read_graph(dir.path(), "abc").is_err());
    }

    #[test]
    fn damage_anywhere_is_found() {
        let dir = tempfile::tempdir().unwrap();
        write_graph(dir.path(), &graph()).unwrap();
        let file = file_of(dir.path(), "abc");
        let whole = fs_err::read(&file).unwrap();
        for at in (0..whole.len()).step_by(7) {
            let mut torn = whole.clone();
            torn[at] ^= 0x20;
            fs_err::write(&file, &torn).unwrap();
            assert!(read_graph(dir.path(), "abc").is_err(), "byte {at}");
            fs_err::write(&file, &whole[..at]).unwrap();
            assert!(read_graph(dir.path(), "abc").is_err(), "cut at {at}");
        }
    }
}
