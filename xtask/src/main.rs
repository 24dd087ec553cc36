//! `cargo xtask COMMAND`: checks and measurements of this repository.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool")]

mod boost;
mod chat;
mod data;
mod embed;
mod environment;
mod fuzz;
mod ingest;
mod linear;
mod order;
mod pages;
mod pdf;
mod product;
mod retrieval;
mod rollouts;
mod serve;
mod sites;
mod tasks;
mod tidy;
mod trail;
mod tune;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["bench", "trail", options @ ..] => trail::bench(options),
        ["bench", "elsewhere", options @ ..] => trail::elsewhere(options),
        ["bench", "ingest", options @ ..] => ingest::bench(options),
        ["bench", "retrieval", options @ ..] => retrieval::bench(options),
        ["bench", "embed", options @ ..] => embed::bench(options),
        ["bench", "chat", options @ ..] => chat::bench(options),
        ["make-embedder", options @ ..] => embed::make(options),
        ["bench", "pdf", options @ ..] => pdf::bench(options),
        // How this program, like `sleuth`, starts itself to read PDFs.
        [sleuth_cli::ingest::READ_PDF] => Ok(sleuth_cli::ingest::read_pdf()?),
        ["bench", "pages", options @ ..] => pages::bench(options),
        ["bench", "serve", options @ ..] => serve::bench(options),
        ["bench", "environment", options @ ..] => environment::bench(options),
        ["bench", "rollouts", options @ ..] => rollouts::bench(options),
        ["bench", "sites", options @ ..] => sites::bench(options),
        ["bench", "tasks", options @ ..] => tasks::bench(options),
        ["fuzz", options @ ..] => fuzz::fuzz(options),
        ["order"] => order::make(),
        ["tidy"] => tidy::tidy(),
        ["tune", "trail"] => tune::trail(),
        ["tune", "pages"] => pages::tune(),
        _ => {
            eprintln!(
                "usage: cargo xtask tidy\n       \
                 cargo xtask order\n       \
                 cargo xtask bench trail [--tuning] [STORE...]\n       \
                 cargo xtask bench elsewhere [--tuning]\n       \
                 cargo xtask bench retrieval [--no-peers] [--tuning | --held-out] [--untitled] [--models=FOLDER] [STORE...]\n       \
                 cargo xtask bench chat MODEL.gguf [STORE [COUNT [CONTEXT [LEAD]]]]\n       \
                 cargo xtask bench embed [--vectors] MODEL.gguf... [--on STORE...]\n       \
                 cargo xtask make-embedder static MODEL.gguf LENGTH OUT.gguf\n       \
                 cargo xtask make-embedder minilm WEIGHTS VOCABULARY OUT.gguf\n       \
                 cargo xtask bench ingest [--whole | FOLDER...]\n       \
                 cargo xtask bench pdf [FOLDER...]\n       \
                 cargo xtask bench pages [--ours]\n       \
                 cargo xtask bench serve [--no-peers] [--seconds=N] [STORE...]\n       \
                 cargo xtask bench environment [--no-peers] [--in-process] [--seconds=N] [STORE...]\n       \
                 cargo xtask bench rollouts [STORE [COUNT]]\n       \
                 cargo xtask bench sites\n       \
                 cargo xtask bench tasks [CANDIDATES]\n       \
                 cargo xtask fuzz [TARGET... | all] [--seconds N] [--seed N] [--corpus FOLDER]\n       \
                 cargo xtask fuzz TARGET --input FILE\n       \
                 cargo xtask tune trail\n       \
                 cargo xtask tune pages"
            );
            std::process::exit(2)
        }
    }
}
