//! `ListProjects` and `ListUsers`: at scale, while others write, and what their pages are bound to.

pub mod costs;
mod crowd;
mod scale;
mod tokens;
mod writing;
