//! From other libraries to this one.
