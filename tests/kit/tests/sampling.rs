//! Draws, and the sampling of anchors.

use rand_core::{Rng, TryRng};
use rand_pcg::Pcg32;
use scarce::sample::{Draw, Random, Stride, segmentation_aware};
use scarce::{Buffer, Error, Labels};
use std::convert::Infallible;

const IGNORED: u8 = 255;

fn drawn(draw: &mut impl Draw, all: u32, number: usize) -> Vec<u32> {
    let mut candidates: Vec<u32> = (0..all).collect();
    draw.draw(&mut candidates, number);
    candidates.truncate(number);
    candidates
}

/// Σ (found − expected)² / expected, over outcomes that are equally likely.
fn chi_square(counts: &[u32]) -> f64 {
    let expected = f64::from(counts.iter().sum::<u32>()) / counts.len() as f64;
    counts.iter().map(|&count| (f64::from(count) - expected).powi(2) / expected).sum()
}

/// Chi-square has k − 1 degrees of freedom, which is its mean, and twice that for its variance: five deviations above the mean
/// are a bug.
#[track_caller]
fn is_uniform(counts: &[u32]) {
    let freedom = (counts.len() - 1) as f64;
    let found = chi_square(counts);
    assert!(found <= freedom + 5.0 * (2.0 * freedom).sqrt(), "chi-square {found} of {freedom}: {counts:?}");
    assert!(counts.iter().all(|&count| count > 0), "{counts:?}");
}

#[test]
fn each_candidate_is_drawn_as_often() {
    let mut random = Random(Pcg32::new(1, 1));
    for all in [2, 3, 5, 7, 16, 100] {
        let mut counts = vec![0; all as usize];
        for _ in 0..1000 * all {
            counts[drawn(&mut random, all, 1)[0] as usize] += 1;
        }
        is_uniform(&counts);
    }
}

/// Every ordered choice is as likely, not just every candidate.
#[test]
fn each_ordered_choice_is_drawn_as_often() {
    let mut random = Random(Pcg32::new(2, 1));
    let mut pairs = [0; 25];
    let mut orders = [0; 256];
    for _ in 0..40_000 {
        let [first, second] = drawn(&mut random, 5, 2)[..] else { unreachable!("two of five") };
        pairs[(first * 5 + second) as usize] += 1;
        let order = drawn(&mut random, 4, 4).into_iter().fold(0, |order, next| order * 4 + next);
        orders[order as usize] += 1;
    }
    let possible: Vec<u32> = pairs.into_iter().filter(|&count| count > 0).collect();
    assert_eq!(possible.len(), 20);
    is_uniform(&possible);
    let possible: Vec<u32> = orders.into_iter().filter(|&count| count > 0).collect();
    assert_eq!(possible.len(), 24);
    is_uniform(&possible);
}

#[test]
fn no_candidate_is_drawn_twice() {
    let mut random = Random(Pcg32::new(3, 1));
    for all in 0..40 {
        for number in 0..=all + 2 {
            let before: Vec<u32> = (0..all as u32).map(|candidate| candidate * 3 + 1).collect();
            let mut candidates = before.clone();
            random.draw(&mut candidates, number);
            candidates.sort_unstable();
            assert_eq!(candidates, before, "{number} of {all}");
        }
    }
}

/// Numbers that are written down.
struct Script<'a>(std::slice::Iter<'a, u32>);

impl<'a> Script<'a> {
    fn new(numbers: &'a [u32]) -> Self {
        Self(numbers.iter())
    }
}

impl TryRng for Script<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(*self.0.next().expect("no more numbers are needed"))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        panic!("draws are made of 32 bits on every target")
    }

    fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), Infallible> {
        panic!("draws are made of 32 bits on every target")
    }
}

