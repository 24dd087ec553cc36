//! Words in a row, by the positions that the index keeps.

use tantivy::postings::Postings as _;
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocId, DocSet as _, InvertedIndexReader, TERMINATED, Term};

/// Entries where one term of each slot stands in a row, in order; none where there are no slots.
///
/// The slot with the rarest terms is read whole; of the others only what stands near it.
pub(super) fn in_a_row(
    index: &InvertedIndexReader,
    field: Field,
    slots: &[Vec<String>],
) -> tantivy::Result<Vec<DocId>> {
    let mut order: Vec<(u64, usize)> = Vec::with_capacity(slots.len());
    for (at, slot) in slots.iter().enumerate() {
        let mut n = 0;
        for term in slot {
            n += u64::from(index.doc_freq(&Term::from_field_text(field, term))?);
        }
        order.push((n, at));
    }
    order.sort_unstable();
    // Entry and place of the first slot, for each row that is still whole.
    let mut rows: Option<Vec<(DocId, i64)>> = None;
    for (_, at) in order {
        let next = match &rows {
            None => all(index, field, &slots[at], at as i64)?,
            Some(rows) => among(index, field, &slots[at], at as i64, rows)?,
        };
        if next.is_empty() {
            return Ok(Vec::new());
        }
        rows = Some(next);
    }
    let mut out: Vec<DocId> = rows.unwrap_or_default().into_iter().map(|(doc, _)| doc).collect();
    out.dedup();
    Ok(out)
}

/// Every place of the terms of the slot at `at`.
fn all(
    index: &InvertedIndexReader,
    field: Field,
    slot: &[String],
    at: i64,
) -> tantivy::Result<Vec<(DocId, i64)>> {
    let mut out = Vec::new();
    let mut places = Vec::new();
    for term in slot {
        let term = Term::from_field_text(field, term);
        let positions = IndexRecordOption::WithFreqsAndPositions;
        let Some(mut postings) = index.read_postings(&term, positions)? else { continue };
        let mut doc = postings.doc();
        while doc != TERMINATED {
            postings.positions(&mut places);
            out.extend(places.iter().map(|place| (doc, i64::from(*place) - at)));
            doc = postings.advance();
        }
    }
    out.sort_unstable();
    out.dedup();
    Ok(out)
}

/// Those of `rows` that the slot at `at` continues.
fn among(
    index: &InvertedIndexReader,
    field: Field,
    slot: &[String],
    at: i64,
    rows: &[(DocId, i64)],
) -> tantivy::Result<Vec<(DocId, i64)>> {
    let mut out = Vec::new();
    let mut places = Vec::new();
    for term in slot {
        let term = Term::from_field_text(field, term);
        let positions = IndexRecordOption::WithFreqsAndPositions;
        let Some(mut postings) = index.read_postings(&term, positions)? else { continue };
        for rows in rows.chunk_by(|a, b| a.0 == b.0) {
            let wanted = rows[0].0;
            if postings.doc() < wanted {
                postings.seek(wanted);
            }
            if postings.doc() == wanted {
                postings.positions(&mut places);
                let starts = places.iter().map(|place| (wanted, i64::from(*place) - at));
                out.extend(starts.filter(|start| rows.binary_search(start).is_ok()));
            }
        }
    }
    out.sort_unstable();
    out.dedup();
    Ok(out)
}
