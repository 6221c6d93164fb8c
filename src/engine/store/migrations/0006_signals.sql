-- A gate may be a member of another; `repo`, `pr`, `name`, `key` are what a signal must say to fit, `head` is the commit
-- under test, `token` the hash of its callback token, `signal` what resolved it.
CREATE TABLE signals (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('human_approval', 'choice', 'form', 'gh_ci', 'gh_review', 'pr_review',
                                       'webhook', 'timer', 'all', 'any', 'n_of')),
    status TEXT NOT NULL CHECK (status IN ('pass', 'fail')),
    state TEXT NOT NULL CHECK (state IN ('queued', 'matched', 'stale')),
    partial INTEGER NOT NULL DEFAULT 0 CHECK (partial IN (0, 1)),
    repo TEXT,
    pr INTEGER,
    head_sha TEXT,
    name TEXT,
    key TEXT,
    data TEXT NOT NULL CHECK (json_valid(data)),
    by TEXT NOT NULL,
    via TEXT NOT NULL,
    received_at TEXT NOT NULL
) STRICT;
CREATE INDEX queued_signals ON signals (kind, name) WHERE state = 'queued';
CREATE INDEX signals_by_commit ON signals (head_sha, kind) WHERE head_sha IS NOT NULL;

ALTER TABLE gates ADD COLUMN parent TEXT REFERENCES gates (id);
ALTER TABLE gates ADD COLUMN position INTEGER NOT NULL DEFAULT 0;
ALTER TABLE gates ADD COLUMN cause TEXT;
ALTER TABLE gates ADD COLUMN repo TEXT;
ALTER TABLE gates ADD COLUMN pr INTEGER;
ALTER TABLE gates ADD COLUMN name TEXT;
ALTER TABLE gates ADD COLUMN key TEXT;
ALTER TABLE gates ADD COLUMN head TEXT;
ALTER TABLE gates ADD COLUMN token TEXT;
ALTER TABLE gates ADD COLUMN signal INTEGER REFERENCES signals (id);
DROP INDEX one_open_gate;
CREATE UNIQUE INDEX one_open_gate ON gates (task) WHERE state = 'open' AND parent IS NULL;
CREATE INDEX open_gates ON gates (kind) WHERE state = 'open';
CREATE INDEX gates_by_task ON gates (task, opened_at);
CREATE INDEX gates_by_parent ON gates (parent) WHERE parent IS NOT NULL;

-- A signal is consumed at most once per declared gate, however often that gate opens; `gate` NULL: it was about work
-- that has been taken back since.
CREATE TABLE consumptions (
    signal INTEGER NOT NULL REFERENCES signals (id),
    task TEXT NOT NULL REFERENCES tasks (id),
    gate TEXT REFERENCES gates (id),
    PRIMARY KEY (signal, task)
) STRICT, WITHOUT ROWID;

-- One row per gate that is polled; it is armed while its gate is open. `head`: the commit it was told to be about.
CREATE TABLE watches (
    gate TEXT PRIMARY KEY REFERENCES gates (id),
    version INTEGER NOT NULL DEFAULT 1,
    head TEXT,
    next_at TEXT NOT NULL,
    polled_at TEXT,
    seen TEXT,
    trouble TEXT,
    failures INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Every delivery that had an effect, by its signature: the same bytes a second time have none.
CREATE TABLE webhook_deliveries (
    source TEXT NOT NULL,
    signature TEXT NOT NULL,
    received_at TEXT NOT NULL,
    PRIMARY KEY (source, signature)
) STRICT, WITHOUT ROWID;
