//! Trains a small segmentation network once per loss.
fn main() {}
