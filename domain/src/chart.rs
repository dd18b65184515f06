//! The chart of accounts: every account that a posting may name, in one table.

use serde::{Deserialize, Serialize};

/// What kind of account it is; which side it grows on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Grows by debits.
    Asset,
    /// Grows by credits.
    Liability,
    /// Grows by credits.
    Income,
    /// Grows by debits.
    Expense,
    /// Counts units of credit, not money; its accounts balance among themselves.
    Memo,
}

/// An account of the general ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Chart {
    /// Money that a provider holds for us, by connection.
    ProviderClearing,
    /// What providers kept, by connection.
    ProviderFees,
    /// Money that nobody may use before an operator decided, by connection.
    Suspense,
    /// Money for promises that are still to be kept, by payment's service or account.
    Unapplied,
    /// Money for promises that are kept bit by bit.
    DeferredRevenue,
    /// Money earned.
    Revenue,
    /// Money for credit that lapsed.
    Breakage,
    /// Units of credit given out, by source.
    CreditIssued,
    /// Units of credit that can be used, by account.
    Credit,
    /// Units of credit used.
    CreditUsed,
    /// Units of credit that lapsed.
    CreditLapsed,
    /// Money that went back to whoever had paid, less what was still deferred.
    Refunds,
    /// Units of credit that were used and nobody had yet, by account.
    CreditOwed,
    /// Units of credit taken back.
    CreditClawedBack,
    /// Units of credit on their way from one account to another.
    CreditInTransit,
    /// Units of credit that use was worth to the three who share, by their account.
    CreditShared,
}

impl Chart {
    /// Every account with its number, its name and its class.
    pub const TABLE: [(Self, u16, &'static str, Class); 16] = [
        (Self::ProviderClearing, 1100, "provider_clearing", Class::Asset),
        (Self::Suspense, 2100, "suspense", Class::Liability),
        (Self::Unapplied, 2200, "unapplied", Class::Liability),
        (Self::DeferredRevenue, 2300, "deferred_revenue", Class::Liability),
        (Self::Revenue, 4100, "revenue", Class::Income),
        (Self::Breakage, 4200, "breakage", Class::Income),
        (Self::Refunds, 4900, "refunds", Class::Income),
        (Self::ProviderFees, 5100, "provider_fees", Class::Expense),
        (Self::CreditIssued, 9100, "credit_issued", Class::Memo),
        (Self::Credit, 9200, "credit", Class::Memo),
        (Self::CreditOwed, 9250, "credit_owed", Class::Memo),
        (Self::CreditInTransit, 9260, "credit_in_transit", Class::Memo),
        (Self::CreditUsed, 9300, "credit_used", Class::Memo),
        (Self::CreditLapsed, 9400, "credit_lapsed", Class::Memo),
        (Self::CreditClawedBack, 9500, "credit_clawed_back", Class::Memo),
        (Self::CreditShared, 9600, "credit_shared", Class::Memo),
    ];

    /// Its name in journals.
    pub fn as_str(self) -> &'static str {
        self.row().2
    }

    /// Its number.
    pub fn number(self) -> u16 {
        self.row().1
    }

    /// Its class.
    pub fn class(self) -> Class {
        self.row().3
    }

    fn row(self) -> (Self, u16, &'static str, Class) {
        let own = Self::TABLE.into_iter().find(|(account, ..)| *account == self);
        own.unwrap_or((self, 0, "", Class::Memo))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_account_has_a_row_and_a_number_of_its_own() {
        let numbers: std::collections::BTreeSet<_> = Chart::TABLE.iter().map(|row| row.1).collect();
        assert_eq!(numbers.len(), Chart::TABLE.len());
        for (account, number, name, class) in Chart::TABLE {
            assert_eq!(
                (account.number(), account.as_str(), account.class()),
                (number, name, class)
            );
        }
    }
}
