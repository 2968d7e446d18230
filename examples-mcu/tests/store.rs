//! The store over a flash that loses power, wears out, and holds what others left.

use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash};
use rand_pcg::Pcg32;
use rand_pcg::rand_core::{Rng, SeedableRng};
use scarce_mcu::{Network, Parameters, Store, StoreError, WeightsError, encoded_len};

type Model = Network<1, 2, 2, 0>;
type Outcome = Result<Option<(Model, u32)>, StoreError<Failure>>;

const PAGE: usize = 64;
const SLOT: usize = 128;
const CAPACITY: usize = 2 * SLOT;
const BUFFER: usize = Store::<Flash>::buffer_len::<Model>();

/// Why an operation did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    PowerCut,
    Rule,
}

impl NorFlashError for Failure {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::Other
    }
}

/// A flash that keeps the rules, of which every step may be the last before the power is cut: the erasure of a byte, and
/// the writing of a word, which may leave any of its bits unwritten.
#[derive(Clone)]
struct Flash {
    bytes: [u8; CAPACITY],
    steps_left: usize,
    /// The bits of the word under way that are written when the power is cut.
    torn: u32,
    /// A bit that can no longer be erased or written.
    stuck: Option<usize>,
}

impl Flash {
    fn blank() -> Self {
        Self { bytes: [0xff; CAPACITY], steps_left: usize::MAX, torn: 0, stuck: None }
    }

    fn step(&mut self) -> bool {
        self.steps_left = self.steps_left.saturating_sub(1);
        self.steps_left > 0
    }

    fn set(&mut self, place: usize, byte: u8) {
        let kept = self.stuck.filter(|bit| bit / 8 == place).map_or(0, |bit| 1 << (bit % 8));
        self.bytes[place] = self.bytes[place] & kept | byte & !kept;
    }
}

impl ErrorType for Flash {
    type Error = Failure;
}

impl ReadNorFlash for Flash {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Failure> {
        let stored = self.bytes.get(offset as usize..).and_then(|rest| rest.get(..bytes.len()));
        bytes.copy_from_slice(stored.ok_or(Failure::Rule)?);
        Ok(())
    }

    fn capacity(&self) -> usize {
        CAPACITY
    }
}

