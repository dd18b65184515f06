//! Storage and clocks that lie under a real server.

mod customers;
mod derived;
mod disk;
mod keys;
mod shim;
mod storage;
mod words;

pub(crate) use self::{
    customers::Customers,
    disk::{Before, end_whole},
    shim::{Shim, full_disk},
};
