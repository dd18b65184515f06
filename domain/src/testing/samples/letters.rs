//! One fact of every wire name of dead letters.

use crate::{
    duty::{Kind, Name},
    event::Event,
    id,
    letter::{
        About, Completed, Escalated, Event as Letter, Failure, GivenUp, How, Opened, RETRIES_MAX,
        Refused, Requeued, Returned, Taken,
    },
    testing::build::{after, stream},
};

fn about() -> About {
    let stream = stream(id::Kind::Payment, "pay_1");
    About { duty: Name { kind: Kind::Fulfil, stream, item: None }, opener: 7 }
}

fn failure() -> Failure {
    Failure::new("amount_overflow", "the amount is larger than there can be")
}

pub(super) fn letters() -> Vec<Event> {
    let reason = || "looked into it".to_owned();
    let (attempt, retry_count, about) = (2, 1, about);
    let letters = vec![
        Letter::Opened(Opened {
            about: about(),
            operation_type: "deposit".to_owned(),
            failure: failure(),
            max_retries: RETRIES_MAX,
            next_retry_at: after(60),
        }),
        Letter::Taken(Taken { about: about(), attempt, lease_until: after(180) }),
        Letter::Refused(Refused {
            about: about(),
            attempt,
            retry_count,
            failure: failure(),
            next_retry_at: after(360),
        }),
        Letter::Returned(Returned { about: about(), attempt, next_retry_at: after(240) }),
        Letter::Escalated(Escalated { about: about(), attempt, retry_count, failure: failure() }),
        Letter::Requeued(Requeued { about: about(), next_retry_at: after(300), reason: reason() }),
        Letter::Completed(Completed { about: about(), how: How::Resolved, reason: Some(reason()) }),
        Letter::GivenUp(GivenUp { about: about(), reason: reason() }),
    ];
    letters.into_iter().map(Event::Letter).collect()
}
