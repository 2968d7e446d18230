//! Published implementations ("peers") as judges of the library: their inputs, values and gradients, file by file.
//!
//! `tests/vectors/README.md` describes the files. A result is compared if the library has the loss and the options that
//! reproduce what the peer computed; if not, the reason is counted.

pub mod compare;
mod contrast;
mod dispatch;
mod encoding;
mod generated;
mod input;
pub mod json;
pub mod judge;
pub mod library;
pub mod options;
mod params;
pub mod peers;

pub use input::Input;

use anyhow::{Context as _, Result, anyhow, ensure};
use compare::Errors;
use generated::generate;
use json::{File, Generated};
use judge::{Subject, Verdict, judge};
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// What a file's results came to.
#[derive(Debug, Default)]
pub struct Report {
    /// Name of the file.
    pub name: String,
    /// Number of inputs.
    pub cases: usize,
    /// Number of results.
    pub results: usize,
    /// How many results were compared.
    pub compared: usize,
    /// How many of them agreed.
    pub passed: usize,
    /// How many results are no truth.
    pub untrue: usize,
    /// Why results were not compared, and how many.
    pub reasons: BTreeMap<String, usize>,
    /// The largest error of a value.
    pub value_error: f64,
    /// The largest error of a gradient.
    pub grad_error: f64,
    /// What failed.
    pub failures: Vec<String>,
}

impl Report {
    /// How many results could have been compared.
    #[must_use]
    pub fn usable(&self) -> usize {
        self.results - self.untrue
    }

    fn count(&mut self, subject: &Subject<'_>) {
        self.results += 1;
        let Subject { name, outcome, .. } = subject;
        let whose = || format!("{name} {} {}", outcome.peer, serde_json::Value::from(outcome.params.clone()));
        match judge(subject) {
            Ok(Verdict::Compared { errors, passed }) => {
                self.compared += 1;
                self.value_error = self.value_error.max(errors.value);
                self.grad_error = self.grad_error.max(errors.element).max(errors.whole);
                if passed {
                    self.passed += 1;
                } else {
                    let Errors { value, element, whole } = errors;
                    self.failures.push(format!(
                        "{}: value error {value:.2e}, gradient error {element:.2e} of the largest element, {whole:.2e} of the \
                         whole",
                        whose()
                    ));
                }
            }
            Ok(Verdict::NotOffered(reason)) => *self.reasons.entry(reason).or_default() += 1,
            Ok(Verdict::NoTruth(reason)) => {
                self.untrue += 1;
                *self.reasons.entry(reason.to_owned()).or_default() += 1;
            }
            Err(error) => self.failures.push(format!("{}: {error:#}", whose())),
        }
    }

    fn not_compared(&self) -> usize {
        self.reasons.values().sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, cases, results, compared, value_error, grad_error, failures, .. } = self;
        write!(
            f,
            "{name} cases={cases} results={results} compared={compared} not_offered={} max_value_err={value_error:.1e} \
             max_grad_err={grad_error:.1e} failed={}",
            self.not_compared(),
            failures.len()
        )
    }
}

/// The files of a directory, in order of their names.
///
/// # Errors
/// If the directory cannot be read or holds no `.json` file.
pub fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory).with_context(|| format!("reading {}", directory.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    ensure!(!files.is_empty(), "{} holds no .json file", directory.display());
    Ok(files)
}

/// Shows every result of a file.
pub fn for_each_result(file: &File, mut visit: impl FnMut(&Subject<'_>)) {
    match file {
        File::Cases(cases) => {
            for case in cases {
                let input = &Input::of(case);
                for outcome in &case.results {
                    visit(&Subject { name: &case.id, outcome, case: Some(case), input });
                }
            }
        }
        File::Generated(Generated { inputs, results }) => {
            let inputs: BTreeMap<&str, Result<Input>> =
                inputs.iter().map(|(name, generator)| (name.as_str(), generate(generator))).collect();
            let unknown = Err(anyhow!("no such generator"));
            for outcome in results {
                let name = outcome.inputs.as_deref().unwrap_or_default();
                visit(&Subject { name, outcome, case: None, input: inputs.get(name).unwrap_or(&unknown) });
            }
        }
    }
}

/// Runs every result of a file that the library offers. A file that cannot be read is a failure of the report.
#[must_use]
pub fn run_file(path: &Path) -> Report {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut report = Report { name, ..Report::default() };
    match json::read(path) {
        Ok(file) => {
            report.cases = match &file {
                File::Cases(cases) => cases.len(),
                File::Generated(generated) => generated.inputs.len(),
            };
            for_each_result(&file, |subject| report.count(subject));
        }
        Err(error) => report.failures.push(format!("{error:#}")),
    }
    report
}
