//! The parameters of a peer, each of which must be understood.

use serde_json::{Map, Value};

/// Why a result cannot be compared.
pub(super) type Refusal = String;

/// Parameters that are taken one by one, so that one that nobody asked for is noticed.
pub(super) struct Params(Map<String, Value>);

impl Params {
    /// All parameters of a result.
    pub(super) fn new(params: &Map<String, Value>) -> Self {
        Self(params.clone())
    }

    /// Takes a parameter; `null` is as good as none.
    fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name).filter(|value| !value.is_null())
    }

    fn take_as<T>(&mut self, name: &str, read: impl FnOnce(&Value) -> Option<T>) -> Result<Option<T>, Refusal> {
        let Some(value) = self.take(name) else { return Ok(None) };
        read(&value).map(Some).ok_or_else(|| format!("parameter {name} = {value} is not understood"))
    }

    /// Takes a number.
    pub(super) fn number(&mut self, name: &str) -> Result<Option<f64>, Refusal> {
        self.take_as(name, Value::as_f64)
    }

    /// Takes an integer.
    pub(super) fn integer(&mut self, name: &str) -> Result<Option<i64>, Refusal> {
        self.take_as(name, Value::as_i64)
    }

    /// Takes an integer by the first of these names that is there.
    pub(super) fn integer_by_any(&mut self, names: &[&str]) -> Result<Option<i64>, Refusal> {
        for name in names {
            if let Some(number) = self.integer(name)? {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    /// Takes a switch.
    pub(super) fn flag(&mut self, name: &str, default: bool) -> Result<bool, Refusal> {
        Ok(self.take_as(name, Value::as_bool)?.unwrap_or(default))
    }

    /// Takes a word.
    pub(super) fn word(&mut self, name: &str) -> Result<Option<String>, Refusal> {
        self.take_as(name, |value| value.as_str().map(str::to_owned))
    }

    /// Takes a word if there is one; a parameter of another type stays.
    pub(super) fn word_if_any(&mut self, name: &str) -> Option<String> {
        let word = self.0.get(name)?.as_str()?.to_owned();
        self.0.remove(name);
        Some(word)
    }

    /// Takes a list of `len` numbers.
    pub(super) fn numbers(&mut self, name: &str, len: usize) -> Result<Option<Vec<f64>>, Refusal> {
        self.take_as(name, |value| list(value).filter(|numbers| numbers.len() == len))
    }

    /// Takes a list of classes below `classes`.
    pub(super) fn classes(&mut self, name: &str, classes: usize) -> Result<Option<Vec<usize>>, Refusal> {
        self.take_as(name, |value| {
            let class = |value: &Value| value.as_u64()?.try_into().ok().filter(|&class: &usize| class < classes);
            value.as_array()?.iter().map(class).collect()
        })
    }

    /// Takes a number for each of `len` channels: one for all, or a list.
    pub(super) fn number_or_numbers(&mut self, name: &str, len: usize) -> Result<Option<Vec<f64>>, Refusal> {
        if let Some(number) = self.0.get(name).and_then(Value::as_f64) {
            self.0.remove(name);
            return Ok(Some(vec![number; len]));
        }
        self.numbers(name, len)
    }

    /// Whether the parameter is one number.
    pub(super) fn is_number(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(Value::is_number)
    }

    /// Refuses if a parameter was not taken.
    pub(super) fn finish(self) -> Result<(), Refusal> {
        match self.0.iter().find(|(_, value)| !value.is_null()) {
            None => Ok(()),
            Some((name, value)) => Err(format!("parameter {name} = {value} is not understood")),
        }
    }
}

fn list(value: &Value) -> Option<Vec<f64>> {
    value.as_array()?.iter().map(Value::as_f64).collect()
}
