//! Exports: a roll in the words of other programs, written while it is read.
//!
//! What is written is a pure function of the records, so the same roll gives the same bytes. Nothing
//! is asked of a view, and nothing is kept of the history but what is still open.

pub mod beancount;
