//! Anchors contrasted with each other where every pair counts: in tiles of eight by eight, in three passes.
//!
//! Similarities are symmetrical: one computed for an anchor serves its partner too. Of a matrix of M² numbers only a tile is
//! held, so that what is needed twice is computed twice. With Λ_i as in the loss, and μ_i the mean over j of σ(Λ_i − s_ij):
//!
//! 1. Over half of the pairs of different classes: Λ_i.
//! 2. Over the pairs of one class: the loss, the gradient of their similarities, and Λ′_i = Λ_i − ln μ_i.
//! 3. Over half of the pairs of different classes: the gradient of theirs, ∂ℓ_i/∂s_ik = exp (s_ik − Λ′_i).
//!
//! The order of sums: anchors are sorted by class, and a group is up to eight of one class, counted from its first. What
//! belongs to an anchor is summed up over the partners of a group, and then over the groups, in order; its gradient takes
//! one partner after the other.

use super::{PixelContrast, float, take};
use crate::Embeddings;
use crate::embeddings::inverse_norm;
use crate::kernel::dot::{Rows, TILE, Tile, add_multiples, add_scaled, dots};
use crate::kernel::select::COUNTERS;
use crate::kernel::sum::Sums;
use crate::kernel::tile::{VECTORS, larger, smaller};
use crate::math::Math;
use core::ops::Range;

/// Groups that are gone through for each group of their partners: as many as stay in a host's caches. No bit depends on it.
const STRIP: usize = 8;

/// Rows of a tile whose exponentials are computed at once: a long loop becomes vector instructions, where there are any. No
/// bit depends on it.
const ROWS: usize = if VECTORS { TILE } else { 1 };

/// Some rows of a tile.
type Part = [[f32; TILE]; ROWS];

impl<M: Math> PixelContrast<M> {
    /// The loss; and `scale` times its gradient, where there is room for one.
    pub(super) fn every_pair<const D: usize>(
        &self,
        embeddings: &Embeddings<'_, D>,
        scale: f32,
        mut grad: Option<&mut [[f32; D]]>,
        mut scratch: &mut [u32],
    ) -> f32 {
        let all = embeddings.anchors();
        let ends = take(&mut scratch, COUNTERS);
        let order = take(&mut scratch, all);
        let inverse = take(&mut scratch, all);
        let bounds = take(&mut scratch, all);
        let sums = take(&mut scratch, all);
        let valid = sort_by_class(embeddings, ends, order);
        let order = order.get(..valid).unwrap_or_default();
        for (slot, &anchor) in inverse.iter_mut().zip(order) {
            let norm = embeddings.anchor(anchor as usize).filter(|_| self.normalizing);
            *slot = norm.and_then(|(_, row, _)| inverse_norm::<M, D>(row)).unwrap_or(1.0).to_bits();
        }
        let Some((_, any, _)) = embeddings.iter().next() else { return 0.0 };
        let anchors = Anchors { embeddings, order, ends, inverse, any };
        let with_positive: usize = anchors.classes().map(|class| class.len()).filter(|&number| number > 1).sum();
        if with_positive == 0 {
            return 0.0;
        }
        let number = with_positive as f32;
        let base_temperature = self.base_temperature.unwrap_or(self.temperature);
        let scale = scale / (base_temperature * number);
        let mut tile = [[0.0; TILE]; TILE];

        // In `bounds` the largest similarity so far, in `sums` the exponentials relative to it.
        bounds.fill(f32::MIN.to_bits());
        sums.fill(0);
        anchors.for_each_negative(&mut |a, b| {
            self.similarities(a, b, &mut tile);
            add_exponentials::<M>(&tile, a.len, b.of_mut(bounds), b.of_mut(sums));
            transpose(&mut tile);
            add_exponentials::<M>(&tile, b.len, a.of_mut(bounds), a.of_mut(sums));
        });
        for (bound, sum) in bounds.iter_mut().zip(sums.iter_mut()) {
            let (largest, total) = (f32::from_bits(*bound), f32::from_bits(*sum));
            *bound = if total > 0.0 { largest + M::ln(total) } else { f32::NEG_INFINITY }.to_bits();
            *sum = f32::INFINITY.to_bits();
        }

        // In `bounds` Λ, in `sums` Λ′: infinite for an anchor without a positive, which adds nothing to any gradient.
        let total = self.contrast_positives(&anchors, &mut tile, bounds, sums, grad.as_deref_mut(), scale);
        let value = self.temperature / base_temperature * total / number;
        let Some(grad) = grad else { return value };

        // In `bounds` Σ slope · similarity.
        bounds.fill(0);
        anchors.for_each_negative(&mut |a, b| {
            self.similarities(a, b, &mut tile);
            slopes_of_negatives::<M, D>(&mut tile, a, b, sums, bounds);
            anchors.add_to_gradient(grad, a, b, &tile, scale);
            transpose(&mut tile);
            anchors.add_to_gradient(grad, b, a, &tile, scale);
        });
        for (place, &along) in bounds.iter().enumerate().take(valid) {
            self.add_along(grad, &anchors, place, scale * f32::from_bits(along));
        }
        value
    }

