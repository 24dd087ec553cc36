//! (numbers)
use super::VerifyError;
pub(super) fn agrees(_answer: &str, gold: &[String], _tolerance: f64) -> Result<bool, VerifyError> {
    Err(VerifyError::Gold { expected: "a number", found: gold.concat() })
}
