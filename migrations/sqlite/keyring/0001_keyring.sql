-- One row for each master key that wraps anything, so that a missing one is noticed at start.
CREATE TABLE master (
    name BLOB PRIMARY KEY CHECK (length(name) = 8)
) STRICT, WITHOUT ROWID;

-- One key for each subject, wrapped. Deleting the row erases all that was sealed under it.
CREATE TABLE subject_key (
    subject BLOB PRIMARY KEY CHECK (length(subject) = 16),
    key     BLOB NOT NULL CHECK (length(key) = 16),
    master  BLOB NOT NULL REFERENCES master (name),
    nonce   BLOB NOT NULL CHECK (length(nonce) = 24),
    wrapped BLOB NOT NULL CHECK (length(wrapped) = 48),
    created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