    /// The second pass; the sum of the losses.
    #[inline(never)]
    fn contrast_positives<const D: usize>(
        &self,
        anchors: &Anchors<'_, '_, D>,
        tile: &mut Tile,
        bounds: &[u32],
        sums: &mut [u32],
        mut grad: Option<&mut [[f32; D]]>,
        scale: f32,
    ) -> f32 {
        let mut total = Sums::ZERO;
        for class in anchors.classes().filter(|class| class.len() > 1) {
            let share = 1.0 / class.len().wrapping_sub(1) as f32;
            let scale = scale * share;
            let mut a = anchors.before(class.start);
            while anchors.advance(&mut a, class.end) {
                let mut own = Own::default();
                let mut b = anchors.before(class.start);
                while anchors.advance(&mut b, class.end) {
                    self.similarities(&a, &b, tile);
                    own.contrast::<M, D>(tile, &a, &b, bounds);
                    if let Some(grad) = &mut grad {
                        anchors.add_to_gradient(grad, &a, &b, tile, scale);
                    }
                }
                let own = own.losses.iter().zip(&own.sigmoids).zip(&own.along).take(a.len);
                for (place, ((loss, sigmoid), along)) in (a.start..).zip(own) {
                    total.add([loss * share]);
                    let mean = sigmoid * share;
                    if let Some((slot, bound)) = sums.get_mut(place).zip(float(bounds, place)).filter(|_| mean > 0.0) {
                        *slot = (bound - M::ln(mean)).to_bits();
                    }
                    if let Some(grad) = &mut grad {
                        self.add_along(grad, anchors, place, scale * along);
                    }
                }
            }
        }
        let [total] = total.total();
        total
    }

    /// The similarities of each of `a` to each of `b`; 0 past the last.
    #[inline(never)]
    fn similarities<const D: usize>(&self, a: &Group<'_, D>, b: &Group<'_, D>, tile: &mut Tile) {
        dots(&a.rows, &b.rows, [a.len, b.len], tile);
        for (row, a) in tile.iter_mut().zip(&a.inverse) {
            for (similarity, b) in row.iter_mut().zip(&b.inverse) {
                *similarity = *similarity * (a * b) / self.temperature;
            }
        }
    }

    /// The part of the gradient that goes through the length of the anchor at this place: against its embedding, by its
    /// Σ slope · similarity.
    fn add_along<const D: usize>(&self, grad: &mut [[f32; D]], anchors: &Anchors<'_, '_, D>, place: usize, along: f32) {
        let Some((index, row, _)) = anchors.get(place).filter(|_| self.normalizing) else { return };
        let inverse = float(anchors.inverse, place).unwrap_or_default();
        if let Some(target) = grad.get_mut(index) {
            add_scaled(target, -(along * self.temperature * inverse * inverse), row);
        }
    }
}

/// The anchors, sorted by class.
struct Anchors<'a, 'b, const D: usize> {
    embeddings: &'b Embeddings<'a, D>,
    order: &'b [u32],
    /// Where each class ends.
    ends: &'b [u32],
    inverse: &'b [u32],
    /// In place of embeddings past the last of a group.
    any: &'a [f32; D],
}

