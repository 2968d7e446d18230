//! Colours that people with any colour vision tell apart: those of Okabe and Ito (2008).

use crate::data::IGNORED;

pub(crate) type Rgb = [u8; 3];

const BLACK: Rgb = [0, 0, 0];
const ORANGE: Rgb = [230, 159, 0];
pub(crate) const SKY_BLUE: Rgb = [86, 180, 233];
const GREEN: Rgb = [0, 158, 115];
pub(crate) const YELLOW: Rgb = [240, 228, 66];
const BLUE: Rgb = [0, 114, 178];
const VERMILION: Rgb = [213, 94, 0];
const PURPLE: Rgb = [204, 121, 167];
const GREY: Rgb = [128, 128, 128];

/// Lines on white; yellow would not be seen.
pub(crate) const LINES: [Rgb; 7] = [BLACK, VERMILION, ORANGE, SKY_BLUE, PURPLE, GREEN, BLUE];

/// The colour of a label: yellow, the brightest, for the rare class, grey for what is ignored.
pub(crate) fn of_label(label: u8, rare_class: usize) -> Rgb {
    const OTHERS: [Rgb; 7] = [BLACK, BLUE, SKY_BLUE, GREEN, PURPLE, VERMILION, ORANGE];
    let class = usize::from(label);
    if label == IGNORED {
        GREY
    } else if class == rare_class {
        YELLOW
    } else {
        OTHERS[if class < rare_class { class } else { class - 1 }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_labels_look_alike() {
        for rare_class in 0..8 {
            let colors: HashSet<Rgb> = (0..8).chain([IGNORED]).map(|label| of_label(label, rare_class)).collect();
            assert_eq!(colors.len(), 9);
        }
    }
}
