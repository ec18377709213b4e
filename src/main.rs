//! The binary: everything is in the library, but the allocator, which is the program's to choose.

use mimalloc::MiMalloc;

/// Checks beside a view of millions of entries ask for small pieces all the time: see docs/PERFORMANCE.md.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> std::process::ExitCode {
    rolegate::cli::main()
}
