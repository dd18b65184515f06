//! Given these events, when this is asked, then that is the answer.
