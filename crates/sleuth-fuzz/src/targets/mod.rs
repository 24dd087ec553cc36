//! The targets, each with seeds in the folder `seeds` and words of its language.

mod documents;
mod pdf;
mod query;
mod sites;

use std::path::PathBuf;

/// A function that panics where something does not hold of what is made of its input.
#[derive(Debug)]
pub struct Target {
    /// Its name; also that of its folder of seeds.
    pub name: &'static str,
    /// What it is about, for people.
    pub about: &'static str,
    /// The function.
    pub run: fn(&[u8]),
    /// Words that mean something in the language of its inputs.
    pub words: &'static [&'static str],
    /// Longest input, in bytes.
    pub longest: usize,
    /// Inputs that the tests try in a debug build: as many as take about a second.
    pub brief: u64,
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target {
        name: "query",
        about: "what a person types into a search, and the search for it",
        run: query::run,
        words: query::WORDS,
        longest: 2_000,
        brief: 250,
    },
    Target {
        name: "html",
        about: "HTML to text",
        run: documents::html,
        words: documents::OF_HTML,
        longest: 20_000,
        brief: 250,
    },
    Target {
        name: "jsonl",
        about: "records of JSON Lines",
        run: documents::jsonl,
        words: documents::OF_JSONL,
        longest: 10_000,
        brief: 500,
    },
    Target {
        name: "docx",
        about: "DOCX: the archive, or the text in it where the first byte is not `P`",
        run: documents::docx,
        words: documents::OF_XML,
        longest: 20_000,
        brief: 300,
    },
    Target {
        name: "epub",
        about: "EPUB: the archive, or a chapter and the list of them where the first byte is not `P`",
        run: documents::epub,
        words: documents::OF_XML,
        longest: 20_000,
        brief: 300,
    },
    Target {
        name: "pdf",
        about: "PDF to text, in this process",
        run: pdf::parse,
        words: pdf::WORDS,
        longest: 20_000,
        brief: 250,
    },
    Target {
        name: "pdf-talk",
        about: "what a process that reads PDFs may answer",
        run: pdf::talk,
        words: pdf::OF_TALK,
        longest: 4_000,
        brief: 60,
    },
    Target {
        name: "sites",
        about: "lists of sites: Goggles where the first byte is `!`, else told from the lines",
        run: sites::run,
        words: sites::WORDS,
        longest: 4_000,
        brief: 400,
    },
];

/// The target of that name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

impl Target {
    /// Its folder of seeds.
    pub fn folder(&self) -> PathBuf {
        [env!("CARGO_MANIFEST_DIR"), "seeds", self.name].iter().collect()
    }

    /// The inputs of its folder, in the order of their names.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn seeds(&self) -> std::io::Result<Vec<Vec<u8>>> {
        let entries: std::io::Result<Vec<_>> = fs_err::read_dir(self.folder())?.collect();
        let mut paths: Vec<PathBuf> = entries?.into_iter().map(|entry| entry.path()).collect();
        paths.sort();
        paths.into_iter().map(fs_err::read).collect()
    }
}
