-- What people who are elsewhere are told of, once per subject, stage and channel, whatever restarts.
CREATE TABLE notices (
    id INTEGER PRIMARY KEY,
    subject TEXT NOT NULL,
    stage TEXT NOT NULL,
    channel TEXT NOT NULL CHECK (channel IN ('command', 'url')),
    state TEXT NOT NULL DEFAULT 'due' CHECK (state IN ('due', 'sending', 'sent', 'failed', 'unknown', 'dropped')),
    notice TEXT NOT NULL CHECK (json_valid(notice)),
    attempts INTEGER NOT NULL DEFAULT 0,
    message TEXT NOT NULL DEFAULT '',
    at TEXT NOT NULL,
    next_at TEXT NOT NULL,
    UNIQUE (subject, stage, channel)
) STRICT;
CREATE INDEX notices_due ON notices (next_at) WHERE state = 'due';
CREATE INDEX notices_sending ON notices (id) WHERE state = 'sending';
