//! Weights to bytes and back, and what is refused.

use rand_pcg::{
    Pcg32,
    rand_core::{Rng, SeedableRng},
};
use scarce_mcu::{Architecture, Network, Parameters, WeightsError, encoded_len};

type Model = Network<1, 8, 2, 0>;
type Encoded = [u8; encoded_len::<Model>()];

/// Where the parameters begin.
const HEADER_LEN: usize = 20;

fn model(seed: u64) -> Model {
    Model::new(&mut Pcg32::seed_from_u64(seed))
}

fn encoded(model: &Model, generation: u32) -> Encoded {
    let mut bytes = [0; encoded_len::<Model>()];
    assert_eq!(model.encode(generation, &mut bytes), Ok(bytes.len()));
    bytes
}

/// The checksum as the standard defines it, bit by bit.
fn checksum(bytes: &[u8]) -> u32 {
    let remainder = bytes.iter().fold(u32::MAX, |remainder, &byte| {
        (0..8).fold(remainder ^ u32::from(byte), |remainder, _| {
            (remainder >> 1) ^ if remainder & 1 == 1 { 0xEDB8_8320 } else { 0 }
        })
    });
    !remainder
}

/// The bytes with others from `offset` on, and a checksum that agrees: what a faulty writer would write.
fn rewritten(mut bytes: Encoded, offset: usize, replacement: &[u8]) -> Encoded {
    bytes[offset..offset + replacement.len()].copy_from_slice(replacement);
    let end = bytes.len() - 4;
    let checksum = checksum(&bytes[..end]);
    bytes[end..].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

fn refusal(bytes: &[u8]) -> WeightsError {
    Model::decode(bytes).expect_err("bad bytes were taken for weights")
}

#[test]
fn the_format_is_as_documented() {
    let model = model(1);
    let bytes = encoded(&model, 0x0403_0201);
    assert_eq!(bytes.len(), 20 + 98 * 4 + 4);
    assert_eq!(&bytes[..HEADER_LEN], b"SCRW\x01\x01\x08\x02\x00\0\0\0\x01\x02\x03\x04\x62\0\0\0");
    let parameters: Vec<u8> = model.parameters().flat_map(|parameter| parameter.to_le_bytes()).collect();
    assert_eq!(bytes[HEADER_LEN..412], parameters);
    assert_eq!(checksum(b"123456789"), 0xCBF4_3926, "the check value of CRC-32/ISO-HDLC");
    assert_eq!(bytes[412..], checksum(&bytes[..412]).to_le_bytes());
}

#[test]
fn weights_come_back_bit_for_bit() {
    let mut model = model(2);
    let extremes =
        [0.0, -0.0, f32::MIN, f32::MAX, f32::MIN_POSITIVE, f32::from_bits(1), -f32::from_bits(1), f32::EPSILON];
    model.parameters_mut().zip(extremes).for_each(|(parameter, extreme)| *parameter = extreme);
    for generation in [0, 1, u32::MAX] {
        let (decoded, decoded_generation) = Model::decode(&encoded(&model, generation)).expect("own weights");
        assert_eq!(decoded_generation, generation);
        assert!(decoded.parameters().map(|p| p.to_bits()).eq(model.parameters().map(|p| p.to_bits())));
    }
}

#[test]
fn deep_networks_too() {
    type Deep = Network<3, 4, 5, 2>;
    let model = Deep::new(&mut Pcg32::seed_from_u64(3));
    let mut bytes = [0; encoded_len::<Deep>()];
    assert_eq!(model.encode(7, &mut bytes), Ok(bytes.len()));
    assert_eq!(Deep::decode(&bytes), Ok((model, 7)));
}

#[test]
fn bytes_after_the_weights_are_left_alone() {
    let mut buffer = [0x5A; encoded_len::<Model>() + 3];
    let length = model(4).encode(1, &mut buffer).expect("there is room");
    assert_eq!(buffer[..length], encoded(&model(4), 1));
    assert_eq!(buffer[length..], [0x5A; 3]);
}

#[test]
fn a_short_buffer_is_refused_and_not_written() {
    for got in 0..encoded_len::<Model>() {
        let mut buffer = vec![0x5A; got];
        let refused = model(5).encode(1, &mut buffer);
        assert_eq!(refused, Err(WeightsError::Length { needed: encoded_len::<Model>(), got }));
        assert!(buffer.iter().all(|&byte| byte == 0x5A));
    }
}

#[test]
fn every_flipped_bit_is_refused() {
    let bytes = encoded(&model(6), 9);
    for bit in 0..8 * bytes.len() {
        let mut flipped = bytes;
        flipped[bit / 8] ^= 1 << (bit % 8);
        let expected = match bit / 8 {
            0..4 => matches!(refusal(&flipped), WeightsError::Magic { .. }),
            4 => matches!(refusal(&flipped), WeightsError::Version { .. }),
            16..20 => matches!(refusal(&flipped), WeightsError::Length { .. }),
            _ => matches!(refusal(&flipped), WeightsError::Checksum { .. }),
        };
        assert!(expected, "bit {bit}: {}", refusal(&flipped));
    }
}

#[test]
fn every_truncation_and_every_excess_is_refused() {
    let bytes = encoded(&model(7), 9);
    for got in 0..bytes.len() {
        assert_eq!(refusal(&bytes[..got]), WeightsError::Length { needed: bytes.len(), got });
    }
    let longer = [&bytes[..], &[0]].concat();
    assert_eq!(refusal(&longer), WeightsError::Length { needed: bytes.len(), got: bytes.len() + 1 });
}

#[test]
fn the_weights_of_another_network_are_refused_by_name() {
    let mut bytes = [0; encoded_len::<Network<3, 4, 5, 2>>()];
    Network::<3, 4, 5, 2>::zeros().encode(1, &mut bytes).expect("there is room");
    let expected = Architecture { inputs: 1, hidden: 8, classes: 2, deep: 0 };
    let found = Architecture { inputs: 3, hidden: 4, classes: 5, deep: 2 };
    assert_eq!(refusal(&bytes), WeightsError::Architecture { expected, found });
    let message = refusal(&bytes).to_string();
    assert!(message.contains("3 input and 4 hidden channels, 5 classes, 2 deep convolutions"), "{message}");

    // Whatever the number of parameters, each of the four numbers must agree.
    for offset in 5..9 {
        let another = rewritten(encoded(&model(8), 1), offset, &[200]);
        assert!(matches!(refusal(&another), WeightsError::Architecture { .. }));
    }
}

#[test]
fn a_faulty_writer_is_found_out() {
    let bytes = encoded(&model(9), 1);
    assert_eq!(Model::decode(&rewritten(bytes, 0, b"SCRW")), Ok((model(9), 1)), "the same bytes");
    assert_eq!(refusal(&rewritten(bytes, 0, b"SCRF")), WeightsError::Magic { found: *b"SCRF" });
    assert_eq!(refusal(&rewritten(bytes, 4, &[2])), WeightsError::Version { found: 2 });
    assert_eq!(refusal(&rewritten(bytes, 10, &[3])), WeightsError::Reserved { found: [0, 3, 0] });

    let shorter: Vec<u8> = {
        let mut covered = [&bytes[..16], &97_u32.to_le_bytes(), &bytes[20..408]].concat();
        let checksum = checksum(&covered);
        covered.extend(checksum.to_le_bytes());
        covered
    };
    assert_eq!(refusal(&shorter), WeightsError::Count { expected: 98, found: 97 });
}

#[test]
fn non_finite_weights_are_neither_read_nor_written() {
    for poison in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for parameter in 0..Model::COUNT {
            let bytes = rewritten(encoded(&model(10), 1), HEADER_LEN + 4 * parameter, &poison.to_le_bytes());
            assert_eq!(refusal(&bytes), WeightsError::NonFinite { parameter });

            let mut poisoned = model(10);
            *poisoned.parameters_mut().nth(parameter).expect("within the count") = poison;
            let mut buffer = [0x5A; encoded_len::<Model>()];
            assert_eq!(poisoned.encode(1, &mut buffer), Err(WeightsError::NonFinite { parameter }));
            assert!(buffer.iter().all(|&byte| byte == 0x5A));
        }
    }
}

