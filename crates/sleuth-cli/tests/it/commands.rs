//! The commands beside `ask`.

use std::path::PathBuf;

use expect_test::expect;
use regex::Regex;

use crate::place::{ASK, Place, WHEN, code, run_folders, stderr};

#[test]
fn a_store_is_built_described_and_checked() {
    let place = Place::with_docs();
    place.check(
        &["index", "build", "docs", "--into", "store"],
        &expect![[r#"
            exit 0
            --- stdout
            store store · 3 documents · snapshot [SNAPSHOT]
            --- stderr
            3 documents: 3 files read ([TIME])
            joined by 2 mentions and 1 name ([TIME])
        "#]],
    );
    let info = place.json(&["index", "info", "store", "--json"]);
    assert_eq!((info["n_documents"].as_u64(), info["name"].as_str()), (Some(3), Some("store")));
    place.check(
        &["index", "verify", "store"],
        &expect![[r#"
        exit 0
        --- stdout
        store store is sound
    "#]],
    );
    place.check(
        &["index", "info", "docs"],
        &expect![[r#"
            exit 6
            --- stderr
            error: `docs` is not a store: expected a folder with a store's `store.toml`, found other files
            hint: if it holds documents, make a store of them with `sleuth index build docs --into STORE`, or ask over them with `sleuth ask QUESTION --over docs`
        "#]],
    );
    place.check(
        &["index", "info", "nowhere"],
        &expect![[r#"
        exit 6
        --- stderr
        error: no store at `nowhere`
        hint: build one with `sleuth index build FOLDER --into nowhere`
    "#]],
    );
    place.check(
        &["index", "build", "docs", "--into", "docs"],
        &expect![[r#"
            exit 6
            --- stderr
            error: no store can be made in `docs`: expected a store or an empty folder, found other files
            hint: name a new folder, or an empty one
        "#]],
    );
}

#[test]
fn damage_is_found() {
    let place = Place::with_store();
    let files = fs_err::read_dir(place.path("store/lexical")).unwrap();
    let store = files
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|e| e == "store"));
    let store: PathBuf = store.unwrap();
    let mut bytes = fs_err::read(&store).unwrap();
    bytes[10] ^= 0xff;
    fs_err::write(&store, bytes).unwrap();
    let output = place.run(&["index", "verify", "store"]);
    assert_eq!(code(&output), 7, "{}", place.show(&output));
    assert!(stderr(&output).starts_with("error: 1 problem in store `store`\n"));
}

#[test]
fn searches() {
    let place = Place::with_store();
    place.check(
        &["search", "engineer born", "--in", "store", "-k", "2"],
        &expect![[r#"
            exit 0
            --- stdout
             1. Ada Quill people/ada-quill.md:1 · 1.01
                # Ada Quill Ada Quill was an engineer. She was born in Larkhaven in 1870.
             2. larkhaven larkhaven.txt:1 · 0.31
                Larkhaven is a harbour town. Its patron is Saint Osk.
        "#]],
    );
    place.check(
        &["search", "xylophone", "--in", "store"],
        &expect![[r#"
        exit 3
        --- stdout
        no hits
    "#]],
    );
    let object = place.json(&["search", "engineer", "--in", "store", "--json"]);
    assert_eq!(object["hits"][0]["document"], "people/ada-quill.md");
    let snippet = &object["hits"][0]["snippet"];
    let text = snippet["text"].as_str().unwrap();
    let (start, end) = (snippet["marks"][0][0].as_u64(), snippet["marks"][0][1].as_u64());
    let from = snippet["range"][0].as_u64().unwrap();
    let mark = (start.unwrap() - from) as usize..(end.unwrap() - from) as usize;
    assert_eq!(&text[mark], "engineer");
    for (query, expected) in [
        ("engineer \"born in larkhaven\"", Some("people/ada-quill.md")),
        ("id:people/", Some("people/ada-quill.md")),
        ("larkhaven -title:quill", Some("larkhaven.txt")),
        ("harbour lang:de", None),
        ("harbour site:example.org", None),
    ] {
        let object = place.json(&["search", query, "--in", "store", "--json"]);
        assert_eq!(object["hits"][0]["document"].as_str(), expected, "{query}");
    }
    place.write(
        "queries.jsonl",
        "{\"_id\": \"q1\", \"text\": \"lighthouse\"}\n{\"_id\": \"q2\", \"text\": \"harbour\"}\n",
    );
    place.check(
        &["search", "--in", "store", "--queries", "queries.jsonl", "--run", "-"],
        &expect![[r#"
            exit 0
            --- stdout
            q1 Q0 marrow-point.md 1 1.0303038 sleuth
            q1 Q0 people/ada-quill.md 2 0.32237872 sleuth
            q1 Q0 larkhaven.txt 3 0.098834895 sleuth
            q2 Q0 larkhaven.txt 1 1 sleuth
            --- stderr
            searching 2 queries
        "#]],
    );
    place.check(
        &["search", "--in", "store"],
        &expect![[r#"
            exit 2
            --- stderr
            error: the following required arguments were not provided:
              <QUERY|--queries <FILE>>

            Usage: sleuth search --in <STORE> <QUERY|--queries <FILE>>

            For more information, try '--help'.
        "#]],
    );
}

#[test]
fn runs_are_shown_and_replayed() {
    let place = Place::with_docs();
    place.check(
        &["trace", "show"],
        &expect![[r#"
        exit 6
        --- stderr
        error: no run `last` in `[DIR]/.local/state/sleuth/runs`
        hint: the id stands in the last line of each answer; `last` is the newest run
    "#]],
    );
    assert_eq!(code(&place.run(&ASK)), 0);
    assert_eq!(code(&place.run(&["ask", "Where was Ada Quill born?", "--over", "docs"])), 0);
    let runs = run_folders(&place.path(".local/state/sleuth"));
    let id = runs[0].file_name().unwrap().to_str().unwrap();
    let output = place.run(&["trace", "show", id]);
    let by_path = place.run(&["trace", "show", runs[0].to_str().unwrap()]);
    assert_eq!(output.stdout, by_path.stdout);
    assert_eq!(code(&output), 0, "{}", place.show(&output));
    let replayed = place.json(&["trace", "replay", id, "--json"]);
    assert_eq!(replayed["status"], "same", "{replayed}");
    assert_eq!(code(&place.run(&["trace", "show", "2"])), 2);
    place.check(
        &["trace", "replay", "nonesuch"],
        &expect![[r#"
        exit 6
        --- stderr
        error: no run `nonesuch` in `[DIR]/.local/state/sleuth/runs`
        hint: the id stands in the last line of each answer; `last` is the newest run
    "#]],
    );

    // Not even where a log lies in the current folder.
    place.write("log.jsonl", "");
    place.check(
        &["trace", "show", ""],
        &expect![[r#"
        exit 2
        --- stderr
        error: the name of the run is empty
        hint: give its id, the beginning of one, `last`, or a path
    "#]],
    );

    let limits = ["--max-searches", "1", "--max-pages", "1", "--max-turns", "1"];
    place.run(&[["ask", WHEN, "--over", "docs", "--quiet"].as_slice(), &limits].concat());
    let shown = place.run(&["trace", "show"]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("\nlimits     1 search, 1 page, 1 turn\n"), "{shown}");
    assert!(
        !Regex::new(r"\b1 (documents|searches|pages|turns)\b").unwrap().is_match(&shown),
        "{shown}"
    );

    // A log that was tampered with is not what the recording gives.
    let log = runs[0].join("log.jsonl");
    let text = fs_err::read_to_string(&log).unwrap().replace("1911", "1912");
    fs_err::write(&log, text).unwrap();
    let output = place.run(&["trace", "replay", id]);
    assert_eq!(code(&output), 1, "{}", place.show(&output));
}

#[test]
fn models_are_listed() {
    let place = Place::new();
    place.check(
        &["model", "list"],
        &expect![[r#"
            exit 0
            --- stdout
            embed    all-MiniLM-L6-v2                  25.3 MB  Apache-2.0  `sleuth model get embed`
            tiny     SmolLM2-135M-Instruct             98.4 MB  Apache-2.0  `sleuth model get tiny`
            small    Qwen2.5-Coder-1.5B-Instruct       1.12 GB  Apache-2.0  `sleuth model get small`
        "#]],
    );
    place.write(".local/share/sleuth/models/broken.gguf", "GGUF?");
    place.check(&["model", "list"], &expect![[r#"
        exit 0
        --- stdout
        ?        broken                                5 B              cannot be used: `[DIR]/.local/share/sleuth/models/broken.gguf` is truncated: expected at least 8 bytes, found 5
        embed    all-MiniLM-L6-v2                  25.3 MB  Apache-2.0  `sleuth model get embed`
        tiny     SmolLM2-135M-Instruct             98.4 MB  Apache-2.0  `sleuth model get tiny`
        small    Qwen2.5-Coder-1.5B-Instruct       1.12 GB  Apache-2.0  `sleuth model get small`
    "#]]);
    place.check(&["model", "info", "broken"], &expect![[r#"
        exit 5
        --- stderr
        error: model `broken` cannot be used: `[DIR]/.local/share/sleuth/models/broken.gguf` is truncated: expected at least 8 bytes, found 5
        hint: get it again with `sleuth model get`, or take another file
    "#]]);
}

#[test]
fn a_model_cannot_be_put_where_no_folder_can_be() {
    let place = Place::new();
    place.write("file", "");
    place.check(
        &["model", "get", "tiny", "--no-hub", "--models", "file/models"],
        &expect![[r#"
        exit 7
        --- stderr
        error: cannot use the folder of models
        cause: failed to create directory `file/models`: Not a directory (os error 20)
        hint: name another folder with `--models DIR` or the variable SLEUTH_MODELS
    "#]],
    );
}

#[test]
fn an_installed_model_is_described() {
    #[expect(clippy::disallowed_methods, reason = "tests look for models where the person says")]
    let (given, home) = (std::env::var_os("SLEUTH_TEST_MODELS"), std::env::var_os("HOME"));
    let folder = given
        .map(PathBuf::from)
        .or_else(|| home.map(|home| PathBuf::from(home).join(".local/share/sleuth/models")));
    let folder = folder.unwrap_or_default();
    let file = "smollm2-135m-instruct-q4_1.gguf";
    if !folder.join(file).is_file() {
        println!("skipped: no model at `{}`", folder.join(file).display());
        return;
    }
    let place = Place::new();
    fs_err::create_dir(place.path("models")).unwrap();
    std::os::unix::fs::symlink(folder.join(file), place.path("models").join(file)).unwrap();
    place.check(
        &["model", "info", "tiny", "--no-measure", "--models", "models"],
        &expect![[r#"
        exit 0
        --- stdout
        name         SmolLM2-135M-Instruct
        tier         tiny
        path         models/smollm2-135m-instruct-q4_1.gguf
        licence      Apache-2.0
        architecture llama
        size         98.4 MB
        parameters   135 million
        context      8192 tokens
    "#]],
    );
}

#[test]
fn the_doctor_without_models() {
    let place = Place::with_docs();
    place.check(&["doctor"], &expect![[r#"
        exit 0
        --- stdout
        ok       cache folder   [DIR]/.cache/sleuth, [SPACE] free
        ok       state folder   [DIR]/.local/state/sleuth, [SPACE] free
        ok       ask            a store was built and a question answered without a model in [TIME]
        warning  embeddings     no embedding model is installed; search goes by words, not by meaning
                                → get it with `sleuth model get embed` (25 MB)
        warning  models         none is installed; questions are answered by the policy `trail`, which needs none
                                → get one with `sleuth model get small` (1.1 GB)

        questions can be asked
    "#]]);
    place.write("file", "");
    let object = place.json(&["doctor", "--json", "--cache", "file/cache"]);
    assert_eq!(object["works"], false);
    assert_eq!(code(&place.run(&["doctor", "--cache", "file/cache"])), 7);
    assert!(!place.path(".cache/sleuth/doctor").exists());
}

#[test]
fn the_doctor_with_a_broken_model_and_a_silent_server() {
    let place = Place::new();
    place.write(".local/share/sleuth/models/broken.gguf", "GGUF?");
    let server = crate::servers::serve(vec![crate::servers::http("503 Service Unavailable", "{}")]);
    place.check(&["doctor", "--quiet", "--model", &server], &expect![[r#"
        exit 0
        --- stdout
        ok       cache folder   [DIR]/.cache/sleuth, [SPACE] free
        ok       state folder   [DIR]/.local/state/sleuth, [SPACE] free
        ok       ask            a store was built and a question answered without a model in [TIME]
        failed   models         broken: `[DIR]/.local/share/sleuth/models/broken.gguf` is truncated: expected at least 8 bytes, found 5
                                → remove `[DIR]/.local/share/sleuth/models/broken.gguf` and get it again
        warning  embeddings     no embedding model is installed; search goes by words, not by meaning
                                → get it with `sleuth model get embed` (25 MB)
        warning  models         none is installed; questions are answered by the policy `trail`, which needs none
                                → get one with `sleuth model get small` (1.1 GB)
        failed   model acts     model `test-model` is unavailable: the server answered 503 Service Unavailable: {} (tried 3 times)
                                → check address, model name, key and server; `--policy trail` needs no model

        questions can be asked
    "#]]);
}

#[test]
fn help_names_every_command_and_exit_code() {
    let place = Place::new();
    place.check(&["--help"], &expect![[r#"
        exit 0
        --- stdout
        Asks questions of documents; every claim carries a quote checked against its page

        Usage: sleuth [OPTIONS] <COMMAND>

        Commands:
          ask     Answer a question from documents, with checked quotes
          index   Build, update, describe and check stores
          search  Search a store
          eval    Measure rankings, answers and training runs
          serve   Serve stores to programs: retrieval for trainers, MCP
          trace   Show and replay runs
          tasks   Import, make, check and attempt tasks: questions with a verifier
          model   List, get and measure models
          doctor  Say what is installed, what works, and what to do about what does not
          help    Print this message or the help of the given subcommand(s)

        Options:
          -q, --quiet    Say nothing on standard error but errors
          -h, --help     Print help
          -V, --version  Print version

        Folders:
              --cache <DIR>   Folder of cached stores [default: $SLEUTH_CACHE, else sleuth in the user's
                              cache folder]
              --state <DIR>   Folder of run logs [default: $SLEUTH_STATE, else sleuth in the user's state
                              folder]
              --models <DIR>  Folder of models [default: $SLEUTH_MODELS, else sleuth/models in the user's
                              data folder]

        Exit codes: 0 answered, 1 fault of the program, 2 usage, 3 not found, 4 ended early with a partial
        answer, 5 a back end is unavailable, 6 the input cannot be used, 7 storage, 130 second interrupt.
    "#]]);
    place.check(&["ask", "--help"], &expect![[r#"
        exit 0
        --- stdout
        Answer a question from documents, with checked quotes

        Usage: sleuth ask [OPTIONS] --over <PATH>... <QUESTION>

        Arguments:
          <QUESTION>
                  The question; `-` reads it from standard input

        Options:
              --over <PATH>...
                  Folders or files of documents, or one store; several folders give ids that start with the
                  folder's name

              --sites <FILE>
                  List of sites to boost, demote or block, in the format of uBlacklist or Goggles; several
                  decide together

              --policy <POLICY>
                  How to hunt [default: chat with --model or where a small or larger model is installed,
                  else trail]

                  Possible values:
                  - trail: Follow titles, links and names; needs no model
                  - chat:  Let a language model search

              --model <MODEL>
                  Model for chat: tiny, small, the name of an installed model, a GGUF file, or the address
                  of an OpenAI-compatible server as URL or URL#MODEL

          -q, --quiet
                  Say nothing on standard error but errors

              --effort <EFFORT>
                  How much to spend: searches, pages and turns are limited to 4/4/6, 16/16/24, 64/64/96

                  Possible values:
                  - quick:  A fact that one page states
                  - normal: The default
                  - deep:   Dozens of pages
                  - heavy:  Like deep; a model hunts four times within it, and the answer with the best
                    evidence is taken

                  [default: normal]

              --seed <N>
                  Seed of all randomness

                  [default: 0]

              --prices <FILE>
                  Price table of remote models, JSON as LiteLLM publishes it [default: $SLEUTH_PRICES]

              --json
                  Print one JSON object

              --jsonl
                  Print the events of the run as they come, one JSON object a line

          -h, --help
                  Print help (see a summary with '-h')

        Limits:
              --max-searches <N>
                  Most searches

              --max-pages <N>
                  Most documents opened

              --max-turns <N>
                  Most turns

              --max-tokens <N>
                  Most tokens of all model calls

              --max-seconds <S>
                  Most seconds of the hunt, which begins when the documents are read

              --max-dollars <USD>
                  Most US dollars for a remote model

        Folders:
              --cache <DIR>
                  Folder of cached stores [default: $SLEUTH_CACHE, else sleuth in the user's cache folder]

              --state <DIR>
                  Folder of run logs [default: $SLEUTH_STATE, else sleuth in the user's state folder]

              --models <DIR>
                  Folder of models [default: $SLEUTH_MODELS, else sleuth/models in the user's data folder]
    "#]]);
}
