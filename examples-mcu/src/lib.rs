//! A small segmentation network and its training.
#![no_std]
