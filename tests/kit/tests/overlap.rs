//! What an index of overlap above 1 and without slope becomes.

use scarce::{Batch, Form, Labels, Loss, Overlap};

/// A perfect prediction of two classes of two pixels each.
const SCORES: [[f32; 2]; 4] = [[60.0, -60.0], [60.0, -60.0], [-60.0, 60.0], [-60.0, 60.0]];
const LABELS: [u8; 4] = [0, 0, 1, 1];

/// Loss and gradient where smoothing of the numerator lifts the index to (2 · 2 + 3) / (2 · 2 + 1).
fn lifted(form: Form) -> (f32, [[f32; 2]; 4]) {
    let loss = Overlap::dice().with_smoothing(3.0, 1.0).with_form(form);
    let batch = Batch::new(&SCORES, Labels::new(&LABELS)).expect("valid");
    let mut grad = [[9.0; 2]; 4];
    let value = loss.value_and_grad(&batch, &mut grad, &mut []).expect("valid");
    assert_eq!(loss.value(&batch, &mut []), Ok(value));
    (value, grad)
}

#[test]
fn an_index_may_exceed_1() {
    let index = 7.0_f32 / 5.0;
    let (linear, _) = lifted(Form::Linear);
    assert!((linear - (1.0 - index)).abs() < 1e-6, "{linear}");
    let (log, _) = lifted(Form::Log);
    assert!((log + index.ln()).abs() < 1e-6, "{log}");
}

#[test]
fn focal_form_is_flat_above_1_and_without_an_exponent() {
    for (gamma, expected) in [(2.0, 0.0), (0.75, 0.0), (0.0, 1.0)] {
        assert_eq!(lifted(Form::Focal(gamma)), (expected, [[0.0; 2]; 4]), "{gamma}");
    }
    // Also where the index is below 1.
    let batch = Batch::new(&[[0.5, 0.0], [-1.0, 0.5]], Labels::new(&[1, 0])).expect("valid");
    let mut grad = [[9.0; 2]; 2];
    let loss = Overlap::dice().with_form(Form::Focal(0.0)).value_and_grad(&batch, &mut grad, &mut []);
    assert_eq!((loss, grad), (Ok(1.0), [[0.0; 2]; 2]));
}

#[test]
fn an_index_that_is_nearly_0_counts_as_1e_7_and_has_no_slope() {
    let batch = Batch::new(&[[60.0, -60.0], [-60.0, 60.0]], Labels::new(&[1, 0])).expect("valid");
    let mut grad = [[9.0; 2]; 2];
    let loss = Overlap::dice().with_smoothing(0.0, 0.0).with_form(Form::Log);
    let value = loss.value_and_grad(&batch, &mut grad, &mut []).expect("valid");
    assert!((value + 1e-7_f32.ln()).abs() < 1e-4, "{value}");
    assert_eq!(grad, [[0.0; 2]; 2]);
}
