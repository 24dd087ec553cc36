//! Which file has which document while a store is written.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use sleuth_records::{Document, LineMap, Skipped, SourceFile};

use crate::layout::{Manifest, ManifestEntry, Payload};

/// The file that has each id.
pub(super) type Owners = HashMap<String, Arc<str>>;

pub(super) fn owners(manifest: &Manifest) -> Owners {
    if manifest.values().all(|entry| entry.duplicates.is_empty()) {
        return Owners::new();
    }
    all_owners(manifest)
}

pub(super) fn all_owners(manifest: &Manifest) -> Owners {
    let mut owners = Owners::new();
    for entry in manifest.values() {
        let path: Arc<str> = entry.path.as_str().into();
        for (id, _, _) in &entry.documents {
            owners.insert(id.clone(), Arc::clone(&path));
        }
    }
    owners
}

/// The files of the source with a document that was passed over for one that is no longer there, or
/// that has no right to the id before this source: that of a file of which it is known by now that it
/// holds the id no more.
pub(super) fn orphaned<'a>(
    manifest: &Manifest,
    owners: &Owners,
    files: &'a [SourceFile],
) -> Vec<&'a SourceFile> {
    let listed: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let is_taken = |path: &str, id: &String| {
        owners.get(id).is_some_and(|owner| {
            let is_kept = manifest.get(&**owner).is_some_and(|entry| entry.kept.contains(id));
            **owner <= *path && listed.contains(&**owner) && !is_kept
        })
    };
    files
        .iter()
        .filter(|file| {
            manifest
                .get(&file.path)
                .is_some_and(|entry| entry.duplicates.iter().any(|id| !is_taken(&file.path, id)))
        })
        .collect()
}

pub(super) struct State {
    pub(super) manifest: Manifest,
    pub(super) owners: Owners,
    pub(super) payload: Payload,
    /// Ids of documents that their files do not hold any more, as far as is known: nobody has to
    /// give way to them. Only where a source is added.
    pub(super) former: HashSet<String>,
    /// Those of them whose files are being read, by path of the file and id, with content hash and
    /// number of passages.
    pub(super) unmet: HashMap<Arc<str>, HashMap<String, (String, u32)>>,
}

impl State {
    /// Puts an empty entry for `file` into the manifest, and returns the one before. With `keep`
    /// the documents of that stay until others take their ids.
    pub(super) fn begin(&mut self, file: &SourceFile, keep: bool) -> Option<ManifestEntry> {
        let mut known = self.manifest.remove(&file.path);
        let documents = known.iter_mut().flat_map(|entry| entry.documents.drain(..));
        if keep {
            let unmet: HashMap<_, _> = documents.map(|(id, hash, n)| (id, (hash, n))).collect();
            self.former.extend(unmet.keys().cloned());
            self.unmet.insert(file.path.as_str().into(), unmet);
        } else {
            for (id, _, _) in documents {
                self.owners.remove(&id);
            }
        }
        let (path, stamp) = (file.path.clone(), file.stamp.clone());
        self.manifest.insert(file.path.clone(), ManifestEntry::new(path, stamp));
        known
    }

    /// Completes the entry of the file at `path` when it was read: with the documents that were
    /// kept, and the ids that stay away.
    pub(super) fn end(&mut self, path: &str, removed: Vec<String>) {
        let unmet = self.unmet.remove(path).unwrap_or_default();
        let Some(entry) = self.manifest.get_mut(path) else { return };
        entry.removed = removed;
        let mut kept: Vec<_> = unmet.into_iter().map(|(id, (hash, n))| (id, hash, n)).collect();
        kept.sort();
        entry.kept = kept.iter().map(|(id, _, _)| id.clone()).collect();
        entry.documents.extend(kept);
    }