#[test]
fn arbitrary_bytes_are_refused() {
    let mut rng = Pcg32::seed_from_u64(11);
    let bytes = encoded(&model(11), 1);
    for round in 0..20_000 {
        // Random ones, and right ones of which a random part is random: those get past the first checks.
        let mut arbitrary = vec![0; (rng.next_u32() % 600) as usize];
        rng.fill_bytes(&mut arbitrary);
        if round % 2 == 1 {
            arbitrary.resize(bytes.len(), 0);
            let kept = (rng.next_u32() % 400) as usize;
            arbitrary[..kept].copy_from_slice(&bytes[..kept]);
        }
        assert!(Model::decode(&arbitrary).is_err());
    }
}

#[test]
fn every_error_says_what_and_where() {
    let architecture = Architecture { inputs: 1, hidden: 8, classes: 2, deep: 0 };
    let messages = [
        (WeightsError::Length { needed: 416, got: 5 }, "weights: 416 bytes needed, got 5"),
        (
            WeightsError::Magic { found: *b"\x00\xffab" },
            "weights: they begin with [00, ff, 61, 62] instead of \"SCRW\"",
        ),
        (WeightsError::Version { found: 9 }, "weights: version 9 of the format, only 1 is known"),
        (
            WeightsError::Checksum { stored: 1, computed: 0xABCD },
            "weights: damaged, the checksum is 0000abcd and not 00000001 as stored at the end",
        ),
        (
            WeightsError::Reserved { found: [0, 0, 1] },
            "weights: the reserved bytes 9 to 11 are [00, 00, 01] and not zero",
        ),
        (
            WeightsError::Architecture { expected: architecture, found: Architecture { inputs: 3, ..architecture } },
            "weights: of another network (3 input and 8 hidden channels, 2 classes, 0 deep convolutions; \
             needed: 1 input and 8 hidden channels, 2 classes, 0 deep convolutions)",
        ),
        (WeightsError::Count { expected: 98, found: 3 }, "weights: 3 parameters announced, the network has 98"),
        (WeightsError::NonFinite { parameter: 17 }, "weights: parameter 17 is not finite"),
    ];
    for (error, message) in messages {
        assert_eq!(error.to_string(), message);
    }
}