/// x · n / 2³², rejected where the fraction is below (2³² mod n) / 2³²: of the 2³² numbers as many remain for each outcome.
#[test]
fn bounds_are_unbiased() {
    // 2³² mod 3 = 1: of all numbers only 0 is one too many, since 3x mod 2³² = 0 for it alone.
    let mut random = Random(Script::new(&[0, 0, 0x5555_5556]));
    assert_eq!(drawn(&mut random, 3, 1), [1]);
    assert_eq!(random.0.0.len(), 0, "two were rejected");
    for (number, expected) in [(1, 0), (0x5555_5555, 0), (0x5555_5556, 1), (0xaaaa_aaaa, 1), (0xaaaa_aaab, 2)] {
        assert_eq!(drawn(&mut Random(Script::new(&[number])), 3, 1), [expected], "{number:#x}");
    }
    // A power of two rejects nothing, and takes the highest bits.
    for (number, expected) in [(0, 0), (0x3fff_ffff, 0), (0x4000_0000, 1), (u32::MAX, 3)] {
        assert_eq!(drawn(&mut Random(Script::new(&[number])), 4, 1), [expected], "{number:#x}");
    }
}

/// What the definition makes of each of 2¹⁶ evenly spread numbers: the shares of the outcomes differ by what an even spread
/// differs from all numbers, and no more.
#[test]
fn bounds_have_equal_shares() {
    for all in [3, 5, 6, 7, 11] {
        let mut counts = vec![0_u32; all as usize];
        for step in 0..1 << 16 {
            // The second number is taken where the first is rejected.
            let numbers = [(step << 16) | 0x8000, 0x8000_0000];
            let mut random = Random(Script::new(&numbers));
            counts[drawn(&mut random, all, 1)[0] as usize] += 1;
        }
        let share = (1 << 16) / all;
        assert!(counts.iter().all(|count| count.abs_diff(share) <= 1), "{counts:?}");
    }
}

#[test]
fn draws_of_a_generator_are_pinned() {
    let mut random = Random(Pcg32::new(2026, 1));
    assert_eq!(drawn(&mut random, 1000, 6), [193, 862, 474, 176, 246, 983]);
    assert_eq!(drawn(&mut random, 10, 10), [5, 6, 0, 8, 9, 1, 7, 3, 2, 4]);
    assert_eq!(random.0.next_u32(), 194932226, "as many numbers were taken from the generator");
}

#[test]
fn nothing_is_drawn_from_nothing() {
    let mut random = Random(Script::new(&[]));
    assert_eq!(drawn(&mut random, 0, 0), []);
    assert_eq!(drawn(&mut random, 0, 3), []);
    assert_eq!(drawn(&mut random, 7, 0), []);
    assert_eq!(drawn(&mut Stride, 0, 3), []);
    assert_eq!(drawn(&mut Stride, 7, 0), []);
}

#[test]
fn a_stride_takes_every_nth() {
    assert_eq!(drawn(&mut Stride, 10, 5), [0, 2, 4, 6, 8]);
    assert_eq!(drawn(&mut Stride, 10, 3), [0, 3, 6]);
    assert_eq!(drawn(&mut Stride, 10, 4), [0, 2, 5, 7]);
    assert_eq!(drawn(&mut Stride, 10, 1), [0]);
    for all in 0..60 {
        for number in 0..=all {
            let expected: Vec<u32> = (0..number).map(|j| j * all / number).collect();
            assert_eq!(drawn(&mut Stride, all, number as usize), expected, "{number} of {all}");
        }
        let everything: Vec<u32> = (0..all).collect();
        assert_eq!(drawn(&mut Stride, all, all as usize + 5), everything);
    }
}

/// Labels and predictions of images.
struct Images {
    labels: Vec<u8>,
    predictions: Vec<u8>,
    number: usize,
}

impl Images {
    fn new(random: &mut Pcg32, number: usize, size: usize, classes: u32, error: u32) -> Self {
        let mut below = |bound: u32| random.next_u32() % bound;
        let pixel = |_| {
            let class = below(classes) as u8;
            let label = if below(10) == 0 { IGNORED } else { class };
            (label, if below(100) < error { below(classes) as u8 } else { class })
        };
        let (labels, predictions) = (0..number * size).map(pixel).unzip();
        Self { labels, predictions, number }
    }

