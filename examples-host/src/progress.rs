//! Progress bars.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// A bar for each run that is going on, and one for all of them.
pub(crate) struct Progress {
    bars: MultiProgress,
    total: ProgressBar,
    steps: u32,
}

impl Progress {
    pub(crate) fn new(runs: usize, steps: u32) -> Self {
        let bars = MultiProgress::new();
        let total = bars.add(ProgressBar::new(runs as u64 * u64::from(steps)));
        total.set_style(style("{msg:<28} {wide_bar} {percent:>3} %, {eta} left"));
        total.set_message(format!("all {runs} runs"));
        Self { bars, total, steps }
    }

    pub(crate) fn start(&self, label: &str) -> ProgressBar {
        let bar = self.bars.insert_before(&self.total, ProgressBar::new(u64::from(self.steps)));
        bar.set_style(style("{msg:<28} {wide_bar} {pos}/{len} steps"));
        bar.set_message(label.to_owned());
        bar
    }

    pub(crate) fn step(&self, bar: &ProgressBar) {
        bar.inc(1);
        self.total.inc(1);
    }

    pub(crate) fn finish(&self, bar: &ProgressBar) {
        bar.finish_and_clear();
        self.bars.remove(bar);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.total.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is valid")
}