/// Up to eight anchors of one class.
struct Group<'a, const D: usize> {
    start: usize,
    len: usize,
    /// Where their class starts.
    class: usize,
    rows: Rows<'a, D>,
    /// 1 / ‖x‖; 0 past the last.
    inverse: [f32; TILE],
}

impl<'a, const D: usize> Anchors<'a, '_, D> {
    fn class(&self, class: u8) -> Range<usize> {
        let end = |class: u8| self.ends.get(usize::from(class)).map_or(0, |&end| end as usize);
        class.checked_sub(1).map_or(0, end)..end(class)
    }

    fn classes(&self) -> impl Iterator<Item = Range<usize>> {
        (0..=u8::MAX).map(|class| self.class(class))
    }

    /// Index, embedding and class of the anchor at this place.
    fn get(&self, place: usize) -> Option<(usize, &'a [f32; D], u8)> {
        self.embeddings.anchor(*self.order.get(place)? as usize)
    }

    /// An empty group before this place.
    fn before(&self, place: usize) -> Group<'a, D> {
        Group { start: place, len: 0, class: 0, rows: [self.any; TILE], inverse: [0.0; TILE] }
    }

    /// Makes of a group the next one; false if that would not be before `end`. In place: copies would pile up on the stack.
    #[inline(never)]
    fn advance(&self, group: &mut Group<'a, D>, end: usize) -> bool {
        let start = group.start.wrapping_add(group.len);
        let Some((_, _, class)) = self.get(start).filter(|_| start < end) else { return false };
        let class = self.class(class);
        (group.start, group.class) = (start, class.start);
        group.len = class.end.saturating_sub(start).min(TILE);
        for (lane, (row, inverse)) in group.rows.iter_mut().zip(&mut group.inverse).enumerate() {
            let place = start.wrapping_add(lane);
            let anchor = self.get(place).zip(float(self.inverse, place)).filter(|_| lane < group.len);
            (*row, *inverse) = anchor.map_or((self.any, 0.0), |((_, row, _), inverse)| (row, inverse));
        }
        true
    }

    /// Adds to the gradient of each of `a` its slopes times each of `b`.
    #[inline(never)]
    fn add_to_gradient(&self, grad: &mut [[f32; D]], a: &Group<'a, D>, b: &Group<'a, D>, slopes: &Tile, scale: f32) {
        for ((place, inverse), slopes) in (a.start..).zip(&a.inverse).zip(slopes).take(a.len) {
            let Some(target) = self.get(place).and_then(|(index, _, _)| grad.get_mut(index)) else { continue };
            let mut factors = *slopes;
            for (factor, other) in factors.iter_mut().zip(&b.inverse) {
                // The shortest embeddings with the largest scale: ∞ · 0 would be NaN.
                *factor = (*factor * (scale * inverse) * other).clamp(f32::MIN, f32::MAX);
            }
            add_multiples(target, factors.get(..b.len).unwrap_or_default(), b.rows.get(..b.len).unwrap_or_default());
        }
    }

    /// Each two groups of different classes, once. For a group its partners come in order, whatever the strip.
    #[inline(never)]
    fn for_each_negative(&self, visit: &mut dyn FnMut(&Group<'a, D>, &Group<'a, D>)) {
        let all = self.order.len();
        let mut strip = 0..0;
        while strip.end < all {
            strip.start = strip.end;
            let mut b = self.before(strip.start);
            for number in 1.. {
                if !self.advance(&mut b, all) {
                    break;
                }
                if number <= STRIP {
                    strip.end = b.start.wrapping_add(b.len);
                }
                let mut a = self.before(strip.start);
                while self.advance(&mut a, strip.end.min(b.class)) {
                    visit(&a, &b);
                }
            }
        }
    }
}