    fn labels(&self) -> Labels<'_> {
        Labels::new(&self.labels).ignoring(IGNORED)
    }

    /// The anchors by the definition, with the lists of candidates that a choice is made from.
    fn expected(
        &self,
        max_samples: u32,
        max_views: u32,
        choose: &mut dyn FnMut(&[u32], usize) -> Vec<u32>,
    ) -> Vec<u32> {
        let size = self.labels.len() / self.number;
        let mut groups = Vec::new();
        for image in 0..self.number {
            for class in 0..=u8::MAX {
                let pixels = image * size..(image + 1) * size;
                let of_class: Vec<usize> =
                    pixels.filter(|&pixel| self.labels[pixel] == class && class != IGNORED).collect();
                if of_class.len() > max_views as usize {
                    groups.push((class, of_class));
                }
            }
        }
        let views = max_samples.checked_div(groups.len() as u32).unwrap_or(0).min(max_views) as usize;
        if views == 0 {
            return Vec::new();
        }
        let mut anchors = Vec::new();
        for (class, pixels) in groups {
            let (hard, easy): (Vec<u32>, Vec<u32>) =
                pixels.iter().map(|&pixel| pixel as u32).partition(|&pixel| self.predictions[pixel as usize] != class);
            let half = views as f64 / 2.0;
            let enough = |candidates: &[u32]| candidates.len() as f64 >= half;
            let kept = match (enough(&hard), enough(&easy)) {
                (true, true) => views / 2,
                (true, false) => views - easy.len(),
                (false, true) => hard.len(),
                (false, false) => unreachable!("a class has more than `views` pixels"),
            };
            for (candidates, number) in [(hard, kept), (easy, views - kept)] {
                let all = number >= candidates.len();
                anchors.extend(if all { candidates } else { choose(&candidates, number) });
            }
        }
        anchors
    }
}

/// Takes the last ones first, and writes down what it was asked.
#[derive(Default)]
struct Recorder(Vec<(Vec<u32>, usize)>);

impl Draw for Recorder {
    fn draw(&mut self, candidates: &mut [u32], number: usize) {
        self.0.push((candidates.to_vec(), number));
        candidates.reverse();
    }
}

#[test]
fn anchors_are_those_of_the_definition() {
    let mut random = Pcg32::new(5, 1);
    let mut sampled = 0;
    for round in 0..400 {
        let (number, size) = (1 + round % 4, [1, 7, 30, 64][round % 4]);
        let error = [0, 10, 50, 100][round / 4 % 4];
        let classes = 1 + random.next_u32() % 6;
        let images = Images::new(&mut random, number, size, classes, error);
        for [max_samples, max_views] in [[1024, 5], [30, 4], [13, 7], [2, 3], [0, 3], [9, 0], [1024, 1], [1, 1]] {
            let mut asked = Vec::new();
            let expected = images.expected(max_samples, max_views, &mut |candidates, number| {
                asked.push((candidates.to_vec(), number));
                candidates.iter().rev().take(number).copied().collect()
            });
            let mut recorder = Recorder::default();
            let mut anchors = vec![77; expected.len() + 3];
            let mut scratch = vec![u32::MAX; size + 2];
            let found = segmentation_aware(
                images.labels(),
                &images.predictions,
                number,
                max_samples,
                max_views,
                &mut recorder,
                &mut anchors,
                &mut scratch,
            );
            assert_eq!(found, Ok(expected.len()), "{max_samples} {max_views}");
            assert_eq!(anchors[..expected.len()], expected);
            assert_eq!(anchors[expected.len()..], [77; 3], "past the anchors");
            assert_eq!(scratch[size..], [u32::MAX; 2], "past the scratch");
            assert_eq!(recorder.0, asked, "a draw is asked only where not all are taken");
            assert!(expected.len() <= max_samples as usize);
            sampled += expected.len();
        }
    }
    assert!(sampled > 10_000, "{sampled}");
}

