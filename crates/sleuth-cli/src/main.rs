//! The `sleuth` binary; everything is in the library.

fn main() -> std::process::ExitCode {
    sleuth_cli::main()
}