impl<const D: usize> Group<'_, D> {
    /// What they have in these words; 0 past the last.
    fn of(&self, words: &[u32]) -> [f32; TILE] {
        load(words.get(self.start..self.start.wrapping_add(self.len)).unwrap_or_default())
    }

    /// What those have that are in a tile's rows from `first` on.
    fn of_rows(&self, words: &[u32], first: usize) -> [f32; ROWS] {
        load(words.get(self.start.wrapping_add(first)..).unwrap_or_default())
    }

    fn of_mut<'a>(&self, words: &'a mut [u32]) -> &'a mut [u32] {
        words.get_mut(self.start..self.start.wrapping_add(self.len)).unwrap_or_default()
    }
}

/// Writes the anchors in ascending order of their classes, and where each class ends; how many there are.
#[inline(never)]
fn sort_by_class<const D: usize>(embeddings: &Embeddings<'_, D>, ends: &mut [u32], order: &mut [u32]) -> usize {
    ends.fill(0);
    for (_, _, class) in embeddings.iter() {
        if let Some(count) = ends.get_mut(usize::from(class)) {
            *count = count.wrapping_add(1);
        }
    }
    let mut valid = 0_u32;
    for count in ends.iter_mut() {
        valid = valid.wrapping_add(core::mem::replace(count, valid));
    }
    for anchor in 0..embeddings.anchors() {
        let class = embeddings.anchor(anchor).map(|(_, _, class)| usize::from(class));
        let Some(place) = class.and_then(|class| ends.get_mut(class)) else { continue };
        if let Some(slot) = order.get_mut(*place as usize) {
            *slot = anchor as u32;
        }
        *place = place.wrapping_add(1);
    }
    valid as usize
}

#[allow(clippy::needless_range_loop, reason = "it takes two rows at once")]
fn transpose(tile: &mut Tile) {
    for row in 0..TILE {
        for column in 0..row {
            let upper = tile[column][row];
            tile[column][row] = tile[row][column];
            tile[row][column] = upper;
        }
    }
}

/// Each number of some rows, made of a similarity, its row and its column.
#[inline(always)]
fn part(rows: &Part, make: impl Fn(f32, usize, usize) -> f32) -> Part {
    let mut part = *rows;
    for (row, numbers) in part.iter_mut().enumerate() {
        for (column, number) in numbers.iter_mut().enumerate() {
            *number = make(*number, row, column);
        }
    }
    part
}

/// The exponential of each number, of which none is positive.
#[inline(never)]
fn exponentials<M: Math>(numbers: &mut [f32]) {
    for number in numbers {
        *number = M::exp(*number);
    }
}

/// Adds the exponentials of each column to the sum of its anchor, relative to the largest exponent.
#[inline(never)]
fn add_exponentials<M: Math>(tile: &Tile, rows: usize, largest: &mut [u32], sums: &mut [u32]) {
    let before: [f32; TILE] = load(largest);
    let mut after = before;
    for row in tile.iter().take(rows) {
        for (after, &similarity) in after.iter_mut().zip(row) {
            *after = larger(*after, similarity);
        }
    }
    let mut added = [0.0; TILE];
    for (some, first) in tile.as_chunks::<ROWS>().0.iter().zip((0..rows).step_by(ROWS)) {
        let mut terms = part(some, |similarity, _, column| smaller(similarity - after[column], 0.0));
        exponentials::<M>(terms.as_flattened_mut());
        for row in terms.iter().take(rows.wrapping_sub(first)) {
            for (added, term) in added.iter_mut().zip(row) {
                *added += term;
            }
        }
    }
    let mut factors = before;
    for (factor, after) in factors.iter_mut().zip(&after) {
        *factor -= after;
    }
    exponentials::<M>(&mut factors);
    let sums = sums.iter_mut().zip(largest).zip(factors.iter().zip(&after).zip(&added));
    for ((sum, largest), ((factor, after), added)) in sums {
        *sum = (f32::from_bits(*sum) * factor + added).to_bits();
        *largest = after.to_bits();
    }
}

/// The numbers in the first words, and 0 past the last.
fn load<const N: usize>(words: &[u32]) -> [f32; N] {
    let mut numbers = [0.0; N];
    for (number, &bits) in numbers.iter_mut().zip(words) {
        *number = f32::from_bits(bits);
    }
    numbers
}

