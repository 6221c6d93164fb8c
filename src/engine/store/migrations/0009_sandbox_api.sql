-- What agents in sandboxes say and hold. A token is kept as its hash and counts for as long as its run has not ended.
CREATE TABLE run_tokens (
    hash TEXT PRIMARY KEY,
    run TEXT NOT NULL REFERENCES runs (id),
    issued_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE agents (
    run TEXT PRIMARY KEY REFERENCES runs (id),
    role TEXT NOT NULL,
    capabilities TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(capabilities)),
    state TEXT NOT NULL DEFAULT 'busy' CHECK (state IN ('busy', 'idle')),
    load REAL NOT NULL DEFAULT 1.0,
    registered_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- How a run says that it went, before its process ends; the last word counts.
CREATE TABLE reports (
    run TEXT PRIMARY KEY REFERENCES runs (id),
    kind TEXT NOT NULL CHECK (kind IN ('complete', 'fail')),
    summary TEXT NOT NULL,
    outputs TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(outputs)),
    verdict TEXT CHECK (verdict IS NULL OR json_valid(verdict)),
    at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE handoffs (
    run TEXT NOT NULL REFERENCES runs (id),
    name TEXT NOT NULL,
    value TEXT NOT NULL CHECK (json_valid(value)),
    at TEXT NOT NULL,
    PRIMARY KEY (run, name)
) STRICT, WITHOUT ROWID;

-- The state of a task over all its runs, and every version of it that was named.
CREATE TABLE task_states (
    task TEXT PRIMARY KEY REFERENCES tasks (id),
    version INTEGER NOT NULL,
    data TEXT NOT NULL CHECK (json_valid(data)),
    at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE checkpoints (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    task TEXT NOT NULL REFERENCES tasks (id),
    run TEXT NOT NULL REFERENCES runs (id),
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    data TEXT NOT NULL CHECK (json_valid(data)),
    at TEXT NOT NULL
) STRICT;
CREATE INDEX checkpoints_by_task ON checkpoints (task, id);

-- One row per held name. `fence` grows with every holder of that name and is never given out twice.
CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    run TEXT NOT NULL REFERENCES runs (id),
    fence INTEGER NOT NULL,
    ttl REAL NOT NULL,
    acquired_at TEXT NOT NULL,
    expires_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX leases_by_run ON leases (run);

CREATE TABLE fences (
    name TEXT PRIMARY KEY,
    last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE lease_waiters (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    run TEXT NOT NULL REFERENCES runs (id),
    priority INTEGER NOT NULL,
    at TEXT NOT NULL,
    UNIQUE (name, run)
) STRICT;

-- `sender` NULL: the operator or the engine. `key` makes a repeated POST one message.
CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    goal TEXT NOT NULL REFERENCES goals (id),
    kind TEXT NOT NULL CHECK (kind IN ('message', 'request', 'response', 'broadcast')),
    type TEXT NOT NULL,
    sender TEXT REFERENCES runs (id),
    sender_name TEXT NOT NULL,
    answers INTEGER REFERENCES messages (id),
    urgent INTEGER NOT NULL CHECK (urgent IN (0, 1)),
    body TEXT NOT NULL CHECK (json_valid(body)),
    state TEXT NOT NULL CHECK (state IN ('open', 'answered', 'timeout', 'sent')),
    at TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX one_response ON messages (answers) WHERE answers IS NOT NULL;

CREATE TABLE deliveries (
    message INTEGER NOT NULL REFERENCES messages (id),
    run TEXT NOT NULL REFERENCES runs (id),
    state TEXT NOT NULL CHECK (state IN ('queued', 'read')),
    PRIMARY KEY (message, run)
) STRICT, WITHOUT ROWID;
CREATE INDEX inbox ON deliveries (run, message) WHERE state = 'queued';

-- Groups whose tasks another task plans, by that task's key.
CREATE INDEX planned_groups ON tasks (goal, json_extract(spec, '$.planned_by'))
WHERE kind = 'group' AND json_extract(spec, '$.planned_by') IS NOT NULL;
