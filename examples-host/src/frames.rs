//! Frames for a device: the images of a folder, as [`scarce_mcu::camera::uart`] asks for them.

use crate::data::Image;
use crate::folder::{class_count, load_split};
use anyhow::{Context, Result, ensure};
use scarce_mcu::camera::Purpose;
use scarce_mcu::camera::uart::{AGAIN, BEGIN, CHECKSUM, MAGIC, NEXT, VERSION};
use scarce_mcu::{Moments, Shape};
use std::io::{self, ErrorKind, Read, Write};
use std::ops::Range;
use std::path::Path;

/// Answers to a device, of each purpose in the order in which they are sent.
///
/// Each image is cut in tiles of the frame's size; the first tile of each image comes first, then the second of each, and so
/// on. Frames to adapt to and to validate with come from different images of `shift_adapt`: the last quarter, at least one,
/// is for validation. Frames to test with come from `shift_test`.
pub struct Frames {
    adapt: Answers,
    validate: Answers,
    test: Answers,
}

struct Answers {
    bytes: Vec<Vec<u8>>,
    sent: Option<usize>,
}

impl Frames {
    /// Loads `{shift_adapt,shift_test}/{images,masks}/NAME.png`.
    ///
    /// # Errors
    /// If anything in the folder cannot be used, or an image is smaller than a frame.
    pub fn load(folder: &Path, frame: Shape) -> Result<Self> {
        let classes = class_count(folder)?;
        let adapt = load_split(&folder.join("shift_adapt"), classes)?;
        let test = load_split(&folder.join("shift_test"), classes)?;
        ensure!(
            adapt.len() > 1,
            "{}: two images are needed, one to validate with",
            folder.join("shift_adapt").display()
        );
        let (adapt, validate) = adapt.split_at(adapt.len() - (adapt.len() / 4).max(1));
        Ok(Self {
            adapt: Answers::new(adapt, frame, Purpose::Adapt)?,
            validate: Answers::new(validate, frame, Purpose::Validate)?,
            test: Answers::new(&test, frame, Purpose::Test)?,
        })
    }

    /// Answers requests until the other side closes the link; what is no request is skipped.
    ///
    /// # Errors
    /// If the link fails.
    pub fn serve(&mut self, mut link: impl Read + Write) -> io::Result<()> {
        let mut last = 0;
        loop {
            let mut byte = [0];
            match link.read(&mut byte) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(()),
                Err(error) => return Err(error),
            }
            let answers = match byte[0] {
                0 => Some(&mut self.adapt),
                1 => Some(&mut self.validate),
                2 => Some(&mut self.test),
                _ => None,
            };
            match (last, answers) {
                (BEGIN, Some(answers)) => answers.sent = None,
                (NEXT, Some(answers)) => send(answers.next(), &mut link)?,
                (AGAIN, Some(answers)) => send(answers.again(), &mut link)?,
                _ => {}
            }
            last = byte[0];
        }
    }
}

fn send(answer: &[u8], link: &mut impl Write) -> io::Result<()> {
    link.write_all(answer)?;
    link.flush()
}

impl Answers {
    fn new(images: &[Image], frame: Shape, purpose: Purpose) -> Result<Self> {
        let mut tiles = Vec::new();
        for image in images {
            let Shape { height, width } = image.shape;
            let fits = height >= frame.height && width >= frame.width;
            ensure!(fits, "{}: {width}×{height} pixels, {}×{} are needed", image.name, frame.width, frame.height);
            let (rows, columns) = (height / frame.height, width / frame.width);
            let corners = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
            for (number, (row, column)) in corners.enumerate() {
                tiles.push((number, image, row * frame.height, column * frame.width));
            }
        }
        tiles.sort_by_key(|&(number, ..)| number);
        let last = tiles.len() - 1;
        let answer = |(index, (_, image, top, left)): (usize, (usize, &Image, usize, usize))| {
            answer(image, frame, (top, left), purpose, index == last)
        };
        Ok(Self { bytes: tiles.into_iter().enumerate().map(answer).collect::<Result<_>>()?, sent: None })
    }

    fn next(&mut self) -> &[u8] {
        self.sent = self.sent.map(|sent| (sent + 1) % self.bytes.len());
        self.again()
    }

    /// What was sent last; the first if nothing was.
    fn again(&mut self) -> &[u8] {
        &self.bytes[*self.sent.get_or_insert(0)]
    }
}