impl NorFlash for Flash {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = PAGE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Failure> {
        let (from, to) = (from as usize, to as usize);
        if from > to || to > CAPACITY || !from.is_multiple_of(PAGE) || !to.is_multiple_of(PAGE) {
            return Err(Failure::Rule);
        }
        for place in from..to {
            if !self.step() {
                return Err(Failure::PowerCut);
            }
            self.set(place, 0xff);
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Failure> {
        let (words, rest) = bytes.as_chunks::<4>();
        let offset = offset as usize;
        if offset + bytes.len() > CAPACITY || !offset.is_multiple_of(4) || !rest.is_empty() {
            return Err(Failure::Rule);
        }
        for (index, word) in words.iter().enumerate() {
            let goes_on = self.step();
            let written = if goes_on { u32::MAX } else { self.torn };
            let cleared = (!u32::from_le_bytes(*word) & written).to_le_bytes();
            for (byte, cleared) in cleared.into_iter().enumerate() {
                let place = offset + 4 * index + byte;
                // Writing can only clear bits: a place that was not erased keeps its zeros.
                self.set(place, self.bytes[place] & !cleared);
            }
            if !goes_on {
                return Err(Failure::PowerCut);
            }
        }
        Ok(())
    }
}

fn network(generation: u32) -> Model {
    Model::new(&mut Pcg32::seed_from_u64(generation.into()))
}

fn load(flash: &mut Flash) -> Outcome {
    Store::new(&mut *flash).load(&mut [0; BUFFER])
}

fn save(flash: &mut Flash, generation: u32) -> Result<(), StoreError<Failure>> {
    Store::new(&mut *flash).save(&network(generation), generation, &mut [0; BUFFER])
}

#[track_caller]
fn assert_holds(outcome: &Outcome, generation: u32) {
    assert_eq!(*outcome, Ok(Some((network(generation), generation))));
}

#[test]
fn the_sizes_are_as_the_tests_take_them() {
    assert_eq!(encoded_len::<Model>(), 24 + 4 * Model::COUNT);
    assert_eq!(BUFFER.next_multiple_of(PAGE), SLOT);
}

#[test]
fn what_is_saved_is_loaded_time_after_time() {
    let mut flash = Flash::blank();
    assert_eq!(load(&mut flash), Ok(None));
    for generation in 1..20 {
        assert_eq!(save(&mut flash, generation), Ok(()));
        assert_holds(&load(&mut flash), generation);
    }
}

#[test]
fn the_newest_is_loaded_also_where_the_count_begins_anew() {
    let mut flash = Flash::blank();
    for generation in [u32::MAX - 1, u32::MAX, 0, 1, 2] {
        assert_eq!(save(&mut flash, generation), Ok(()));
        assert_holds(&load(&mut flash), generation);
    }
}

#[test]
fn weights_that_would_never_be_loaded_are_refused() {
    let mut flash = Flash::blank();
    for held in [7, 8] {
        assert_eq!(save(&mut flash, held), Ok(()));
        let bytes = flash.bytes;
        for stale in [1, held - 1, held] {
            assert_eq!(save(&mut flash, stale), Err(StoreError::Stale { held }));
        }
        assert_eq!(flash.bytes, bytes, "nothing was written");
    }
}

/// After a cut at any step the weights are those of before or after, whole, and saving works again; so it does after a
/// second cut, at any step of that.
#[test]
fn a_power_cut_at_any_step_leaves_the_old_or_the_new_weights() {
    let mut cuts = 0;
    for saved in 0..4 {
        let mut before = Flash::blank();
        (1..=saved).for_each(|generation| assert_eq!(save(&mut before, generation), Ok(())));
        for torn in [0, 0x00ff_00ff, 0x5555_5555, u32::MAX] {
            for steps in 1.. {
                assert!(steps < 1000, "a save takes more steps than there are bytes and words");
                let mut flash = Flash { steps_left: steps, torn, ..before.clone() };
                let result = save(&mut flash, saved + 1);
                flash.steps_left = usize::MAX;
                if result.is_ok() {
                    break;
                }
                cuts += 1;
                assert_eq!(result, Err(StoreError::Flash(Failure::PowerCut)));
                let held = check_old_or_new(&mut flash, saved);
                for second in (1..).step_by(7) {
                    assert!(second < 1000, "a save takes more steps than there are bytes and words");
                    let mut flash = Flash { steps_left: second, ..flash.clone() };
                    let result = save(&mut flash, held + 1);
                    flash.steps_left = usize::MAX;
                    check_old_or_new(&mut flash, held);
                    if result.is_ok() {
                        break;
                    }
                }
                assert_eq!(save(&mut flash, held + 1), Ok(()));
                assert_holds(&load(&mut flash), held + 1);
            }
        }
    }
    assert!(cuts > 2000, "{cuts} cuts");
}

/// Returns the generation that is held.
#[track_caller]
fn check_old_or_new(flash: &mut Flash, old: u32) -> u32 {
    match load(flash) {
        Ok(Some((held, generation))) => {
            assert!(generation == old || generation == old + 1, "generation {generation}, not {old} or the next");
            assert_eq!(held, network(generation));
            generation
        }
        // Nothing whole was there, and nothing whole is.
        Ok(None) | Err(StoreError::Weights(_)) => {
            assert_eq!(old, 0);
            0
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_flipped_bit_is_never_loaded() {
    let mut whole = Flash::blank();
    (1..=2).for_each(|generation| assert_eq!(save(&mut whole, generation), Ok(())));
    for bit in 0..8 * CAPACITY {
        let mut flash = whole.clone();
        flash.bytes[bit / 8] ^= 1 << (bit % 8);
        let in_content = bit / 8 % SLOT < encoded_len::<Model>();
        let spoilt_the_newest = in_content && bit / 8 >= SLOT;
        assert_holds(&load(&mut flash), if spoilt_the_newest { 1 } else { 2 });
        assert_eq!(save(&mut flash, 3), Ok(()));
        assert_holds(&load(&mut flash), 3);
    }
}

#[test]
fn what_others_left_is_reported_and_written_over() {
    let mut random = Pcg32::seed_from_u64(1);
    let mut foreign = [0; encoded_len::<Network<1, 3, 2, 0>>()];
    Network::<1, 3, 2, 0>::zeros().encode(5, &mut foreign).expect("long enough");
    let contents: [fn(&mut Pcg32) -> u8; 3] = [|_| 0, |_| 0x5a, |random| random.next_u32() as u8];
    for content in contents {
        let mut flash = Flash::blank();
        flash.bytes.iter_mut().for_each(|byte| *byte = content(&mut random));
        assert!(matches!(load(&mut flash), Err(StoreError::Weights(WeightsError::Magic { .. }))));
        assert_eq!(save(&mut flash, 1), Ok(()));
        assert_holds(&load(&mut flash), 1);
    }
    let mut flash = Flash::blank();
    flash.bytes[..foreign.len()].copy_from_slice(&foreign);
    assert!(matches!(load(&mut flash), Err(StoreError::Weights(WeightsError::Length { .. }))));
    assert_eq!(save(&mut flash, 1), Ok(()));
    assert_holds(&load(&mut flash), 1);
}

#[test]
fn a_worn_flash_is_reported_and_keeps_the_weights_it_has() {
    let mut noticed = 0;
    for bit in (0..8 * SLOT).step_by(3) {
        let mut flash = Flash::blank();
        assert_eq!(save(&mut flash, 1), Ok(()));
        flash.bytes[SLOT + bit / 8] &= !(1 << (bit % 8));
        flash.stuck = Some(8 * SLOT + bit);
        match save(&mut flash, 2) {
            Ok(()) => assert_holds(&load(&mut flash), 2), // a zero was wanted there, or nothing
            Err(error) => {
                assert_eq!(error, StoreError::Worn);
                assert_holds(&load(&mut flash), 1);
                noticed += 1;
            }
        }
    }
    assert!(noticed > 50, "{noticed}");
}

#[test]
fn what_is_too_small_is_named() {
    let mut flash = Flash::blank();
    let (needed, got) = (BUFFER, BUFFER - 1);
    let too_short = StoreError::Buffer { needed, got };
    assert_eq!(Store::new(&mut flash).save(&network(1), 1, &mut [0; BUFFER - 1]), Err(too_short));
    assert_eq!(Store::new(&mut flash).load::<1, 2, 2, 0>(&mut [0; BUFFER - 1]), Err(too_short));
    type Large = Network<1, 8, 2, 0>;
    const LARGE: usize = Store::<Flash>::buffer_len::<Large>();
    let outcome = Store::new(&mut flash).save(&Large::zeros(), 1, &mut [0; LARGE]);
    assert_eq!(outcome, Err(StoreError::Capacity { needed: 896, got: CAPACITY }));
    assert_eq!(flash.bytes, [0xff; CAPACITY], "nothing was written");
}

#[test]
fn weights_that_are_not_finite_are_refused_and_nothing_is_erased() {
    let mut flash = Flash::blank();
    (1..=2).for_each(|generation| assert_eq!(save(&mut flash, generation), Ok(())));
    let bytes = flash.bytes;
    let mut diverged = network(3);
    diverged.head.bias[0] = f32::NAN;
    let outcome = Store::new(&mut flash).save(&diverged, 3, &mut [0; BUFFER]);
    assert!(matches!(outcome, Err(StoreError::Weights(_))), "{outcome:?}");
    assert_eq!(flash.bytes, bytes);
}
