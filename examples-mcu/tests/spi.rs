//! The SPI camera, against the sequences of bytes that its maker's driver exchanges with it.

use embedded_hal::delay::DelayNs;
use embedded_hal::spi::{ErrorKind, ErrorType, Operation, SpiDevice};
use embedded_hal_mock::eh1::spi::{Mock, Transaction};
use scarce_mcu::camera::spi::{ArducamError, ArducamMega, PATIENCE_MILLISECONDS};
use scarce_mcu::camera::{Camera, Purpose, Round};
use scarce_mcu::{Frame, IGNORED, Moments, Shape};
use std::cell::Cell;
use std::rc::Rc;

/// What the bus carries while chip select is low: what is written, what is read then.
type Exchange = (Vec<u8>, Vec<u8>);

/// A bus that fails at one exchange.
struct Bus {
    mock: Mock<u8>,
    exchanges_left: usize,
}

impl ErrorType for Bus {
    type Error = ErrorKind;
}

impl SpiDevice for Bus {
    fn transaction(&mut self, operations: &mut [Operation<'_, u8>]) -> Result<(), ErrorKind> {
        let left = self.exchanges_left.checked_sub(1);
        self.exchanges_left = left.unwrap_or(usize::MAX);
        if left.is_none() { Err(ErrorKind::Overrun) } else { self.mock.transaction(operations) }
    }
}

#[derive(Clone, Default)]
struct Clock(Rc<Cell<u64>>);

impl Clock {
    fn milliseconds(&self) -> u64 {
        self.0.get() / 1_000_000
    }
}

impl DelayNs for Clock {
    fn delay_ns(&mut self, nanoseconds: u32) {
        self.0.set(self.0.get() + u64::from(nanoseconds));
    }
}

/// A camera that takes part in `exchanges` and no others; after `exchanges_left` of them the bus fails once.
fn camera(exchanges: &[Exchange], exchanges_left: usize) -> (ArducamMega<Bus, Clock>, Clock) {
    let mut transactions = Vec::new();
    for (written, read) in exchanges {
        transactions.extend([Transaction::transaction_start(), Transaction::write_vec(written.clone())]);
        if !read.is_empty() {
            transactions.push(Transaction::read_vec(read.clone()));
        }
        transactions.push(Transaction::transaction_end());
    }
    let clock = Clock::default();
    (ArducamMega::new(Bus { mock: Mock::new(&transactions), exchanges_left }, clock.clone()), clock)
}

/// Every exchange has taken place.
fn done(camera: ArducamMega<Bus, Clock>) {
    camera.release().0.mock.done();
}

type Outcome = Result<Round, ArducamError<ErrorKind>>;

fn capture(camera: &mut ArducamMega<Bus, Clock>, shape: Shape) -> (Outcome, Vec<u8>) {
    let (mut image, mut labels) = (vec![[7]; shape.pixels()], vec![1; shape.pixels()]);
    let mut frame = Frame::new(shape, &mut image, &mut labels).expect("one element a pixel");
    frame.set_field(Some([Moments { mean: 1.0, deviation: 1.0 }]));
    let outcome = camera.capture(Purpose::Adapt, &mut frame);
    assert!(frame.labels().iter().all(|&label| label == IGNORED));
    if outcome.is_ok() {
        assert_eq!(frame.moments(), Moments::of(frame.image()), "the frame is the whole field of view");
    }
    (outcome, image.into_flattened())
}

fn write(register: u8, value: u8) -> Exchange {
    (vec![0x80 | register, value], vec![])
}

fn read(register: u8, value: u8) -> Exchange {
    (vec![register, 0], vec![value])
}

const BUSY: u8 = 0b0001;
const IDLE: u8 = 0b0010;
const DONE: u8 = 0b0110;

fn set_up(resolution: u8) -> Vec<Exchange> {
    vec![
        write(0x07, 0x40),
        read(0x44, BUSY),
        read(0x44, 0b0011),
        read(0x44, IDLE),
        read(0x40, 0x81),
        write(0x0a, 0x78),
        read(0x44, IDLE),
        write(0x20, 3),
        read(0x44, IDLE),
        write(0x21, resolution),
        read(0x44, BUSY),
        read(0x44, IDLE),
    ]
}

fn picture_taken(length: u32) -> Vec<Exchange> {
    let [low, middle, high, _] = length.to_le_bytes();
    vec![
        write(0x04, 0x01),
        write(0x04, 0x02),
        read(0x44, IDLE),
        read(0x44, DONE),
        read(0x45, low),
        read(0x46, middle),
        read(0x47, high),
    ]
}

fn luma(row: usize, column: usize) -> u8 {
    ((row * 37 + column * 101 + row * column) % 256) as u8
}

/// A picture, each row in an exchange of its own.
fn picture(side: usize) -> Vec<Exchange> {
    let row = |row| (0..side).flat_map(|column| [luma(row, column), 255 - luma(column, row)]).collect();
    (0..side).map(|number| (if number == 0 { vec![0x3c, 0] } else { vec![0x3c] }, row(number))).collect()
}

/// Means of blocks, halves upwards.
fn means(side: usize, block: usize) -> Vec<u8> {
    let mean = |(row, column)| {
        let pixels = (0..block * block).map(|pixel| luma(row * block + pixel / block, column * block + pixel % block));
        let mean = pixels.map(f64::from).sum::<f64>() / (block * block) as f64;
        (mean + 0.5).floor() as u8
    };
    (0..side).flat_map(|row| (0..side).map(move |column| (row, column))).map(mean).collect()
}

fn all(side: usize, resolution: u8) -> Vec<Exchange> {
    [set_up(resolution), picture_taken((side * side * 2) as u32), picture(side)].concat()
}

#[test]
fn the_camera_is_set_up_once_and_pictures_shrink_to_the_means_of_their_blocks() {
    let exchanges = [all(128, 0x0b), picture_taken(32768), picture(128)].concat();
    let (mut camera, _) = camera(&exchanges, usize::MAX);
    for _ in 0..2 {
        assert_eq!(capture(&mut camera, Shape::new(64, 64)), (Ok(Round::Ends), means(64, 2)));
    }
    done(camera);
}

#[test]
fn the_resolution_follows_from_the_frame() {
    for (side, picture, resolution) in [
        (128, 128, 0x0b),
        (32, 128, 0x0b),
        (1, 128, 0x0b),
        (96, 96, 0x0a),
        (48, 96, 0x0a),
        (24, 96, 0x0a),
        (3, 96, 0x0a),
    ] {
        let (mut camera, _) = camera(&all(picture, resolution), usize::MAX);
        let expected = (Ok(Round::Ends), means(side, picture / side));
        assert_eq!(capture(&mut camera, Shape::new(side, side)), expected, "{side}");
        done(camera);
    }
}

#[test]
fn another_resolution_sets_the_camera_up_anew() {
    let (mut camera, _) = camera(&[all(128, 0x0b), all(96, 0x0a)].concat(), usize::MAX);
    assert_eq!(capture(&mut camera, Shape::new(64, 64)).0, Ok(Round::Ends));
    assert_eq!(capture(&mut camera, Shape::new(96, 96)).0, Ok(Round::Ends));
    done(camera);
}

#[test]
fn shapes_that_cannot_be_made_are_refused_without_a_word_to_the_camera() {
    for (height, width) in [(64, 32), (32, 64), (0, 0), (0, 64), (64, 0), (65, 65), (20, 20), (192, 192), (256, 256)] {
        let (mut camera, _) = camera(&[], usize::MAX);
        let shape = Shape::new(height, width);
        let (outcome, image) = capture(&mut camera, shape);
        assert_eq!(outcome, Err(ArducamError::Shape(shape)));
        assert!(image.iter().all(|&byte| byte == 7));
        done(camera);
    }
}

#[test]
fn every_sensor_of_the_series_is_known_and_no_other() {
    for number in 0..=255 {
        let mut exchanges = all(96, 0x0a);
        exchanges[4] = read(0x40, number);
        let known = (0x81..=0x84).contains(&number);
        let (mut camera, _) = camera(if known { &exchanges } else { &exchanges[..5] }, usize::MAX);
        let expected = if known { Ok(Round::Ends) } else { Err(ArducamError::Sensor(number)) };
        assert_eq!(capture(&mut camera, Shape::new(96, 96)).0, expected);
        done(camera);
    }
}

#[test]
fn a_picture_of_another_length_is_refused() {
    for length in [0, 32767, 32769, 18432, 65536 + 32768, 0xff_ffff] {
        let (mut camera, _) = camera(&[set_up(0x0b), picture_taken(length)].concat(), usize::MAX);
        let (outcome, image) = capture(&mut camera, Shape::new(64, 64));
        assert_eq!(outcome, Err(ArducamError::Length { needed: 32768, got: length }));
        assert!(image.iter().all(|&byte| byte == 7));
        done(camera);
    }
}

#[test]
fn patience_ends_wherever_the_camera_waits() {
    let complete = all(128, 0x0b);
    let waits = (0..complete.len()).filter(|&index| complete[index].0 == [0x44, 0] && complete[index].1 != [BUSY]);
    let polls = PATIENCE_MILLISECONDS as usize / 2;
    for (number, wait) in waits.enumerate() {
        let before: Vec<Exchange> = complete[..wait].to_vec();
        let polled = before.iter().rev().take_while(|exchange| exchange.0 == [0x44, 0]).count();
        let picture = before.len() > set_up(0x0b).len();
        let still = read(0x44, if picture { IDLE } else { BUSY });
        let exchanges = [before, vec![still; polls - polled]].concat();
        let (mut camera, clock) = camera(&exchanges, usize::MAX);
        let expected = if picture { ArducamError::NoPicture } else { ArducamError::Busy };
        assert_eq!(capture(&mut camera, Shape::new(64, 64)).0, Err(expected), "wait {number}");
        let waited = clock.milliseconds();
        assert!((3000..3020).contains(&waited), "{waited} ms");
        done(camera);
    }
}

#[test]
fn a_bus_that_fails_is_reported_at_every_exchange_and_the_next_capture_sets_the_camera_up_anew() {
    let complete = all(96, 0x0a);
    for failing in 0..complete.len() {
        let (mut camera, _) = camera(&[&complete[..failing], &complete].concat(), failing);
        let outcome = capture(&mut camera, Shape::new(48, 48)).0;
        assert_eq!(outcome, Err(ArducamError::Spi(ErrorKind::Overrun)), "exchange {failing}");
        assert_eq!(capture(&mut camera, Shape::new(48, 48)), (Ok(Round::Ends), means(48, 2)), "exchange {failing}");
        done(camera);
    }
}

#[test]
fn registers_are_given_time_to_be_written() {
    let (mut camera, clock) = camera(&all(96, 0x0a), usize::MAX);
    assert_eq!(capture(&mut camera, Shape::new(96, 96)).0, Ok(Round::Ends));
    assert_eq!(clock.milliseconds(), 6 + 4 * 2, "six writes, four times not ready yet");
    done(camera);
}
