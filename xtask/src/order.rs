//! `order`: which functions a server runs, so that the linker lays them side by side.
//!
//! Linux maps sixteen pages of a program around each that is touched. A server runs a twentieth of the program;
//! scattered over all of it, as the linker finds them, those functions bring half of it into memory. This serves
//! a store under Valgrind's callgrind, sees which functions ran, and writes the linker script
//! `crates/sleuth-cli/order.ld` with the sections that they are in. Functions are named without the hashes of
//! one build, by the crate that holds them, so that the script holds from one compiler to the next: what
//! it names and is no longer there does no harm, and what is new lies where it would without it. It is to be
//! made again after larger changes of what a server does: each function that it does not know may bring its 64 KiB
//! into memory.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::{data, environment, product, serve};

/// The store that is served.
const STORE: &str = "squad_dev";
/// Seconds that each kind of client asks; under Valgrind a server takes fifty times as long.
const SECONDS: f64 = 20.0;

pub(crate) fn make() -> Result<()> {
    let home = data::bench_folder().join("order");
    fs_err::create_dir_all(&home)?;
    // Of another name each time: the linker writes it, and Cargo calls the linker where something has changed.
    let map = home.join(format!("map.{}", std::process::id()));
    let program =
        product::linked(&[format!("-Wl,-Map={}", map.display()), "-Wl,--no-demangle".to_owned()])?;
    let lines = fs_err::read_to_string(&map)?;
    fs_err::remove_file(map)?;
    let set = data::load(STORE)?;
    let tasks = environment::Tasks::write(&set)?;
    // What the first kind of server runs lies together, then what the second runs besides.
    let kinds = [("by words", Some("--lexical"), None), ("by default", None, Some(&tasks))];
    let mut groups: Vec<Sections> = Vec::new();
    for (kind, parts, tasks) in kinds {
        let ran = run(&program, &set, parts, tasks, &home.join("callgrind.out"))?;
        let sections = besides(sections(&lines, &ran), &groups);
        let n_new: usize = sections.values().map(BTreeSet::len).sum();
        println!("{kind}: {} functions ran; {n_new} new patterns of sections", ran.len());
        groups.push(sections);
    }
    // Another linker writes other maps, and other flags of the compiler other names.
    let is_ours = |pattern: &String| pattern.contains("_R") && pattern.contains("sleuth_server");
    if !groups[0].values().flatten().any(is_ours) {
        bail!(
            "no function of ours is in the linker's map under a v0 name: expected the linker of the toolchain \
             and the flags of `.cargo/config.toml`; unset RUSTFLAGS"
        );
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/sleuth-cli/order.ld");
    fs_err::write(path, script(&groups))?;
    Ok(())
}

/// Serves `set`, ranked by `parts` or as by default, and `tasks` over it, to clients of each kind, and says which functions ran.
fn run(
    program: &Path,
    set: &data::Set,
    parts: Option<&str>,
    tasks: Option<&environment::Tasks>,
    counts: &Path,
) -> Result<HashSet<String>> {
    let mut command = Command::new("valgrind");
    command
        .args(["--quiet", "--tool=callgrind", "--demangle=no", "--compress-strings=no"])
        .arg(format!("--callgrind-out-file={}", counts.display()))
        .arg(program);
    let mut command = product::serve(command, set.store.path());
    command.args(parts);
    if let Some(tasks) = tasks {
        command.arg("--tasks").arg(&tasks.file);
    }
    let peer = serve::start("sleuth under valgrind", command)
        .context("`apt-get install valgrind` brings Valgrind where it is missing")?;
    serve::ask(&peer, set, SECONDS)?;
    if let Some(tasks) = tasks {
        environment::ask(&peer, tasks, SECONDS)?;
    }
    peer.end()?;
    Ok(functions(&fs_err::read_to_string(counts)?))
}

/// What of the sections is in none of the groups.
fn besides(mut sections: Sections, groups: &[Sections]) -> Sections {
    for (files, known) in groups.iter().flatten() {
        if let Some(sections) = sections.get_mut(files) {
            sections.retain(|section| !known.contains(section));
        }
    }
    sections.retain(|_, sections| !sections.is_empty());
    sections
}

/// Patterns of sections, by a pattern for the files that hold them.
type Sections = BTreeMap<String, BTreeSet<String>>;

/// The names of functions in what callgrind wrote.
fn functions(counts: &str) -> HashSet<String> {
    let named = counts.lines().filter_map(|line| line.strip_prefix("fn="));
    // Within a recursion, a number follows behind an apostrophe.
    named.map(|name| name.split_once('\'').map_or(name, |(name, _)| name).to_owned()).collect()
}

/// The sections that functions which `ran` are in, from the linker's map.
fn sections(map: &str, ran: &HashSet<String>) -> Sections {
    let mut found = Sections::new();
    let mut section = None;
    for line in map.lines() {
        // Address, address, size, alignment, and `PATH/OBJECT:(SECTION)`; below it, a line for each symbol in it.
        // One function may have several, where instances turned out the same.
        let place = line.trim().strip_suffix(')').and_then(|line| line.split_once(":("));
        if let Some(place) = place {
            section = Some(place);
        } else if let Some((object, name)) = section
            && let Some(symbol) = line.split_whitespace().nth(4)
            && ran.contains(symbol)
            && let Some(name) = name.strip_prefix(".text.")
            && let Some(files) = files(object)
        {
            let prefix = ["unlikely.", "hot."].into_iter().find(|prefix| name.starts_with(prefix));
            let (prefix, function) = name.split_at(prefix.map_or(0, str::len));
            let pattern = format!(".text.{prefix}{}", without_hashes(function));
            found.entry(files).or_default().insert(pattern);
        }
    }
    found
}

/// The pattern for the files of the crate that an object is of, without the hash in their names.
fn files(object: &str) -> Option<String> {
    let name = object.rsplit_once("/deps/").or(object.rsplit_once('/')).map(|(_, name)| name)?;
    if let Some((archive, _)) = name.split_once(".rlib(") {
        let (library, _) = archive.rsplit_once('-')?;
        return Some(format!("*{library}-*.rlib:*"));
    }
    let (program, _) = name.split_once('-')?;
    name.ends_with(".rcgu.o").then(|| format!("*{program}-*.rcgu.o"))
}

/// A v0 name with `*` for what the compiler's version changes: the hash of each crate (`Cs`, eleven digits or so in
/// base 62, `_`), and, since those differ in length, the places that the name refers back to (`B`, a few digits, `_`).
fn without_hashes(name: &str) -> String {
    if !name.starts_with("_R") {
        return name.to_owned();
    }
    let mut out = String::new();
    let mut rest = name;
    while let Some(at) = rest.find(['C', 'B']) {
        let (before, from) = rest.split_at(at + 1);
        out.push_str(before);
        rest = from;
        let digits = from.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(from.len());
        let is_one = match before.ends_with('C') {
            true => from.starts_with('s') && digits > 8,
            false => (1..=3).contains(&digits),
        };
        if is_one && from[digits..].starts_with('_') {
            out.push('*');
            rest = &from[digits..];
        }
    }
    out + rest
}

fn script(groups: &[Sections]) -> String {
    let mut out =
        "/* Made by `cargo xtask order`, which says why: the functions that a server runs. */\n\
                   SECTIONS\n{\n.text.served :\n{\n\
                   *(.text.startup .text.startup.*)\n"
            .to_owned();
    for (files, sections) in groups.iter().flatten() {
        let _ = writeln!(out, "{files}(");
        for section in sections {
            let _ = writeln!(out, "{section}");
        }
        out.push_str(")\n");
    }
    out.push_str("}\n}\nINSERT BEFORE .text;\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_the_hashes_of_one_build() {
        assert_eq!(
            without_hashes("_RNvXs4_NtCslNYArtu3iFV_5alloc6stringNtB5_6String5clone"),
            "_RNvXs4_NtC*_5alloc6stringNtB*_6String5clone"
        );
        for name in ["mi_malloc", "_RNvNtCs_3std2rt", "_ZN5llamaEv", "BIG_Cslow_B", "_RNvB_3CsB"] {
            assert_eq!(without_hashes(name), name);
        }
    }

    #[test]
    fn sections_of_functions_that_ran_are_found_in_the_map() {
        let counts = "events: Ir\nfn=_RNvCs0123456789a_1a1b'2\n1 5\nfn=mi_free\ncfn=other\n";
        let ran = functions(counts);
        assert_eq!(ran.len(), 2);
        let map = "\
            VMA LMA Size Align Out In Symbol\n\
            10 10 5 16         /t/release/deps/sleuth-00ff.sleuth.77-cgu.0.rcgu.o:(.text.unlikely._RNvCs0123456789a_1c1d)\n\
            10 10 0 1                 _RNvCs0123456789a_1c1d\n\
            10 10 5 1                 _RNvCs0123456789a_1a1b\n\
            20 20 5 16         /t/release/deps/liblibmimalloc_sys-00ff.rlib(static.o):(.text.mi_free)\n\
            20 20 5 1                 mi_free\n\
            30 30 5 16         /t/release/deps/liblibmimalloc_sys-00ff.rlib(static.o):(.text.mi_new)\n\
            30 30 5 1                 mi_new\n\
            40 40 5 16         /usr/lib/crt1.o:(.text)\n\
            40 40 5 1                 mi_free\n";
        let found = sections(map, &ran);
        let expected = "*(.text.startup .text.startup.*)\n\
                        *liblibmimalloc_sys-*.rlib:*(\n.text.mi_free\n)\n\
                        *sleuth-*.rcgu.o(\n.text.unlikely._RNvC*_1c1d\n)\n}";
        let made = script(std::slice::from_ref(&found));
        assert!(made.contains(expected), "{made}");
        // What a group before has is not there twice, nor is an empty list, which GNU's linker refuses.
        assert!(besides(found.clone(), &[found]).is_empty());
    }
}
