//! piperoll as a library: everything that the binary starts.

pub mod roll;
