-- The roll: one row a block, nothing indexed but its place. 0x70726f6c reads "prol".
PRAGMA application_id = 0x70726f6c;
PRAGMA user_version = 1;

CREATE TABLE roll (
    only    INTEGER PRIMARY KEY CHECK (only = 1),
    id      BLOB    NOT NULL CHECK (length(id) = 16),
    name    TEXT    NOT NULL,
    format  INTEGER NOT NULL,
    created INTEGER NOT NULL -- microseconds since 1970, UTC
) STRICT;

-- Counted up by each writer that opens the roll, and after each commit of unknown outcome: a commit
-- of this row is what puts everything before it beyond doubt.
CREATE TABLE fence (
    only  INTEGER PRIMARY KEY CHECK (only = 1),
    count INTEGER NOT NULL
) STRICT;

CREATE TABLE blocks (
    first  INTEGER PRIMARY KEY CHECK (first > 0),
    last   INTEGER NOT NULL,
    count  INTEGER NOT NULL CHECK (count > 0 AND count = last - first + 1),
    before BLOB    NOT NULL CHECK (length(before) = 32),
    after  BLOB    NOT NULL CHECK (length(after) = 32),
    body   BLOB    NOT NULL
) STRICT;

INSERT INTO fence (only, count) VALUES (1, 0);
