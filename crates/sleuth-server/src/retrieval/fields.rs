//! The keys of a request.
//!
//! A body is read as JSON first and by its keys second, so that what is no JSON (*400*) and what nobody
//! asks for (*422*) are two things, and so that a dialect may be told by the keys that are there. Keys
//! that a dialect does not know are passed over; `null` counts as absent; of two equal keys the later
//! one counts.

use axum::http::StatusCode;
use serde_json::{Map, Value};

use crate::refused::Refused;

/// See the [module](self).
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    pub(crate) fn read(body: &[u8]) -> Result<Self, Refused> {
        let value = serde_json::from_slice(body).map_err(|error| Refused::not_json(&error))?;
        if let Value::Object(fields) = value {
            return Ok(Self(fields));
        }
        Err(Refused::invalid(format!("expected an object, found {}", kind(&value))))
    }

    fn value(&self, key: &str) -> Option<&Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    pub(crate) fn has_any(&self, keys: &[&str]) -> bool {
        keys.iter().any(|key| self.has(key))
    }

    /// A text; absent where the key is.
    pub(crate) fn text(&self, key: &str) -> Result<Option<String>, Refused> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(expected(key, "a string", other)),
        }
    }

    /// A text that has to be there.
    pub(crate) fn needed(&self, key: &str) -> Result<String, Refused> {
        self.text(key)?.ok_or_else(|| Refused::invalid(format!("expected `{key}`, found none")))
    }

    /// A list of texts that has to be there.
    pub(crate) fn texts(&self, key: &str) -> Result<Vec<String>, Refused> {
        let list = match self.value(key) {
            Some(Value::Array(list)) => list,
            Some(other) => return Err(expected(key, "a list of strings", other)),
            None => return Err(Refused::invalid(format!("expected `{key}`, found none"))),
        };
        let text = |(at, value): (usize, &Value)| {
            let text = value.as_str().map(str::to_owned);
            text.ok_or_else(|| expected(&format!("{key}[{at}]"), "a string", value))
        };
        list.iter().enumerate().map(text).collect()
    }

    /// The first of `keys` that is there, as a number of documents.
    pub(crate) fn count(&self, keys: &[&str]) -> Result<Option<usize>, Refused> {
        let Some((key, value)) = keys.iter().find_map(|key| Some((*key, self.value(key)?))) else {
            return Ok(None);
        };
        // What JSON writes as 3.0 is the same number.
        let whole = value.as_f64().filter(|number| number.fract() == 0.0 && *number >= 0.0);
        #[expect(clippy::cast_possible_truncation, reason = "a large float stays a large number")]
        #[expect(clippy::cast_sign_loss, reason = "it is not negative")]
        let count = whole.map(|number| number as usize);
        count.map(Some).ok_or_else(|| expected(key, "a whole number from 0", value))
    }

    pub(crate) fn flag(&self, key: &str) -> Result<Option<bool>, Refused> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => Err(expected(key, "true or false", other)),
        }
    }

    /// An object within; empty where the key is absent.
    pub(crate) fn within(&self, key: &str) -> Result<Self, Refused> {
        match self.value(key) {
            None => Ok(Self(Map::new())),
            Some(Value::Object(fields)) => Ok(Self(fields.clone())),
            Some(other) => Err(expected(key, "an object", other)),
        }
    }

    /// A number or a text, as text.
    pub(crate) fn name(&self, key: &str) -> Result<Option<String>, Refused> {
        match self.value(key) {
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            _ => self.text(key),
        }
    }

    /// What is said of keys that mean nothing at `path`.
    pub(crate) fn unknown(&self, path: &str, known: &str) -> Refused {
        let keys: Vec<String> = self.0.keys().take(16).map(|key| format!("`{key}`")).collect();
        let found = if keys.is_empty() { "no keys".to_owned() } else { keys.join(", ") };
        let message =
            format!("no dialect of `{path}` has these keys: expected {known}; found {found}");
        Refused::new(StatusCode::UNPROCESSABLE_ENTITY, "unknown_dialect", message)
    }
}

fn expected(key: &str, what: &str, found: &Value) -> Refused {
    Refused::invalid(format!("expected {what} for `{key}`, found {}", kind(found)))
}

pub(crate) fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => format!("`{flag}`"),
        Value::Number(number) => format!("`{number}`"),
        Value::String(_) => "a string".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}