/// Half of them hard where that can be; else all of the kind of which there are few, and the rest of the other.
#[test]
fn hard_and_easy_share() {
    let share = |hard: usize| {
        let labels = [3; 12];
        let mut predictions = [3; 12];
        predictions[..hard].fill(0);
        let mut anchors = [0; 5];
        let found =
            segmentation_aware(Labels::new(&labels), &predictions, 1, 99, 5, &mut Stride, &mut anchors, &mut [0; 12]);
        assert_eq!(found, Ok(5));
        anchors.iter().filter(|&&anchor| (anchor as usize) < hard).count()
    };
    assert_eq!([0, 1, 2, 3, 6, 9, 10, 11, 12].map(share), [0, 1, 2, 2, 2, 2, 3, 4, 5]);
}

/// PaddleSeg divides by the number of classes that qualify: ZeroDivisionError without one, and an empty concatenation with
/// more of them than samples. ContrastiveSeg returns None and fails later.
#[test]
fn paddleseg_no_class_qualifies() {
    let run = |labels: &[u8], max_samples, max_views| {
        let mut anchors = [9; 4];
        let labels = Labels::new(labels).ignoring(IGNORED);
        let found =
            segmentation_aware(labels, &[0; 6], 1, max_samples, max_views, &mut Stride, &mut anchors, &mut [0; 6]);
        assert_eq!(anchors, [9; 4]);
        found
    };
    assert_eq!(run(&[0, 1, 2, 3, 4, 5], 1024, 1), Ok(0), "no class has more than one pixel");
    assert_eq!(run(&[IGNORED; 6], 1024, 1), Ok(0));
    assert_eq!(run(&[0, 0, 1, 1, 2, 2], 2, 1), Ok(0), "three classes, two samples");
    assert_eq!(run(&[0; 6], 1024, 0), Ok(0));
    assert_eq!(run(&[0; 6], 0, 3), Ok(0));
    assert_eq!(segmentation_aware(Labels::new(&[]), &[], 1, 8, 2, &mut Stride, &mut [], &mut []), Ok(0));
}

#[test]
fn errors_write_nothing() {
    let labels = [0, 0, 0, 1, 1, 1, 1, 1];
    let labels = Labels::new(&labels);
    let refuses = |predictions: usize, images: usize, room: usize, words: usize, error: Error| {
        let (mut anchors, mut scratch) = (vec![77; room], vec![88; words]);
        let predictions = vec![0; predictions];
        let mut never = Recorder::default();
        let found = segmentation_aware(labels, &predictions, images, 10, 2, &mut never, &mut anchors, &mut scratch);
        assert_eq!(found, Err(error));
        assert!(
            anchors.iter().all(|&anchor| anchor == 77) && scratch.iter().all(|&word| word == 88) && never.0.is_empty()
        );
    };
    for got in [0, 7, 9] {
        refuses(got, 2, 4, 4, Error::Length { buffer: Buffer::Predictions, needed: 8, got });
    }
    for images in [0, 3, 16] {
        refuses(8, images, 4, 8, Error::Images { images, pixels: 8 });
    }
    refuses(8, 2, 4, 3, Error::Length { buffer: Buffer::Scratch, needed: 4, got: 3 });
    refuses(8, 1, 3, 8, Error::Length { buffer: Buffer::Anchors, needed: 4, got: 3 });
    refuses(8, 2, 3, 4, Error::Length { buffer: Buffer::Anchors, needed: 4, got: 3 });
    let mut anchors = [0; 4];
    let exact = segmentation_aware(labels, &[0; 8], 1, 10, 2, &mut Stride, &mut anchors, &mut [0; 8]);
    assert_eq!(exact, Ok(4), "room for just what is needed");
}

/// All 256 labels are classes where none is ignored.
#[test]
fn any_label_is_a_class() {
    let labels: Vec<u8> = (0..=255).flat_map(|class| [class; 2]).collect();
    let mut anchors = vec![0; 256];
    let mut scratch = vec![0; 512];
    let found = segmentation_aware(Labels::new(&labels), &labels, 1, 300, 1, &mut Stride, &mut anchors, &mut scratch);
    assert_eq!(found, Ok(256));
    assert!(anchors.iter().zip(0..).all(|(&anchor, class)| anchor == 2 * class), "{anchors:?}");
}
