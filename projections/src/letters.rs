//! Dead letters: what was refused, how often it was tried, and who has to look.

use piperoll_domain::{
    event::Envelope,
    letter::{Event, Failure, How, Opened},
};

use crate::{
    change::{Change, change},
    schema::{BY_KEY, Schema, Type, integer, text},
};

/// Dead letters. Times that no longer matter stay: the status says which do.
pub const LETTERS: &Schema = &Schema {
    name: "dead_letters",
    index: 19,
    key: &[("tenant", Type::Text), ("letter", Type::Text)],
    columns: &[
        text("operation_type"),
        text("duty"),
        text("stream"),
        text("item"),
        integer("opener"),
        text("status"),
        text("error_code"),
        text("error_message"),
        integer("retry_count"),
        integer("max_retries"),
        integer("next_retry_at"),
        integer("lease_until"),
        text("ended"),
        text("reason"),
        integer("created_at"),
        integer("updated_at"),
        integer("position"),
    ],
    layout: BY_KEY,
    indexes: &[
        ("dead_letters_by_status", "(status, created_at, letter)"),
        ("dead_letters_by_name", "(letter)"),
    ],
};

pub(crate) fn changes(at: &Envelope, event: &Event, into: &mut Vec<Change>) {
    let row = change!(LETTERS [&at.tenant, at.stream.id.to_string()] {
        set updated_at: at.recorded_at,
        set position: at.position,
    });
    into.push(match event {
        Event::Opened(said) => opened(row, at, said),
        Event::Taken(said) => change!(LETTERS row {
            set status: "processing",
            set lease_until: said.lease_until,
        }),
        Event::Refused(said) => {
            let row = refused(row, &said.failure, said.retry_count);
            change!(LETTERS row { set status: "pending", set next_retry_at: said.next_retry_at })
        }
        Event::Returned(said) => change!(LETTERS row {
            set status: "pending",
            set next_retry_at: said.next_retry_at,
        }),
        Event::Escalated(said) => {
            let row = refused(row, &said.failure, said.retry_count);
            change!(LETTERS row { set status: "manual_review" })
        }
        Event::Requeued(said) => change!(LETTERS row {
            set status: "pending",
            set retry_count: 0_u32,
            set next_retry_at: said.next_retry_at,
            set reason: &said.reason,
        }),
        Event::Completed(said) => {
            let row = ended(row, "completed", said.how.as_str());
            change!(LETTERS row { may reason: said.reason.as_ref() })
        }
        Event::GivenUp(said) => {
            let row = ended(row, "failed", How::Resolved.as_str());
            change!(LETTERS row { set reason: &said.reason })
        }
    });
}

fn opened(row: Change, at: &Envelope, said: &Opened) -> Change {
    let row = refused(row, &said.failure, 0);
    change!(LETTERS row {
        set operation_type: &said.operation_type,
        set duty: said.about.duty.kind.as_str(),
        set stream: said.about.duty.stream.to_string(),
        may item: said.about.duty.item.as_ref().map(ToString::to_string),
        set opener: said.about.opener,
        set status: "pending",
        set max_retries: said.max_retries,
        set next_retry_at: said.next_retry_at,
        set created_at: at.recorded_at,
    })
}

fn refused(row: Change, Failure { code, message }: &Failure, retry_count: u32) -> Change {
    change!(LETTERS row {
        set error_code: code,
        set error_message: message,
        set retry_count: retry_count,
    })
}

fn ended(row: Change, status: &'static str, how: &'static str) -> Change {
    change!(LETTERS row { set status: status, set ended: how })
}
