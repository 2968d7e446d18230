//! The built-in images.

use scarce_host::beans;
use scarce_host::data::Dataset;
use std::collections::HashSet;
use std::sync::LazyLock;

static BEANS: LazyLock<Dataset> = LazyLock::new(beans::dataset);

#[test]
fn mung_beans_are_rare_in_both_splits() {
    let beans = &*BEANS;
    assert_eq!(beans.classes[beans.rare_class()], "mung bean");
    for images in [&beans.train, &beans.test] {
        let shares = beans.shares(images);
        assert!((0.005..0.01).contains(&shares[2]), "{shares:?}");
        assert!(shares[1] > 0.5, "{shares:?}");
        assert!(shares[0] > 0.2, "{shares:?}");
    }
}

#[test]
fn mung_beans_are_as_rare_as_they_are_asked_to_be() {
    for (most, share) in [(52, 0.1), (16, 0.03), (2, 0.004)] {
        let beans = beans::dataset_of(most);
        for images in [&beans.train, &beans.test] {
            let found = beans.shares(images)[2];
            assert!((0.85 * share..1.25 * share).contains(&found), "up to {most}: {found}");
        }
    }
    assert_eq!(beans::dataset_of(beans::MUNG_BEANS), *BEANS);
}

#[test]
fn some_trays_hold_no_mung_bean() {
    let Dataset { train, .. } = &*BEANS;
    let without = train.iter().filter(|image| image.count(2) == 0).count();
    assert!((1..train.len() / 2).contains(&without), "{without} of {}", train.len());
}

#[test]
fn scenes_differ() {
    let Dataset { train, test, .. } = &*BEANS;
    let scenes: HashSet<&[u8]> = train.iter().chain(test).map(|image| image.bytes.as_slice()).collect();
    assert_eq!(scenes.len(), train.len() + test.len());
}

#[test]
fn scenes_are_always_the_same() {
    assert_eq!(beans::dataset(), *BEANS);
}
