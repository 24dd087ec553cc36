//! Stores written by every schema version so far open, are sound, and can be updated.
//!
//! They lie in `tests/data/schema-N`, as the program of that time wrote them. To add the next: before
//! the version in `layout.rs` is raised, write one with
//!
//! ```text
//! cargo test -p sleuth-index --test it -- --ignored past::write_a_store_of_this_schema
//! ```
//!
//! commit it, and add its number to [`SCHEMAS`]. One that lies there is never written anew: that an
//! old store opens is what is tested. Graph and vectors are left out; they can be made again.

use std::path::{Path, PathBuf};

use sleuth_index::{
    MemorySource, Query, Retriever as _, Store, SyncOptions, remove_documents, sync,
};
use sleuth_records::DocumentId;

use crate::support::{assert_sound, build, document, found};

const SCHEMAS: [u32; 1] = [1];

/// The documents of the stores, of which `herring` has been removed.
const DOCUMENTS: [(&str, &str, &str); 5] = [
    ("tide", "Tides", "The tide comes in twice a day and leaves the sand bare between."),
    ("harbour/crane.md", "The crane", "A crane lifts the boats out of the harbour in winter."),
    ("猫", "猫", "猫在码头上睡觉。"),
    ("empty", "Nothing but a title", ""),
    ("herring", "Herring", "The herring boats left when the herring did."),
];

fn folder(schema: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/schema-{schema}"))
}

fn source() -> MemorySource {
    MemorySource::new(DOCUMENTS.map(|(id, title, text)| document(id, title, text)))
}

fn copy(from: &Path, to: &Path) {
    fs_err::create_dir_all(to).unwrap();
    for entry in fs_err::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs_err::copy(entry.path(), target).unwrap();
        }
    }
}

/// Writes the store of the present schema in several steps, so that it has more than one segment and
/// entries that are deleted.
#[test]
#[ignore = "writes a file of the repository, once for each schema"]
fn write_a_store_of_this_schema() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let options = SyncOptions { name: "harbour".to_owned(), ..SyncOptions::default() };
    let first = MemorySource::new([document("tide", "Tides", "The tide goes out.")]);
    sync(&path, &first, &options, &|_| (), &|| false).unwrap();
    sync(&path, &source(), &options, &|_| (), &|| false).unwrap();
    remove_documents(&path, &[DocumentId::new("herring")]).unwrap();
    let toml = fs_err::read_to_string(path.join("store.toml")).unwrap();
    let schema = toml.lines().find_map(|line| line.strip_prefix("schema = ")).unwrap();
    let target = folder(schema.parse().unwrap());
    assert!(!target.exists(), "`{}` is there already", target.display());
    copy(&path, &target);
}

#[test]
fn stores_of_every_schema_open() {
    for schema in SCHEMAS {
        let dir = tempfile::tempdir().unwrap();
        copy(&folder(schema), dir.path());
        let store = Store::open(dir.path()).unwrap();
        assert_eq!((store.n_documents(), store.info().unwrap().n_files), (4, 5), "{schema}");
        assert_eq!(found(&store, "winter crane"), ["harbour/crane.md"]);
        assert_eq!(found(&store, "码头"), ["猫"]);
        assert_eq!(found(&store, "herring"), [""; 0]);
        assert_eq!(store.search(&Query::lexical("tide sand", 3)).unwrap().hits.len(), 1);
        for (id, title, text) in &DOCUMENTS[..4] {
            let read = store.document(&DocumentId::new(*id)).unwrap().unwrap();
            assert_eq!((read.title.as_str(), read.text.as_str()), (*title, *text), "{schema}");
        }
        assert_sound(dir.path());
        // Nothing has changed since, and what was removed stays away; then there is something new.
        assert_eq!(build(dir.path(), &source()).unwrap().files_read, 0, "{schema}");
        let mut more = DOCUMENTS.map(|(id, title, text)| document(id, title, text)).to_vec();
        more.push(document("gull", "Gulls", "A gull steals what it can."));
        assert_eq!(build(dir.path(), &MemorySource::new(more)).unwrap().n_documents, 5);
        assert_eq!(found(&Store::open(dir.path()).unwrap(), "gull"), ["gull"]);
        assert_sound(dir.path());
    }
}