fn answer(image: &Image, frame: Shape, corner: (usize, usize), purpose: Purpose, last: bool) -> Result<Vec<u8>> {
    let channels = image.channels();
    let mut bytes = MAGIC.to_vec();
    bytes.extend([VERSION, purpose.code(), u8::try_from(channels)?, u8::from(last)]);
    for length in [frame.height, frame.width] {
        bytes.extend(u16::try_from(length).context("a frame too large")?.to_le_bytes());
    }
    for moments in moments(image) {
        for number in [moments.mean, moments.deviation] {
            bytes.extend(((number * 256.0).round() as u16).to_le_bytes());
        }
    }
    let (top, left) = corner;
    let rows = (top..top + frame.height).map(|row| row * image.shape.width + left);
    let rows: Vec<_> = rows.map(|first| first..first + frame.width).collect();
    for Range { start, end } in rows.iter().cloned() {
        bytes.extend(&image.bytes[start * channels..end * channels]);
    }
    let labels: Vec<u8> = rows.into_iter().flat_map(|pixels| &image.labels[pixels]).copied().collect();
    for equal in labels.chunk_by(|a, b| a == b) {
        for run in equal.chunks(256) {
            bytes.extend([run[0], (run.len() - 1) as u8]);
        }
    }
    let checksum = CHECKSUM.checksum(&bytes);
    bytes.extend(checksum.to_le_bytes());
    Ok(bytes)
}

