#![no_main]

libfuzzer_sys::fuzz_target!(|input: token_relay_fuzz::configuration::Input<'_>| input.check());