/// What anchors of a group have of their positives.
#[derive(Default)]
struct Own {
    losses: [f32; TILE],
    sigmoids: [f32; TILE],
    /// Σ slope · similarity.
    along: [f32; TILE],
}

impl Own {
    /// Adds what is due to the positives in `b`, and makes of each similarity the sum of both slopes, of which each has its
    /// anchor's share yet to be multiplied with.
    #[inline(never)]
    fn contrast<M: Math, const D: usize>(
        &mut self,
        tile: &mut Tile,
        a: &Group<'_, D>,
        b: &Group<'_, D>,
        bounds: &[u32],
    ) {
        let bounds_b = b.of(bounds);
        for (some, first) in tile.as_chunks_mut::<ROWS>().0.iter_mut().zip((0..a.len).step_by(ROWS)) {
            let bounds_a = a.of_rows(bounds, first);
            let mut small = part(some, |similarity, row, _| -(bounds_a[row] - similarity).abs());
            let mut other = part(some, |similarity, _, column| -(bounds_b[column] - similarity).abs());
            exponentials::<M>(small.as_flattened_mut());
            exponentials::<M>(other.as_flattened_mut());
            let losses = part(&small, |small, _, _| M::ln_1p(small));
            for row in 0..ROWS {
                let lane = first.wrapping_add(row) % TILE;
                let itself = a.start.wrapping_add(lane).wrapping_sub(b.start);
                let (mut loss, mut sigmoid, mut along) = (0.0, 0.0, 0.0);
                for column in 0..TILE {
                    let similarity = some[row][column];
                    let margin = bounds_a[row] - similarity;
                    let own = sigmoid_of(margin, small[row][column]);
                    let slope = -(own + sigmoid_of(bounds_b[column] - similarity, other[row][column]));
                    let counts = (column < b.len) & (column != itself);
                    loss += if counts { larger(margin, 0.0) + losses[row][column] } else { 0.0 };
                    sigmoid += if counts { own } else { 0.0 };
                    some[row][column] = if counts { slope } else { 0.0 };
                    along += some[row][column] * similarity;
                }
                self.losses[lane] += loss;
                self.sigmoids[lane] += sigmoid;
                self.along[lane] += along;
            }
        }
    }
}

/// σ of a margin, e^−|margin| given.
#[inline(always)]
fn sigmoid_of(margin: f32, small: f32) -> f32 {
    (if margin >= 0.0 { 1.0 } else { small }) / (1.0 + small)
}

/// Makes of each similarity the sum of both slopes, and adds these times the similarities to `along` of both.
#[inline(never)]
fn slopes_of_negatives<M: Math, const D: usize>(
    tile: &mut Tile,
    a: &Group<'_, D>,
    b: &Group<'_, D>,
    bounds: &[u32],
    along: &mut [u32],
) {
    let bounds_b = b.of(bounds);
    let (mut along_a, mut along_b) = ([0.0; TILE], [0.0; TILE]);
    for (some, first) in tile.as_chunks_mut::<ROWS>().0.iter_mut().zip((0..a.len).step_by(ROWS)) {
        let bounds_a = a.of_rows(bounds, first);
        let mut own = part(some, |similarity, row, _| smaller(similarity - bounds_a[row], 0.0));
        let mut other = part(some, |similarity, _, column| smaller(similarity - bounds_b[column], 0.0));
        exponentials::<M>(own.as_flattened_mut());
        exponentials::<M>(other.as_flattened_mut());
        for row in 0..ROWS {
            let mut sum = 0.0;
            for column in 0..TILE {
                let slope = own[row][column] + other[row][column];
                let term = slope * some[row][column];
                some[row][column] = slope;
                sum += term;
                along_b[column] += term;
            }
            along_a[first.wrapping_add(row) % TILE] = sum;
        }
    }
    for (group, added) in [(a, &along_a), (b, &along_b)] {
        for (word, added) in group.of_mut(along).iter_mut().zip(added) {
            *word = (f32::from_bits(*word) + added).to_bits();
        }
    }
}
