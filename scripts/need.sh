# Sourced by the other scripts: makes sure that the tools of a native build are there.
#
# What is missing is installed with apt-get where that is possible without asking anything;
# otherwise the script says exactly what is missing, and ends.

say() { printf '%s\n' "$*" >&2; }

# Where bindgen, which the inference engine is built with, can find libclang.
has_libclang() {
    [ -n "${LIBCLANG_PATH:-}" ] && return 0
    # `libclang-cpp` is another library, which bindgen cannot use.
    ldconfig -p 2>/dev/null | grep -q 'libclang\(-[0-9.]*\)\{0,1\}\.so' && return 0
    for file in /usr/lib/llvm-*/lib/libclang*.so* /usr/lib*/libclang*.so* /usr/local/lib/libclang*.so*; do
        case $file in *libclang-cpp*) continue ;; esac
        [ -e "$file" ] && return 0
    done
    return 1
}

# On Linux the program holds the C++ library within it. Debian has it in one package with the compiler, others
# do not.
has_static_cxx() {
    [ "$(uname -s)" = Linux ] || return 0
    case $("${CC:-cc}" --print-file-name=libstdc++.a 2>/dev/null) in /*) return 0 ;; esac
    return 1
}

need_static_cxx() {
    has_static_cxx && return 0
    say "missing: the C++ library to link statically (libstdc++.a): package libstdc++-static, or g++"
    exit 1
}

need_build_tools() {
    if ! command -v cargo >/dev/null 2>&1; then
        if [ -x "$HOME/.cargo/bin/cargo" ]; then
            PATH="$HOME/.cargo/bin:$PATH"
        else
            say "missing: cargo and rustc 1.92 or newer; install Rust with rustup, then run this again"
            exit 1
        fi
    fi
    packages=
    command -v cmake >/dev/null 2>&1 || packages="$packages cmake"
    command -v make >/dev/null 2>&1 || packages="$packages make"
    command -v c++ >/dev/null 2>&1 || packages="$packages g++"
    has_libclang || packages="$packages libclang-dev"
    if [ -z "$packages" ]; then
        need_static_cxx
        return 0
    fi

    as_root=
    if [ "$(id -u)" != 0 ]; then
        # Without a password, or not at all: a script must not stop to ask for one.
        if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
            as_root="sudo -n"
        else
            say "missing:$packages"
            say "install them with: sudo apt-get install -y$packages"
            exit 1
        fi
    fi
    if ! command -v apt-get >/dev/null 2>&1; then
        say "missing:$packages (these are the names of Debian's packages); install them, then run this again"
        exit 1
    fi
    say "installing:$packages"
    $as_root apt-get update -qq >&2 || true
    # shellcheck disable=SC2086 # both are lists of words
    if ! DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $packages >&2; then
        say "missing:$packages; apt-get could not install them"
        exit 1
    fi
    need_static_cxx
}

need_rust_component() {
    cargo "$1" --version >/dev/null 2>&1 && return 0
    component=$1
    [ "$component" = fmt ] && component=rustfmt
    if command -v rustup >/dev/null 2>&1 && rustup component add "$component" >&2; then
        return 0
    fi
    say "missing: the Rust component $component; add it with: rustup component add $component"
    exit 1
}
