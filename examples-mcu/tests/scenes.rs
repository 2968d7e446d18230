//! The pictures that are made up.

use scarce_mcu::camera::uart::CHECKSUM;
use scarce_mcu::camera::{Camera, Purpose, Round, Scenes};
use scarce_mcu::{Frame, Moments, Shape};
use std::collections::HashSet;

const SHAPE: Shape = Shape::new(64, 64);
const PURPOSES: [Purpose; 3] = [Purpose::Adapt, Purpose::Validate, Purpose::Test];

/// Checksum of the first round of frames to adapt to.
const PINNED: u32 = 0x48fa_29da;

/// Image and labels.
type Picture = (Vec<u8>, Vec<u8>);

fn capture(scenes: &mut Scenes, purpose: Purpose, shape: Shape) -> (Picture, Round) {
    let (mut image, mut labels) = (vec![[7]; shape.pixels()], vec![7; shape.pixels()]);
    let mut frame = Frame::new(shape, &mut image, &mut labels).expect("one element a pixel");
    let Ok(round) = scenes.capture(purpose, &mut frame);
    ((image.into_flattened(), labels), round)
}

/// The frames up to the end of a round.
fn round(scenes: &mut Scenes, purpose: Purpose) -> Vec<Picture> {
    let mut pictures = Vec::new();
    loop {
        let (picture, round) = capture(scenes, purpose, SHAPE);
        pictures.push(picture);
        if round == Round::Ends {
            return pictures;
        }
    }
}

fn share(pictures: &[Picture]) -> f64 {
    let nuclei = pictures.iter().flat_map(|(_, labels)| labels).filter(|&&label| label == 1).count();
    nuclei as f64 / (pictures.len() * SHAPE.pixels()) as f64
}

#[test]
fn nuclei_are_rare_and_some_frames_have_none() {
    let mut all = Vec::new();
    for seed in 0..20 {
        for purpose in PURPOSES {
            let pictures = round(&mut Scenes::dark_on_white(seed), purpose);
            assert_eq!(pictures.len(), 16);
            let share = share(&pictures);
            assert!((0.009..0.03).contains(&share), "seed {seed}, {purpose:?}: {share}");
            all.extend(pictures);
        }
    }
    assert!((0.01..0.02).contains(&share(&all)), "{}", share(&all));
    let empty = all.iter().filter(|(_, labels)| labels.iter().all(|&label| label == 0)).count();
    assert!((200..280).contains(&empty), "{empty} of {}, not about a quarter", all.len());
}

#[test]
fn nuclei_are_darker_than_the_ground_or_brighter() {
    for (mut scenes, [ground, nucleus]) in
        [(Scenes::dark_on_white(1), [214, 160]), (Scenes::bright_on_black(1), [12, 90])]
    {
        for (image, labels) in round(&mut scenes, Purpose::Adapt) {
            for (byte, label) in image.into_iter().zip(labels) {
                assert!(label <= 1, "class {label}");
                let level = if label == 1 { nucleus } else { ground };
                assert!((level..level + 16).contains(&byte), "{byte} of class {label}");
            }
        }
    }
}

#[test]
fn a_nucleus_is_a_disc() {
    let pictures = round(&mut Scenes::dark_on_white(1), Purpose::Adapt);
    let discs = [3_i32, 4, 5].map(|radius| {
        let side = -radius..=radius;
        side.clone()
            .flat_map(|y| side.clone().map(move |x| (y, x)))
            .filter(|(y, x)| y * y + x * x <= radius * radius)
            .count()
    });
    let areas = pictures.iter().map(|(_, labels)| labels.iter().filter(|&&label| label == 1).count());
    assert!(areas.into_iter().any(|area| discs.contains(&area)), "no frame has one whole nucleus of {discs:?} pixels");
}

#[test]
fn frames_are_never_the_same_for_two_purposes_or_seeds_and_rounds_repeat() {
    let mut distinct = HashSet::new();
    for seed in 0..4 {
        let mut scenes = Scenes::dark_on_white(seed);
        let rounds = PURPOSES.map(|purpose| round(&mut scenes, purpose));
        assert_eq!(PURPOSES.map(|purpose| round(&mut scenes, purpose)), rounds);
        distinct.extend(rounds.into_iter().flatten().map(|(image, _)| image));
    }
    assert_eq!(distinct.len(), 4 * 3 * 16);
}

#[test]
fn both_kinds_show_nuclei_in_the_same_places() {
    let [dark, bright] = [Scenes::dark_on_white(5), Scenes::bright_on_black(5)]
        .map(|mut scenes| round(&mut scenes, Purpose::Test).into_iter().map(|(_, labels)| labels).collect::<Vec<_>>());
    assert_eq!(dark, bright);
}

#[test]
fn purposes_keep_their_places_in_their_rounds() {
    let mut scenes = Scenes::dark_on_white(9);
    let alone = round(&mut Scenes::dark_on_white(9), Purpose::Adapt);
    for picture in alone {
        assert_eq!(capture(&mut scenes, Purpose::Adapt, SHAPE).0, picture);
        capture(&mut scenes, Purpose::Test, SHAPE);
        capture(&mut scenes, Purpose::Test, SHAPE);
    }
}

#[test]
fn every_shape_can_be_drawn() {
    for (height, width) in [(1, 1), (1, 64), (3, 200), (16, 16), (0, 0), (0, 5)] {
        let ((image, labels), _) = capture(&mut Scenes::dark_on_white(2), Purpose::Adapt, Shape::new(height, width));
        assert!(image.iter().all(|&byte| byte >= 160));
        assert!(labels.iter().all(|&label| label <= 1));
    }
}

#[test]
fn the_frame_is_the_whole_field_of_view_and_all_channels_are_equal() {
    let (mut image, mut labels) = (vec![[0; 3]; SHAPE.pixels()], vec![0; SHAPE.pixels()]);
    let mut frame = Frame::new(SHAPE, &mut image, &mut labels).expect("one element a pixel");
    frame.set_field(Some([Moments { mean: 1.0, deviation: 1.0 }; 3]));
    assert_eq!(Scenes::dark_on_white(1).capture(Purpose::Adapt, &mut frame), Ok(Round::Continues));
    assert_eq!(frame.moments(), Moments::of(frame.image()));
    let grey = capture(&mut Scenes::dark_on_white(1), Purpose::Adapt, SHAPE).0.0;
    assert_eq!(frame.image(), grey.iter().map(|&byte| [byte; 3]).collect::<Vec<_>>());
}

#[test]
fn the_bytes_stay_the_same() {
    let mut bytes = Vec::new();
    for (image, labels) in round(&mut Scenes::dark_on_white(1), Purpose::Adapt) {
        bytes.extend(image);
        bytes.extend(labels);
    }
    assert_eq!(CHECKSUM.checksum(&bytes), PINNED);
}
