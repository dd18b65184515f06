//! One target for libFuzzer: the one that this program is named after.
#![no_main]

mod targets;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    targets::run(env!("CARGO_BIN_NAME"), input);
});
