//! x
pub mod block; pub mod chain; pub mod record; mod wire; 
#[cfg(test)] pub(crate) mod samples;
