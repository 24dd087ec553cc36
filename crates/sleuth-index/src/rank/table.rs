//! The documents of a store by number, and which of them each index entry belongs to.

use sleuth_records::DocumentId;
use tantivy::DocId;

use crate::IndexError;
use crate::graph::DocumentNumber;
use crate::store::Store;

/// See the [module](self).
pub(crate) struct Table {
    /// Sorted.
    ids: Vec<DocumentId>,
    /// By segment and entry; [`NONE`] where an entry is no passage.
    numbers: Vec<Vec<DocumentNumber>>,
}

const NONE: DocumentNumber = DocumentNumber::MAX;

impl Table {
    pub(crate) fn new(store: &Store) -> Result<Self, IndexError> {
        let mut ids = store.all_documents()?;
        ids.sort_unstable();
        let number = |id: &str| {
            ids.binary_search_by(|known| known.as_str().cmp(id))
                .map_or(NONE, |at| at as DocumentNumber)
        };
        let numbers = store.numbers_by_entry(NONE, &number)?;
        Ok(Self { ids, numbers })
    }

    pub(crate) fn n_documents(&self) -> usize {
        self.ids.len()
    }

    pub(crate) fn id(&self, number: DocumentNumber) -> &DocumentId {
        &self.ids[number as usize]
    }

    pub(crate) fn number(&self, id: &DocumentId) -> Option<DocumentNumber> {
        self.ids.binary_search(id).ok().map(|at| at as DocumentNumber)
    }

    /// The document that the passage at an entry was cut from.
    pub(crate) fn document(&self, segment: usize, entry: DocId) -> Option<DocumentNumber> {
        let number = *self.numbers.get(segment)?.get(entry as usize)?;
        (number != NONE).then_some(number)
    }

    /// A score of nought for each entry of each segment.
    pub(crate) fn zeros(&self) -> Vec<Vec<f32>> {
        self.entries(0.0)
    }

    /// `value` for each entry of each segment.
    pub(crate) fn entries<T: Clone>(&self, value: T) -> Vec<Vec<T>> {
        self.numbers.iter().map(|entries| vec![value.clone(); entries.len()]).collect()
    }
}
