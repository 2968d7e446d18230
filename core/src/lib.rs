//! Class-imbalance losses.
#![no_std]
