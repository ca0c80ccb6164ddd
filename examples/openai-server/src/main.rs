//! See the library of the same name.

use std::process::ExitCode;

/// A request of the guard takes about a hundred small pieces of memory: with the system's allocator each costs more.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    openai_server::main()
}