/// The moments of each channel.
fn moments(image: &Image) -> Vec<Moments> {
    match image.channels() {
        1 => Moments::of::<1>(image.bytes.as_chunks().0).to_vec(),
        _ => Moments::of::<3>(image.bytes.as_chunks().0).to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scarce_mcu::camera::{Camera, Round, UartCamera, UartError};
    use scarce_mcu::{Frame, IGNORED};
    use std::cell::RefCell;
    use std::convert::Infallible;
    use std::rc::Rc;

    const FRAME: Shape = Shape::new(2, 3);

    /// Two images of 5×6 pixels for each purpose.
    fn frames() -> Frames {
        let image = |start: u8| Image {
            name: format!("image {start}"),
            shape: Shape::new(5, 6),
            bytes: (start..start + 30).collect(),
            labels: (0..30).map(|pixel| [0, 1, IGNORED][pixel % 3]).collect(),
        };
        let answers = |start, purpose| Answers::new(&[image(start), image(start + 100)], FRAME, purpose);
        let all = [(0, Purpose::Adapt), (30, Purpose::Validate), (60, Purpose::Test)];
        let [adapt, validate, test] = all.map(|(start, purpose)| answers(start, purpose).expect("large enough"));
        Frames { adapt, validate, test }
    }

    /// A line to a host that serves, on which an accident may happen to each answer.
    #[derive(Clone)]
    struct Line(Rc<RefCell<State>>);

    type Accident = Box<dyn Fn(&mut Vec<u8>)>;

    struct State {
        frames: Frames,
        request: Vec<u8>,
        answer: Vec<u8>,
        accident: Accident,
        accidents: usize,
        requests: usize,
    }

    impl Line {
        fn new() -> Self {
            Self::with_accidents(0, |_| {})
        }

        /// An accident happens to so many answers, the first ones.
        fn with_accidents(accidents: usize, accident: impl Fn(&mut Vec<u8>) + 'static) -> Self {
            let (frames, request, answer, accident) = (frames(), Vec::new(), Vec::new(), Box::new(accident));
            Self(Rc::new(RefCell::new(State { frames, request, answer, accident, accidents, requests: 0 })))
        }

        fn camera(&self) -> UartCamera<Self, Self> {
            UartCamera::new(self.clone(), self.clone(), 2).with_silence(1)
        }
    }

    struct Link<'a>(&'a [u8], Vec<u8>);

    impl Read for Link<'_> {
        fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
            self.0.read(bytes)
        }
    }

    impl Write for Link<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl embedded_io::ErrorType for Line {
        type Error = Infallible;
    }

    impl embedded_io::ReadReady for Line {
        fn read_ready(&mut self) -> Result<bool, Infallible> {
            Ok(!self.0.borrow().answer.is_empty())
        }
    }

    impl embedded_io::Read for Line {
        fn read(&mut self, bytes: &mut [u8]) -> Result<usize, Infallible> {
            bytes[0] = self.0.borrow_mut().answer.remove(0);
            Ok(1)
        }
    }

    impl embedded_io::Write for Line {
        fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
            self.0.borrow_mut().request.extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> Result<(), Infallible> {
            let state = &mut *self.0.borrow_mut();
            let mut link = Link(&state.request, Vec::new());
            state.frames.serve(&mut link).expect("memory does not fail");
            let mut answer = link.1;
            if state.requests < state.accidents {
                (state.accident)(&mut answer);
            }
            state.answer.extend(answer);
            state.request.clear();
            state.requests += 1;
            Ok(())
        }
    }

    impl embedded_hal::delay::DelayNs for Line {
        fn delay_ns(&mut self, _: u32) {}
    }

    type Outcome = Result<Round, UartError<Infallible>>;

    /// A frame as the device gets it: the image, the labels, the field of view.
    fn capture(camera: &mut UartCamera<Line, Line>, purpose: Purpose) -> (Outcome, Vec<u8>, Vec<u8>, Moments) {
        let (mut image, mut labels) = ([[7]; FRAME.pixels()], [0; FRAME.pixels()]);
        let mut frame = Frame::new(FRAME, &mut image, &mut labels).expect("one element a pixel");
        let outcome = camera.capture(purpose, &mut frame);
        let [moments] = frame.moments();
        (outcome, image.as_flattened().to_vec(), labels.to_vec(), moments)
    }

    #[test]
    fn frames_arrive_in_order_round_after_round() {
        let mut camera = Line::new().camera();
        for _ in 0..2 {
            for (purpose, start) in [(Purpose::Test, 60), (Purpose::Adapt, 0), (Purpose::Validate, 30)] {
                for tile in 0..8 {
                    let (outcome, image, labels, moments) = capture(&mut camera, purpose);
                    assert_eq!(outcome, Ok(if tile == 7 { Round::Ends } else { Round::Continues }));
                    let corner = start + tile % 2 * 100 + [0, 3, 12, 15][usize::from(tile / 2)];
                    assert_eq!(image, [0, 1, 2, 6, 7, 8].map(|offset| corner + offset));
                    assert_eq!(labels, [0, 1, IGNORED, 0, 1, IGNORED]);
                    let mean = f32::from(start + tile % 2 * 100) + 14.5;
                    assert_eq!(moments.mean, mean, "of the whole image");
                    assert!((moments.deviation - 8.655).abs() < 0.003, "{}", moments.deviation);
                }
            }
        }
    }

    #[test]
    fn a_round_begins_anew_when_the_device_asks_for_that() {
        let (mut camera, Frames { adapt, validate, .. }) = (Line::new().camera(), frames());
        let expect = |camera: &mut _, purpose, answers: &Answers, number: usize| {
            assert_eq!(capture(camera, purpose).1, answers.bytes[number][16..22]);
        };
        expect(&mut camera, Purpose::Adapt, &adapt, 0);
        (0..3).for_each(|number| expect(&mut camera, Purpose::Validate, &validate, number));
        Camera::<1>::begin_round(&mut camera, Purpose::Validate).expect("memory does not fail");
        (0..8).for_each(|number| expect(&mut camera, Purpose::Validate, &validate, number));
        expect(&mut camera, Purpose::Adapt, &adapt, 1);
    }

    #[test]
    fn noise_before_a_frame_is_skipped() {
        let mut camera = Line::with_accidents(1, |answer| drop(answer.splice(0..0, *b"SCSCR\xff\x00"))).camera();
        assert_eq!(capture(&mut camera, Purpose::Adapt).0, Ok(Round::Continues));
    }

    #[test]
    fn a_spoilt_frame_is_asked_for_again_and_given_up_in_the_end() {
        let spoil = |answer: &mut Vec<u8>| *answer.last_mut().expect("not empty") ^= 4;
        let line = Line::with_accidents(2, spoil);
        let image = |number: usize| frames().adapt.bytes[number][16..22].to_vec();
        for (number, requests) in [(0, 3), (1, 4), (2, 5)] {
            let (outcome, got, ..) = capture(&mut line.camera(), Purpose::Adapt);
            assert_eq!((outcome, got), (Ok(Round::Continues), image(number)), "no frame is left out or comes twice");
            assert_eq!(line.0.borrow().requests, requests);
        }
        let line = Line::with_accidents(3, spoil);
        let (outcome, _, labels, _) = capture(&mut line.camera(), Purpose::Adapt);
        assert_eq!(outcome, Err(UartError::Checksum));
        assert_eq!(labels, [IGNORED; 6], "nothing of it can be trained on");
        assert_eq!(capture(&mut line.camera(), Purpose::Adapt).1, image(1), "what comes spoilt each time is left out");
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let length = frames().adapt.bytes[0].len();
        for bit in 0..8 * length {
            let line = Line::with_accidents(3, move |answer| answer[bit / 8] ^= 1 << (bit % 8));
            let (outcome, _, labels, _) = capture(&mut line.camera(), Purpose::Adapt);
            assert!(outcome.is_err(), "bit {bit}");
            assert_eq!(labels, [IGNORED; 6]);
        }
    }

    #[test]
    fn nobody_is_asked_again_where_nobody_answers() {
        let line = Line::with_accidents(3, Vec::clear);
        assert_eq!(capture(&mut line.camera(), Purpose::Test).0, Err(UartError::Silence));
        assert_eq!(line.0.borrow().requests, 1);
    }

    #[test]
    fn a_frame_that_breaks_off_is_asked_for_again_and_given_up_in_the_end() {
        let length = frames().test.bytes[0].len();
        for cut in 1..length {
            let error = if cut < MAGIC.len() { UartError::Noise } else { UartError::BreaksOff };
            let line = Line::with_accidents(2, move |answer| answer.truncate(cut));
            assert_eq!(capture(&mut line.camera(), Purpose::Test).0, Ok(Round::Continues), "after {cut} bytes");
            let line = Line::with_accidents(3, move |answer| answer.truncate(cut));
            let (outcome, _, labels, _) = capture(&mut line.camera(), Purpose::Test);
            assert_eq!(outcome, Err(error), "after {cut} bytes");
            assert_eq!(labels, [IGNORED; 6]);
            assert_eq!(line.0.borrow().requests, 3);
        }
    }

    #[test]
    fn a_byte_that_is_lost_or_too_many_is_noticed_and_the_frame_found_in_the_second_answer() {
        let frame = frames().test.bytes[0].clone();
        for place in 0..frame.len() {
            for lost in [true, false] {
                let line = Line::with_accidents(1, move |answer| {
                    if lost {
                        answer.remove(place);
                    } else {
                        answer.insert(place, 0x55);
                    }
                });
                let mut camera = line.camera();
                let (outcome, image, ..) = capture(&mut camera, Purpose::Test);
                assert_eq!(outcome, Ok(Round::Continues));
                assert_eq!(image[..], frame[16..22], "byte {place}, lost: {lost}");
                let noise_before = place == 0 && !lost;
                assert_eq!(line.0.borrow().requests, if noise_before { 1 } else { 2 }, "byte {place}, lost: {lost}");
                assert_eq!(capture(&mut camera, Purpose::Adapt).0, Ok(Round::Continues));
            }
        }
    }

    #[test]
    fn frames_of_another_kind_are_refused() {
        let outcome = |spoil: fn(&mut Vec<u8>)| {
            let line = Line::with_accidents(3, move |answer| {
                spoil(answer);
                let covered = answer.len() - 4;
                let checksum = CHECKSUM.checksum(&answer[..covered]);
                answer[covered..].copy_from_slice(&checksum.to_le_bytes());
            });
            capture(&mut line.camera(), Purpose::Adapt).0
        };
        assert_eq!(outcome(|answer| answer[4] = 2), Err(UartError::Version(2)));
        assert_eq!(outcome(|answer| answer[5] = 1), Err(UartError::Purpose(1)));
        assert_eq!(outcome(|answer| answer[6] = 3), Err(UartError::Channels(3)));
        assert_eq!(outcome(|answer| answer[8] = 3), Err(UartError::Shape { height: 3, width: 3 }));
        let labels = 4 + 4 + 4 + 4 + 6;
        assert_eq!(labels, 22);
        assert_eq!(outcome(|answer| answer[22 + 2 * 4] = 2), Err(UartError::Label { pixel: 4 }));
        assert_eq!(outcome(|answer| answer[22 + 2 * 5 + 1] = 1), Err(UartError::Run));
        assert_eq!(outcome(|answer| answer[22 + 2 * 4] = 0), Ok(Round::Continues));
    }

    #[test]
    fn what_is_no_request_is_skipped() {
        let mut link = Link(b"?F\x03\x00FF\x01A\x07", Vec::new());
        frames().serve(&mut link).expect("memory does not fail");
        assert_eq!(link.1, frames().validate.bytes[0]);
    }

    #[test]
    fn a_frame_is_sent_again_only_for_its_own_purpose() {
        let mut link = Link(b"A\x00A\x00F\x00F\x02A\x00A\x02F\x00B\x02", Vec::new());
        frames().serve(&mut link).expect("memory does not fail");
        let Frames { adapt, test, .. } = frames();
        let expected = [(&adapt, 0), (&adapt, 0), (&adapt, 1), (&test, 0), (&adapt, 1), (&test, 0), (&adapt, 2)];
        assert_eq!(link.1, expected.map(|(answers, number)| &answers.bytes[number][..]).concat());
    }

    #[test]
    fn images_that_are_too_small_are_named() {
        let image = Image { name: "tiny.png".into(), shape: Shape::new(1, 9), bytes: vec![0; 9], labels: vec![0; 9] };
        let error = Answers::new(&[image], FRAME, Purpose::Test).err().expect("one row is too few");
        assert_eq!(error.to_string(), "tiny.png: 9×1 pixels, 3×2 are needed");
    }
}
