//! The store over a flash that loses power, wears out, and holds what others left.

use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash};
use rand_pcg::Pcg32;
use rand_pcg::rand_core::{Rng, SeedableRng};
use scarce_mcu::{Network, Parameters, Store, StoreError, WeightsError, encoded_len};

type Model = Network<1, 3, 2, 0>;
type Outcome = Result<Option<(Model, u32)>, StoreError<Failure>>;

const PAGE: usize = 64;
const SLOT: usize = 192;
const CAPACITY: usize = 2 * SLOT;
const ENCODED: usize = encoded_len::<Model>();

/// Why an operation did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    PowerCut,
    Uncorrectable,
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
struct Flash<const WORD: usize = 4> {
    bytes: [u8; CAPACITY],
    steps_left: usize,
    /// The bits of each four bytes of the word under way that are written when the power is cut.
    torn: u32,
    /// A bit that can no longer be erased or written.
    stuck: Option<usize>,
    /// A byte that error correction cannot tell.
    unreadable: Option<usize>,
    /// Whether erasing makes it readable.
    heals: bool,
    ignores_erasing: bool,
    ignores_writing: bool,
}

impl<const WORD: usize> Flash<WORD> {
    fn blank() -> Self {
        Self {
            bytes: [0xff; CAPACITY],
            steps_left: usize::MAX,
            torn: 0,
            stuck: None,
            unreadable: None,
            heals: true,
            ignores_erasing: false,
            ignores_writing: false,
        }
    }

