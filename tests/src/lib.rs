//! What scarce is measured against.
