//! What a caller without a good credential is told in `WWW-Authenticate`.
//!
//! There are three texts of the protocol and clients that read only one of them. Two lines serve
//! all: the old scheme first, then the new one with the parameters of every text.

use std::fmt;

use super::token::Token;

/// For a 401: names the scheme and sells nothing, so that forgeries cost us no invoices.
pub const BARE: &str = "L402";

/// Longer than any invoice that a wallet takes.
const INVOICE_BYTES_MAX: usize = 7_089;

/// Text that cannot stand between the quotes of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an invoice is 1 to {INVOICE_BYTES_MAX} letters and digits")]
pub struct NotAnInvoice;

/// A token for sale and the invoice that it costs.
#[derive(Clone, PartialEq, Eq)]
pub struct Challenge {
    token: String,
    invoice: String,
}

impl Challenge {
    /// Puts both together; the provider's invoice must be nothing but letters and digits.
    pub fn try_new(token: &Token, invoice: &str) -> Result<Self, NotAnInvoice> {
        let bounded = (1..=INVOICE_BYTES_MAX).contains(&invoice.len());
        if !bounded || !invoice.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(NotAnInvoice);
        }
        Ok(Self { token: token.to_base64(), invoice: invoice.to_owned() })
    }

    /// The lines of a 402, in the order in which they must be sent.
    pub fn lines(&self) -> [String; 2] {
        [self.lsat(), self.l402()]
    }

    /// The line that clients of the old name read.
    pub fn lsat(&self) -> String {
        let Self { token, invoice } = self;
        format!(r#"LSAT macaroon="{token}", invoice="{invoice}""#)
    }

    /// The line that all others read: `macaroon` and `invoice` come first because some clients
    /// look nowhere else.
    pub fn l402(&self) -> String {
        let Self { token, invoice } = self;
        format!(r#"L402 macaroon="{token}", invoice="{invoice}", version="0", token="{token}""#)
    }
}

impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Challenge").field("invoice", &self.invoice).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::l402::token::tests::sold;

    #[test]
    fn a_challenge_is_two_lines_for_all_clients() {
        let token = sold().to_base64();
        let [first, second] = Challenge::try_new(&sold(), "lnbc50n1xyz").unwrap().lines();
        assert_eq!(first, format!("LSAT macaroon=\"{token}\", invoice=\"lnbc50n1xyz\""));
        assert_eq!(
            second,
            format!(
                "L402 macaroon=\"{token}\", invoice=\"lnbc50n1xyz\", version=\"0\", \
                 token=\"{token}\""
            )
        );
        assert_eq!(BARE, "L402");
    }

    #[test]
    fn an_invoice_cannot_break_out_of_the_header() {
        for invoice in ["", "ln bc", "lnbc\"", "lnbc\r\nX: y", "lnbcü", &"l".repeat(7_090)] {
            assert_eq!(Challenge::try_new(&sold(), invoice), Err(NotAnInvoice), "{invoice}");
        }
    }
}