    /// Removes the documents `ids` from every entry.
    pub(super) fn strike(&mut self, ids: &BTreeSet<&str>) {
        let Self { manifest, owners, .. } = self;
        for entry in manifest.values_mut() {
            let own = entry.documents.iter().map(|(id, _, _)| id);
            let struck: BTreeSet<String> = own
                .chain(&entry.duplicates)
                .filter(|id| ids.contains(id.as_str()))
                .cloned()
                .collect();
            if struck.is_empty() {
                continue;
            }
            // Nor is it told any longer that they were passed over.
            let told: HashSet<String> = struck
                .iter()
                .filter_map(|id| Some(duplicate(String::new(), id, owners.get(id)?).reason))
                .collect();
            entry.skipped.retain(|skip| !told.contains(&skip.reason));
            entry.documents.retain(|(id, _, _)| !struck.contains(id));
            entry.duplicates.retain(|id| !struck.contains(id));
            entry.kept.retain(|id| !struck.contains(id));
            entry.removed.extend(struck);
        }
        owners.retain(|id, _| !ids.contains(id.as_str()));
    }

    /// Forgets the file at `path`; says whether it was known.
    pub(super) fn forget(&mut self, path: &str) -> bool {
        let Some(entry) = self.manifest.remove(path) else { return false };
        for (id, _, _) in entry.documents {
            self.owners.remove(&id);
        }
        true
    }

    /// Notes that `document` of the file at `path` was passed over for one in the file `owner`.
    pub(super) fn pass_over(&mut self, path: &str, document: &Document, owner: &str) {
        let Some(entry) = self.manifest.get_mut(path) else { return };
        let place = match document.lines {
            LineMap::Fixed(line) => format!("{path}:{line}"),
            LineMap::OfText | LineMap::Starts(_) | LineMap::Parts { .. } => path.to_owned(),
        };
        entry.skipped.push(duplicate(place, document.id.as_str(), owner));
        // The first of a file's own has gone only when the file has.
        if owner != path {
            entry.duplicates.push(document.id.as_str().to_owned());
        }
    }

    /// Takes the document `id` from the file `from`, which does not hold it any more.
    pub(super) fn drop_former(&mut self, from: &str, id: &str) {
        if self.unmet.get_mut(from).is_some_and(|unmet| unmet.remove(id).is_some()) {
            return;
        }
        let Some(entry) = self.manifest.get_mut(from) else { return };
        entry.documents.retain(|(known, _, _)| known != id);
        entry.kept.retain(|known| known != id);
    }

    /// Takes the document `id` from the file `from`, because the file `to` has it by right.
    pub(super) fn hand_over(&mut self, from: &str, id: &str, to: &str) {
        let Some(entry) = self.manifest.get_mut(from) else { return };
        entry.documents.retain(|(known, _, _)| known != id);
        entry.duplicates.push(id.to_owned());
        entry.skipped.push(duplicate(from.to_owned(), id, to));
    }
}

pub(super) fn duplicate(place: String, id: &str, owner: &str) -> Skipped {
    Skipped {
        path: place,
        kind: "duplicate".to_owned(),
        reason: format!("expected an id of its own, found `{id}`, which `{owner}` has"),
    }
}

#[cfg(test)]
mod tests {
    use sleuth_records::SourceStamp;

    use super::*;

    /// Two threads may read the files of an added source in any order: that `b` comes while `a` still
    /// counts as the owner must not cost the document.
    #[test]
    fn who_gave_way_to_a_document_that_has_gone_is_read_again() {
        let stamp = SourceStamp { size: 1, modified_ns: 1, changed_ns: None };
        let entry = |path: &str| ManifestEntry::new(path.to_owned(), stamp.clone());
        let document = ("2".to_owned(), String::new(), 1);
        let mut manifest = Manifest::new();
        manifest.insert("a".to_owned(), ManifestEntry { documents: vec![document], ..entry("a") });
        let gave_way = ManifestEntry { duplicates: vec!["2".to_owned()], ..entry("b") };
        manifest.insert("b".to_owned(), gave_way);
        let files =
            ["a", "b"].map(|path| SourceFile { path: path.to_owned(), stamp: stamp.clone() });
        let again = |manifest: &Manifest| -> Vec<String> {
            let orphaned = orphaned(manifest, &all_owners(manifest), &files);
            orphaned.into_iter().map(|file| file.path.clone()).collect()
        };
        assert!(again(&manifest).is_empty());
        // Now `a` is read, and does not hold it any more.
        manifest.entry("a".to_owned()).and_modify(|entry| entry.kept.push("2".to_owned()));
        assert_eq!(again(&manifest), ["b"]);
    }
}
