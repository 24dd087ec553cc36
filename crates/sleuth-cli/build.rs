//! How the release build of `sleuth` is linked.
#![expect(clippy::disallowed_methods, reason = "Cargo speaks to build scripts by the environment")]

use std::env;
use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=order.ld");
    println!("cargo::rerun-if-env-changed={PLAIN}");
    println!("cargo::rerun-if-env-changed=CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER");
    for library in ["/lib/x86_64-linux-gnu/libc.so.6", "/lib64/libc.so.6"] {
        if Path::new(library).exists() {
            println!("cargo::rerun-if-changed={library}");
        }
    }
    if is_for_order() {
        let folder = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
        let script = Path::new(&folder).join("order.ld");
        println!("cargo::rustc-link-arg-bin=sleuth=-T{}", script.display());
        if loads_packed_relocations() {
            println!("cargo::rustc-link-arg-bin=sleuth=-Wl,-z,pack-relative-relocs");
        }
    }
}

/// Set to anything, this variable leaves the program as the linker lays it by itself: for linkers that take no scripts
/// and are chosen in ways that do not show here.
const PLAIN: &str = "SLEUTH_LINK_PLAIN";

/// Whether the functions that a server runs are laid side by side: see `cargo xtask order`. The script was
/// tried with the linker that the toolchain has for Linux on x86-64 and with GNU's; whoever names another
/// one gets what that does by itself, since some take no scripts. It names functions as the flags of
/// `.cargo/config.toml` do; without those there is nothing that it would find.
fn is_for_order() -> bool {
    let is = |name: &str, expected: &str| env::var(name).is_ok_and(|value| value == expected);
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    is("PROFILE", "release")
        && is("CARGO_CFG_TARGET_OS", "linux")
        && is("CARGO_CFG_TARGET_ENV", "gnu")
        && is("CARGO_CFG_TARGET_ARCH", "x86_64")
        && env::var_os("RUSTC_LINKER").is_none()
        && env::var_os(PLAIN).is_none()
        && flags.contains("symbol-mangling-version=v0")
        && !["fuse-ld", "ld-path", "linker"].iter().any(|other| flags.contains(other))
}

/// Whether the C library here, with which the program is linked, knows relocations by ranges of
/// addresses, which take two megabytes less of the program: that of 2022 does, 2.36. One built with it
/// needs it where it runs, too; an older one says so.
fn loads_packed_relocations() -> bool {
    let getconf = std::process::Command::new("getconf").arg("GNU_LIBC_VERSION").output();
    let said = getconf.map(|output| output.stdout).unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let mut numbers = said.trim().trim_start_matches("glibc ").split('.').map(str::parse::<u32>);
    let is_native = env::var("HOST").ok() == env::var("TARGET").ok();
    is_native && matches!((numbers.next(), numbers.next()), (Some(Ok(2)), Some(Ok(36..))))
}
