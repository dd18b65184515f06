//! A list's page: what a list takes, and how it goes on.

use clap::Args;

/// Which page of a list.
#[derive(Debug, Clone, Args)]
pub(super) struct Paging {
    /// Behind this page; the `next` of an earlier answer.
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    /// At most so many, 1 to 1000.
    #[arg(long, default_value_t = 100)]
    limit: u32,
}

impl Paging {
    /// As a route takes it, behind what is asked for.
    pub(super) fn behind(
        self,
        filters: impl IntoIterator<Item = (&'static str, Option<String>)>,
    ) -> Vec<(&'static str, Option<String>)> {
        let page = [("after", self.after), ("limit", Some(self.limit.to_string()))];
        filters.into_iter().chain(page).collect()
    }
}
