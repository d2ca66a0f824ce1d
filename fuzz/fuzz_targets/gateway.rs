#![no_main]

libfuzzer_sys::fuzz_target!(|input: token_relay_fuzz::gateway::Input<'_>| input.check());
