//! The losses as a careful firmware developer writes them from the papers: safe Rust over `libm`, core's own sort, and
//! no trick. Pixel-major; the mean over all pixels or present classes. Nothing is checked.

/// An error, and the pixel that makes it.
#[derive(Clone, Copy)]
pub(crate) struct PixelError {
    pub(crate) error: f32,
    pub(crate) pixel: u32,
}

fn largest(row: &[f32]) -> f32 {
    row.iter().fold(f32::NEG_INFINITY, |largest, &score| if score > largest { score } else { largest })
}

/// Leaves the exponentials in `exponentials`, and returns their sum.
fn exponentials(row: &[f32], largest: f32, exponentials: &mut [f32]) -> f32 {
    let mut sum = 0.0;
    for (exponential, score) in exponentials.iter_mut().zip(row) {
        *exponential = libm::expf(score - largest);
        sum += *exponential;
    }
    sum
}

#[inline(never)]
pub(crate) fn cross_entropy<const C: usize>(logits: &[[f32; C]], labels: &[u8], gradient: &mut [[f32; C]]) -> f32 {
    let scale = 1.0 / logits.len() as f32;
    let mut loss = 0.0;
    for ((row, &label), gradient) in logits.iter().zip(labels).zip(gradient) {
        let label = usize::from(label);
        let largest = largest(row);
        let sum = exponentials(row, largest, gradient);
        loss += libm::logf(sum) + largest - row[label];
        for (class, gradient) in gradient.iter_mut().enumerate() {
            let truth = if class == label { 1.0 } else { 0.0 };
            *gradient = scale * (*gradient / sum - truth);
        }
    }
    loss * scale
}

/// With the exponent 2.
#[inline(never)]
pub(crate) fn focal<const C: usize>(logits: &[[f32; C]], labels: &[u8], gradient: &mut [[f32; C]]) -> f32 {
    let scale = 1.0 / logits.len() as f32;
    let mut loss = 0.0;
    for ((row, &label), gradient) in logits.iter().zip(labels).zip(gradient) {
        let label = usize::from(label);
        let largest = largest(row);
        let sum = exponentials(row, largest, gradient);
        let log = row[label] - largest - libm::logf(sum);
        let probability = gradient[label] / sum;
        let miss = 1.0 - probability;
        loss -= miss * miss * log;
        let slope = scale * miss * (2.0 * probability * log - miss);
        for (class, gradient) in gradient.iter_mut().enumerate() {
            let truth = if class == label { 1.0 } else { 0.0 };
            *gradient = slope * (truth - *gradient / sum);
        }
    }
    loss * scale
}

fn softmax<const C: usize>(logits: &[[f32; C]], probabilities: &mut [[f32; C]]) {
    for (row, probabilities) in logits.iter().zip(probabilities) {
        let sum = exponentials(row, largest(row), probabilities);
        for probability in probabilities {
            *probability /= sum;
        }
    }
}

/// From the gradient with respect to probabilities to that with respect to logits.
fn through_softmax<const C: usize>(probabilities: &[[f32; C]], gradient: &mut [[f32; C]]) {
    for (probabilities, gradient) in probabilities.iter().zip(gradient) {
        let mut mean = 0.0;
        for (probability, gradient) in probabilities.iter().zip(gradient.iter()) {
            mean += probability * gradient;
        }
        for (probability, gradient) in probabilities.iter().zip(gradient.iter_mut()) {
            *gradient = probability * (*gradient - mean);
        }
    }
}

/// Smoothed by 1.
#[inline(never)]
pub(crate) fn dice<const C: usize>(
    logits: &[[f32; C]],
    labels: &[u8],
    gradient: &mut [[f32; C]],
    probabilities: &mut [[f32; C]],
) -> f32 {
    const SMOOTHING: f32 = 1.0;
    softmax(logits, probabilities);
    let (mut intersections, mut sizes) = ([0.0; C], [0.0; C]);
    for (row, &label) in probabilities.iter().zip(labels) {
        let label = usize::from(label);
        for (size, probability) in sizes.iter_mut().zip(row) {
            *size += probability;
        }
        intersections[label] += row[label];
        sizes[label] += 1.0;
    }
    let mut loss = 0.0;
    let (mut miss, mut hit) = ([0.0; C], [0.0; C]); // the slopes where the class is not the label, and where it is
    for class in 0..C {
        let (numerator, denominator) = (2.0 * intersections[class] + SMOOTHING, sizes[class] + SMOOTHING);
        loss += 1.0 - numerator / denominator;
        miss[class] = numerator / (denominator * denominator * C as f32);
        hit[class] = miss[class] - 2.0 / (denominator * C as f32);
    }
    for (gradient, &label) in gradient.iter_mut().zip(labels) {
        let label = usize::from(label);
        *gradient = miss;
        gradient[label] = hit[label];
    }
    through_softmax(probabilities, gradient);
    loss / C as f32
}

/// The largest error first.
#[inline(never)]
pub(crate) fn sort(errors: &mut [PixelError]) {
    errors.sort_unstable_by(|a, b| b.error.total_cmp(&a.error));
}

#[inline(never)]
pub(crate) fn lovasz<const C: usize>(
    logits: &[[f32; C]],
    labels: &[u8],
    gradient: &mut [[f32; C]],
    probabilities: &mut [[f32; C]],
    errors: &mut [PixelError],
) -> f32 {
    softmax(logits, probabilities);
    gradient.fill([0.0; C]);
    let (mut loss, mut present) = (0.0, 0);
    for class in 0..C {
        let foreground = labels.iter().filter(|&&label| usize::from(label) == class).count() as f32;
        if foreground == 0.0 {
            continue;
        }
        present += 1;
        for (pixel, (error, (row, &label))) in errors.iter_mut().zip(probabilities.iter().zip(labels)).enumerate() {
            let truth = if usize::from(label) == class { 1.0_f32 } else { 0.0 };
            *error = PixelError { error: (truth - row[class]).abs(), pixel: pixel as u32 };
        }
        sort(errors);
        let (mut hits, mut others, mut previous) = (0.0, 0.0, 0.0);
        for &PixelError { error, pixel } in errors.iter() {
            let is_foreground = usize::from(labels[pixel as usize]) == class;
            if is_foreground {
                hits += 1.0;
            } else {
                others += 1.0;
            }
            let jaccard = 1.0 - (foreground - hits) / (foreground + others);
            let increment = jaccard - previous;
            previous = jaccard;
            loss += error * increment;
            gradient[pixel as usize][class] = if is_foreground { -increment } else { increment };
        }
    }
    let scale = if present > 0 { 1.0 / present as f32 } else { 0.0 };
    for gradient in gradient.as_flattened_mut() {
        *gradient *= scale;
    }
    through_softmax(probabilities, gradient);
    loss * scale
}

#[inline(never)]
pub(crate) fn exp(arguments: &[f32], values: &mut [f32]) {
    for (value, &argument) in values.iter_mut().zip(arguments) {
        *value = libm::expf(argument);
    }
}