    /// A flash to which weights were saved so many times.
    fn saved(times: u32) -> Self {
        let mut flash = Self::blank();
        (1..=times).for_each(|generation| assert_eq!(save(&mut flash, generation), Ok(generation)));
        flash
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

impl<const WORD: usize> ErrorType for Flash<WORD> {
    type Error = Failure;
}

impl<const WORD: usize> ReadNorFlash for Flash<WORD> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Failure> {
        let range = offset as usize..offset as usize + bytes.len();
        let stored = self.bytes.get(range.clone()).ok_or(Failure::Rule)?;
        if self.unreadable.is_some_and(|place| range.contains(&place)) {
            return Err(Failure::Uncorrectable);
        }
        bytes.copy_from_slice(stored);
        Ok(())
    }

    fn capacity(&self) -> usize {
        CAPACITY
    }
}

impl<const WORD: usize> NorFlash for Flash<WORD> {
    const WRITE_SIZE: usize = WORD;
    const ERASE_SIZE: usize = PAGE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Failure> {
        let (from, to) = (from as usize, to as usize);
        if from > to || to > CAPACITY || !from.is_multiple_of(PAGE) || !to.is_multiple_of(PAGE) {
            return Err(Failure::Rule);
        }
        if self.ignores_erasing {
            return Ok(());
        }
        for place in from..to {
            if !self.step() {
                return Err(Failure::PowerCut);
            }
            self.set(place, 0xff);
            self.unreadable = self.unreadable.filter(|&unreadable| unreadable != place || !self.heals);
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Failure> {
        let (words, rest) = bytes.as_chunks::<WORD>();
        let offset = offset as usize;
        if offset + bytes.len() > CAPACITY || !offset.is_multiple_of(WORD) || !rest.is_empty() {
            return Err(Failure::Rule);
        }
        if self.ignores_writing {
            return Ok(());
        }
        for (index, word) in words.iter().enumerate() {
            let goes_on = self.step();
            let written = if goes_on { [0xff; 4] } else { self.torn.to_le_bytes() };
            for (byte, value) in word.iter().enumerate() {
                let place = offset + WORD * index + byte;
                // Writing can only clear bits: a place that was not erased keeps its zeros.
                self.set(place, self.bytes[place] & (value | !written[byte % 4]));
            }
            if !goes_on {
                return Err(Failure::PowerCut);
            }
        }
        Ok(())
    }
}

fn network(seed: u32) -> Model {
    Model::new(&mut Pcg32::seed_from_u64(seed.into()))
}

fn load<const WORD: usize>(flash: &mut Flash<WORD>) -> Outcome {
    Store::new(&mut *flash).load(&mut vec![0; Store::<Flash<WORD>>::buffer_len::<Model>()])
}

fn save<const WORD: usize>(flash: &mut Flash<WORD>, seed: u32) -> Result<u32, StoreError<Failure>> {
    Store::new(&mut *flash).save(&network(seed), &mut vec![0; Store::<Flash<WORD>>::buffer_len::<Model>()])
}

/// The weights of the seed that is their generation.
#[track_caller]
fn assert_holds(outcome: &Outcome, generation: u32) {
    assert_eq!(*outcome, Ok(Some((network(generation), generation))));
}

#[test]
fn the_sizes_are_as_the_tests_take_them() {
    assert_eq!(ENCODED, 24 + 4 * Model::COUNT);
    assert_eq!(Store::<Flash<4>>::buffer_len::<Model>(), ENCODED);
    assert_eq!(Store::<Flash<32>>::buffer_len::<Model>(), ENCODED + 16, "in whole words");
    assert_eq!(ENCODED.next_multiple_of(PAGE), SLOT);
}

fn what_is_saved_is_loaded<const WORD: usize>() {
    let mut flash = Flash::<WORD>::blank();
    assert_eq!(load(&mut flash), Ok(None));
    for generation in 1..20 {
        assert_eq!(save(&mut flash, generation), Ok(generation));
        assert_holds(&load(&mut flash), generation);
    }
}

#[test]
fn what_is_saved_is_loaded_time_after_time() {
    what_is_saved_is_loaded::<1>();
    what_is_saved_is_loaded::<4>();
    what_is_saved_is_loaded::<32>();
}

#[test]
fn the_newest_is_loaded_also_where_the_count_begins_anew() {
    let mut flash = Flash::<4>::blank();
    network(9).encode(u32::MAX - 1, &mut flash.bytes).expect("long enough");
    for generation in [u32::MAX, 0, 1, 2] {
        assert_eq!(save(&mut flash, generation), Ok(generation));
        assert_holds(&load(&mut flash), generation);
    }
}

#[test]
fn a_device_is_reset_by_saving_its_factory_weights() {
    for held in [7, 8] {
        let (mut flash, factory) = (Flash::<4>::saved(held), network(0));
        assert_eq!(save(&mut flash, 0), Ok(held + 1));
        assert_eq!(load(&mut flash), Ok(Some((factory, held + 1))));
        assert_eq!(save(&mut flash, held + 2), Ok(held + 2));
        assert_holds(&load(&mut flash), held + 2);
    }
}

/// After a cut at any step the weights are those of before or after, whole, and saving works again; so it does after a
/// second cut, at any step of that. Returns the number of first cuts.
fn cut_power_at_any_step<const WORD: usize>() -> usize {
    let mut cuts = 0;
    for saved in 0..4 {
        let before = Flash::<WORD>::saved(saved);
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
                assert_eq!(save(&mut flash, held + 1), Ok(held + 1));
                assert_holds(&load(&mut flash), held + 1);
            }
        }
    }
    cuts
}

#[test]
fn a_power_cut_at_any_step_leaves_the_old_or_the_new_weights() {
    let cuts = cut_power_at_any_step::<4>();
    assert!(cuts > 3000, "{cuts} cuts");
    let cuts = cut_power_at_any_step::<32>();
    assert!(cuts > 3000, "{cuts} cuts");
}

/// Returns the generation that is held.
#[track_caller]
fn check_old_or_new<const WORD: usize>(flash: &mut Flash<WORD>, old: u32) -> u32 {
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
fn a_flipped_bit_in_the_newest_slot_gives_the_older_weights() {
    let whole = Flash::<4>::saved(2);
    for bit in 0..8 * CAPACITY {
        let mut flash = whole.clone();
        flash.bytes[bit / 8] ^= 1 << (bit % 8);
        let held = newest_whole(bit / 8);
        assert_holds(&load(&mut flash), held);
        assert_eq!(save(&mut flash, held + 1), Ok(held + 1));
        assert_holds(&load(&mut flash), held + 1);
    }
}

/// The generation that is held where this byte of a flash that was saved to twice is spoilt.
fn newest_whole(place: usize) -> u32 {
    if (SLOT..SLOT + ENCODED).contains(&place) { 1 } else { 2 }
}

#[test]
fn a_slot_that_cannot_be_read_hinders_neither_loading_nor_saving() {
    for place in 0..CAPACITY {
        let mut flash = Flash { unreadable: Some(place), ..Flash::<4>::saved(2) };
        let held = newest_whole(place);
        assert_holds(&load(&mut flash), held);
        assert_eq!(save(&mut flash, held + 1), Ok(held + 1));
        assert_holds(&load(&mut flash), held + 1);
    }
}

#[test]
fn where_nothing_else_is_whole_a_slot_that_cannot_be_read_is_reported_and_written_over() {
    let only = Flash { unreadable: Some(5), ..Flash::<4>::saved(1) };
    let blank = Flash { unreadable: Some(5), ..Flash::<4>::blank() };
    let mut second = Flash { unreadable: Some(SLOT), ..Flash::<4>::saved(2) };
    second.bytes[5] ^= 1;
    let unreadable = StoreError::Flash(Failure::Uncorrectable);
    for (mut flash, first_is_spoilt) in [(only, false), (blank, false), (second, true)] {
        let error = load(&mut flash).expect_err("nothing is whole");
        assert!(if first_is_spoilt { matches!(error, StoreError::Weights(_)) } else { error == unreadable }, "{error}");
        assert_eq!(save(&mut flash, 1), Ok(1));
        assert_holds(&load(&mut flash), 1);
    }
}

#[test]
fn a_slot_that_stays_unreadable_is_reported_by_saving_and_the_other_one_kept() {
    let mut flash = Flash { unreadable: Some(5), heals: false, ..Flash::<4>::saved(2) };
    for _ in 0..3 {
        assert_eq!(save(&mut flash, 3), Err(StoreError::Flash(Failure::Uncorrectable)));
        assert_holds(&load(&mut flash), 2);
    }
}

#[test]
fn a_flash_that_ignores_what_it_is_told_is_noticed_and_keeps_the_newest_weights() {
    for saved in 0..4 {
        for ignores_erasing in [false, true] {
            let mut flash = Flash { ignores_erasing, ignores_writing: true, ..Flash::<4>::saved(saved) };
            for _ in 0..2 {
                assert_eq!(save(&mut flash, saved + 1), Err(StoreError::Worn), "{ignores_erasing}, {saved} saved");
                assert_eq!(load(&mut flash), Ok((saved > 0).then(|| (network(saved), saved))));
            }
        }
    }
    let mut never_erased = Flash { ignores_erasing: true, ..Flash::<4>::saved(2) };
    assert_eq!(save(&mut never_erased, 3), Err(StoreError::Worn));
    assert_holds(&load(&mut never_erased), 2);
}

#[test]
fn what_others_left_is_reported_and_written_over() {
    let mut random = Pcg32::seed_from_u64(1);
    let mut foreign = [0; encoded_len::<Network<1, 2, 2, 0>>()];
    Network::<1, 2, 2, 0>::zeros().encode(5, &mut foreign).expect("long enough");
    let contents: [fn(&mut Pcg32) -> u8; 3] = [|_| 0, |_| 0x5a, |random| random.next_u32() as u8];
    for content in contents {
        let mut flash = Flash::<4>::blank();
        flash.bytes.iter_mut().for_each(|byte| *byte = content(&mut random));
        assert!(matches!(load(&mut flash), Err(StoreError::Weights(WeightsError::Magic { .. }))));
        assert_eq!(save(&mut flash, 1), Ok(1));
        assert_holds(&load(&mut flash), 1);
    }
    let mut flash = Flash::<4>::blank();
    flash.bytes[..foreign.len()].copy_from_slice(&foreign);
    assert!(matches!(load(&mut flash), Err(StoreError::Weights(WeightsError::Length { .. }))));
    assert_eq!(save(&mut flash, 1), Ok(1));
    assert_holds(&load(&mut flash), 1);
}

#[test]
fn a_worn_flash_is_reported_and_keeps_the_weights_it_has() {
    let mut noticed = 0;
    for bit in (0..8 * SLOT).step_by(3) {
        let mut flash = Flash::<4>::saved(1);
        flash.bytes[SLOT + bit / 8] &= !(1 << (bit % 8));
        flash.stuck = Some(8 * SLOT + bit);
        match save(&mut flash, 2) {
            Ok(_) => assert_holds(&load(&mut flash), 2), // a zero was wanted there, or nothing
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
    let mut flash = Flash::<4>::blank();
    let (needed, got) = (ENCODED, ENCODED - 1);
    let too_short = StoreError::Buffer { needed, got };
    assert_eq!(Store::new(&mut flash).save(&network(1), &mut [0; ENCODED - 1]), Err(too_short));
    assert_eq!(Store::new(&mut flash).load::<1, 3, 2, 0>(&mut [0; ENCODED - 1]), Err(too_short));
    type Large = Network<1, 8, 2, 0>;
    const LARGE: usize = Store::<Flash>::buffer_len::<Large>();
    let outcome = Store::new(&mut flash).save(&Large::zeros(), &mut [0; LARGE]);
    assert_eq!(outcome, Err(StoreError::Capacity { needed: 896, got: CAPACITY }));
    assert_eq!(flash.bytes, [0xff; CAPACITY], "nothing was written");
}

#[test]
fn weights_that_are_not_finite_are_refused_and_nothing_is_erased() {
    let mut flash = Flash::<4>::saved(2);
    let bytes = flash.bytes;
    let mut diverged = network(3);
    diverged.head.bias[0] = f32::NAN;
    let outcome = Store::new(&mut flash).save(&diverged, &mut [0; ENCODED]);
    assert!(matches!(outcome, Err(StoreError::Weights(_))), "{outcome:?}");
    assert_eq!(flash.bytes, bytes);
}
