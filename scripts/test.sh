#!/bin/bash
# Checks and tests everything. Needs no model, no GPU and no terminal; tests that need a model run
# where it is installed (see `sleuth model get`) and are listed as skipped where it is not.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/need.sh
need_build_tools
need_rust_component fmt
need_rust_component clippy

step() {
    echo "+ $*"
    "$@"
}

step cargo fmt --all --check
step cargo clippy --workspace --all-targets --quiet -- -D warnings
step cargo xtask tidy

log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "+ cargo test --workspace --no-fail-fast"
status=0
cargo test --workspace --no-fail-fast -- --show-output 2>&1 | tee "$log" || status=$?

echo
grep -h '^skipped: ' "$log" | sort | uniq -c || true
awk '/^test result:/ { passed += $4; failed += $6; ignored += $8; suites += 1 }
     END { printf "tests: %d passed, %d failed, %d ignored, in %d suites\n", passed, failed, ignored, suites }' "$log"
exit "$status"
