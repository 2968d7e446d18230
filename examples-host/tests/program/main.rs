//! The program as its user meets it.

mod bad_input;
mod compare;
mod curves;
mod end_to_end;
mod folder;
