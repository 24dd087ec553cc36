#!/bin/sh
# Builds sleuth and asks a question over the documentation that comes with Rust.
#
#   ./scripts/try.sh                        the question below, over the Rust book and reference
#   ./scripts/try.sh "QUESTION"             your question, over the same
#   ./scripts/try.sh "QUESTION" PATH...     your question, over your documents
set -eu
cd "$(dirname "$0")/.."
. scripts/need.sh
need_build_tools

say "+ cargo build --release -p sleuth-cli"
cargo build --release -p sleuth-cli

html="$(rustc --print sysroot)/share/doc/rust/html"
if [ -d "$html/book" ] && [ -d "$html/reference" ]; then
    question="What does RAII stand for?"
    books="$html/book $html/reference"
else
    say "the Rust documentation is not installed; asking over this project's own documents"
    question="What is a trajectory?"
    books="README.md ARCHITECTURE.md STYLE.md LOG.md"
fi
[ $# -gt 0 ] && { question=$1; shift; }
if [ $# -eq 0 ]; then
    # Rust installs into folders without white space unless it is told otherwise.
    # shellcheck disable=SC2086
    set -- $books
fi
say "+ sleuth ask \"$question\" --policy trail --over $*"
exec cargo run --release --quiet -p sleuth-cli --bin sleuth -- \
    ask "$question" --policy trail --over "$@"
