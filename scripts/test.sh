#!/bin/bash
# Checks and tests everything. Needs no model, no GPU and no terminal; tests that need a model run
# where it is installed (see `sleuth model get`) and are listed as skipped where it is not.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/need.sh
need_build_tools
need_rust_component fmt
need_rust_component clippy

# A check that fails does not keep the others from being made.
failed=
step() {
    echo "+ $*"
    "$@" || failed="$failed
failed: $*"
}

step cargo fmt --all --check
step cargo clippy --workspace --all-targets --quiet -- -D warnings
step cargo xtask tidy

log=$(mktemp)
trap 'rm -f "$log"' EXIT
tests() { cargo test --workspace --no-fail-fast -- --show-output 2>&1 | tee "$log"; }
echo "+ cargo test --workspace --no-fail-fast"
tests || failed="$failed
failed: cargo test"

echo
grep -h '^skipped: ' "$log" | sort | uniq -c || true
awk '/^test result:/ { passed += $4; failed += $6; ignored += $8; suites += 1 }
     END { printf "tests: %d passed, %d failed, %d ignored, in %d suites\n", passed, failed, ignored, suites }' "$log"
if [ -n "$failed" ]; then
    echo "${failed#?}"
    exit 1
fi
