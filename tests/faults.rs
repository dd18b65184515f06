//! Storage and clocks that lie under a real server.

mod customers;
mod disk;
mod shim;
mod storage;

pub(crate) use self::{customers::Customers, disk::Before, shim::Shim};
