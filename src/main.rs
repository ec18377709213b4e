//! The binary: everything is in the library, but the allocator, which is the program's to choose.

use tikv_jemallocator::Jemalloc;

/// It hands out what was freed last, which is still in the caches: checks ask for small pieces all the time (docs/adr/0018-lent-entries.md).
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> std::process::ExitCode {
    rolegate::cli::main()
}
