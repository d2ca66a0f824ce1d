#![no_main]

libfuzzer_sys::fuzz_target!(|input: token_relay_fuzz::filter::Input<'_>| input.check());
