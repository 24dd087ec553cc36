//! Rows of a Parquet file as JSON objects, one at a time; a page of each column is in memory.
//!
//! Only the columns that a question and its answers can stand in are read: prompts, which repeat the
//! question with instructions around it, are most of such a file. Pages are packed with Snappy, as all
//! writers do that are not told otherwise, or not at all.

use std::path::Path;
use std::sync::Arc;

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::reader::RowIter;
use parquet::schema::types::Type;
use serde_json::{Map, Value};

use super::{ImportError, stream};

/// Columns that are left out.
const PASSED_OVER: [&str; 3] = ["prompt", "metadata", "ability"];

pub(super) fn rows(
    path: &Path,
    expected: &'static str,
    each: &mut dyn FnMut(String, Map<String, Value>) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    let file = fs_err::File::open(path)?.into_file();
    let bad = |place: String, error| stream::malformed(path, place, expected, error);
    let reader = SerializedFileReader::new(file).map_err(|error| bad("table".to_owned(), error))?;
    let schema = reader.metadata().file_metadata().schema().clone();
    let columns: Vec<Arc<Type>> = schema.get_fields().to_vec();
    let asks = columns.iter().any(|column| column.name() == "question");
    let wanted =
        columns.into_iter().filter(|column| !asks || !PASSED_OVER.contains(&column.name()));
    let projection = Type::group_type_builder(schema.name())
        .with_fields(wanted.collect())
        .build()
        .map_err(|error| bad("table".to_owned(), error))?;
    let rows = RowIter::from_file_into(Box::new(reader))
        .project(Some(projection))
        .map_err(|error| bad("table".to_owned(), error))?;
    for (at, row) in rows.enumerate() {
        let place = format!("row {}", at + 1);
        let row = row.map_err(|error| bad(place.clone(), error))?;
        let Value::Object(fields) = row.to_json_value() else { continue };
        each(place, fields)?;
    }
    Ok(())
}
