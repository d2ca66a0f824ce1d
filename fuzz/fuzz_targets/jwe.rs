#![no_main]

libfuzzer_sys::fuzz_target!(|input: token_relay_fuzz::jwe::Input<'_>| input.check());
