//! The targets of `sleuth-fuzz`, guided by coverage. The variable `TARGET` says which.
//!
//! ```text
//! TARGET=html cargo +nightly fuzz run any fuzz/corpus/html crates/sleuth-fuzz/seeds/html -- -timeout=10
//! ```
//!
//! New inputs go to the first folder; the seeds are only read. A crash is run again by
//! `cargo xtask fuzz html --input FILE`, without a nightly compiler.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use sleuth_fuzz::{Target, target};

static CHOSEN: OnceLock<&'static Target> = OnceLock::new();

fuzz_target!(|input: &[u8]| {
    let target = CHOSEN.get_or_init(|| {
        let name = std::env::var("TARGET").expect("the variable TARGET names a target");
        target(&name).unwrap_or_else(|| panic!("no target `{name}`"))
    });
    if input.len() <= target.longest {
        (target.run)(input);
    }
});
