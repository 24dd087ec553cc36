//! Clearing away a store that is of no use any more.

use std::path::Path;

use crate::IndexError;
use crate::layout::clear;
use crate::sync::lock;
use crate::verify::verify;

/// Removes everything in the folder of the store at `path` if the store is damaged or of another
/// version, so that the next [`sync`](crate::sync()) makes it anew. Says whether it did: a store that
/// is sound, or that another process has made anew meanwhile, stays as it is.
///
/// It is for stores in a folder of the program's own, whose documents can be read again. What stays
/// is the lock file, since another process may be waiting for it.
///
/// # Errors
/// [`IndexError::Busy`] when another process is writing to the store; otherwise when the folder is
/// no store's, or cannot be read or written.
pub fn remove_damaged(path: &Path) -> Result<bool, IndexError> {
    // Without the lock first: taking it makes a file, which must not be made where no store is.
    if !is_damaged(path)? {
        return Ok(false);
    }
    let _lock = lock(path)?;
    if !is_damaged(path)? {
        return Ok(false);
    }
    clear(path).map_err(|error| IndexError::io(path, error))?;
    Ok(true)
}

fn is_damaged(path: &Path) -> Result<bool, IndexError> {
    match verify(path) {
        Ok(problems) => Ok(!problems.is_empty()),
        Err(IndexError::Version { .. } | IndexError::Damaged { .. }) => Ok(true),
        Err(IndexError::Missing { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}
