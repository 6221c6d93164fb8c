-- Put off, passed on, answered by a rule; `raw` is the answer as it was given, `content_before` what was asked about
-- before the content changed.
ALTER TABLE decisions ADD COLUMN snoozed_until TEXT;
ALTER TABLE decisions ADD COLUMN snoozed_for_news INTEGER NOT NULL DEFAULT 0 CHECK (snoozed_for_news IN (0, 1));
ALTER TABLE decisions ADD COLUMN delegate TEXT;
ALTER TABLE decisions ADD COLUMN raw TEXT CHECK (raw IS NULL OR json_valid(raw));
ALTER TABLE decisions ADD COLUMN rule TEXT;
ALTER TABLE decisions ADD COLUMN content_before TEXT;
CREATE INDEX decisions_by_subject ON decisions (subject, opened_at);
CREATE INDEX decisions_asleep ON decisions (snoozed_until) WHERE snoozed_until IS NOT NULL;

-- The first of two approvals, where the highest risk needs two names.
CREATE TABLE approvals (
    decision TEXT PRIMARY KEY REFERENCES decisions (id),
    by TEXT NOT NULL,
    via TEXT NOT NULL,
    at TEXT NOT NULL,
    content TEXT
) STRICT;

CREATE TABLE notes (
    id INTEGER PRIMARY KEY,
    subject TEXT NOT NULL,
    text TEXT NOT NULL,
    by TEXT NOT NULL,
    at TEXT NOT NULL
) STRICT;
CREATE INDEX notes_by_subject ON notes (subject, id);

-- A stage of reminding or escalation that has been told: once, whatever restarts.
CREATE TABLE reminders (
    decision TEXT NOT NULL REFERENCES decisions (id),
    kind TEXT NOT NULL CHECK (kind IN ('remind', 'escalate')),
    stage INTEGER NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (decision, kind, stage)
) STRICT, WITHOUT ROWID;

-- `pin` is the hash of `draft` as it was rehearsed: a draft that does not fit it answers nothing.
CREATE TABLE rules (
    id TEXT PRIMARY KEY,
    draft TEXT NOT NULL CHECK (json_valid(draft)),
    pin TEXT NOT NULL,
    rehearsed TEXT NOT NULL,
    by TEXT NOT NULL,
    created_at TEXT NOT NULL,
    uses INTEGER NOT NULL DEFAULT 0,
    last_used_at TEXT,
    revoked_at TEXT,
    revoked_by TEXT
) STRICT;

CREATE TABLE ledger (
    seq INTEGER PRIMARY KEY,
    decision TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE,
    entry TEXT NOT NULL CHECK (json_valid(entry))
) STRICT;
CREATE INDEX ledger_by_decision ON ledger (decision, seq);
CREATE TRIGGER ledger_is_kept BEFORE DELETE ON ledger BEGIN
    SELECT raise(ABORT, 'the ledger is only added to');
END;
CREATE TRIGGER ledger_stays BEFORE UPDATE ON ledger BEGIN
    SELECT raise(ABORT, 'the ledger is only added to');
END;
