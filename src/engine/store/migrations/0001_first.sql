CREATE TABLE goals (
    id TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('draft', 'active', 'paused', 'draining', 'done', 'failed', 'cancelled')),
    version INTEGER NOT NULL DEFAULT 1,
    policy TEXT NOT NULL CHECK (json_valid(policy)),
    runtime TEXT NOT NULL CHECK (runtime IN ('auto', 'docker', 'process')),
    repo TEXT,
    branch TEXT,
    base_commit TEXT,
    path TEXT NOT NULL,
    source TEXT NOT NULL,
    variables TEXT NOT NULL CHECK (json_valid(variables)),
    allow_unconfined INTEGER NOT NULL CHECK (allow_unconfined IN (0, 1)),
    cancelling INTEGER NOT NULL DEFAULT 0 CHECK (cancelling IN (0, 1)),
    cause TEXT,
    created_at TEXT NOT NULL,
    started_at TEXT,
    ended_at TEXT
) STRICT;

CREATE TABLE tasks (
    id TEXT PRIMARY KEY,
    goal TEXT NOT NULL REFERENCES goals (id),
    parent TEXT REFERENCES tasks (id),
    key TEXT NOT NULL,
    title TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('work', 'gate', 'group')),
    state TEXT NOT NULL CHECK (state IN ('pending', 'claimed', 'running', 'waiting', 'review', 'blocked',
                                         'done', 'failed', 'cancelled', 'skipped')),
    version INTEGER NOT NULL DEFAULT 1,
    position INTEGER NOT NULL,
    ordering TEXT NOT NULL CHECK (ordering IN ('sequential', 'parallel')),
    require TEXT NOT NULL,
    on_failure TEXT NOT NULL CHECK (on_failure IN ('stop', 'continue', 'ask')),
    priority INTEGER NOT NULL,
    spec TEXT NOT NULL CHECK (json_valid(spec)),
    not_before TEXT,
    cause TEXT,
    held_by TEXT REFERENCES tasks (id),
    cancelling INTEGER NOT NULL DEFAULT 0 CHECK (cancelling IN (0, 1)),
    failures INTEGER NOT NULL DEFAULT 0,
    infra_failures INTEGER NOT NULL DEFAULT 0,
    runs INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL,
    started_at TEXT,
    ended_at TEXT,
    UNIQUE (goal, key)
) STRICT;
CREATE INDEX tasks_by_parent ON tasks (parent, position);
CREATE INDEX tasks_by_goal ON tasks (goal, state);
CREATE UNIQUE INDEX one_root ON tasks (goal) WHERE parent IS NULL;

CREATE TABLE needs (
    task TEXT NOT NULL REFERENCES tasks (id),
    needed TEXT NOT NULL REFERENCES tasks (id),
    PRIMARY KEY (task, needed),
    CHECK (task <> needed)
) STRICT, WITHOUT ROWID;
CREATE INDEX needs_by_needed ON needs (needed);

-- Children of a group by state (scope = the group) and leaves of a goal by state (scope = the goal),
-- kept by triggers so that roll-up and progress cost the same however wide the tree is.
CREATE TABLE tally (
    scope TEXT NOT NULL,
    state TEXT NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (scope, state)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER tally_child_added AFTER INSERT ON tasks WHEN NEW.parent IS NOT NULL BEGIN
    INSERT INTO tally VALUES (NEW.parent, NEW.state, 1) ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER tally_leaf_added AFTER INSERT ON tasks WHEN NEW.kind <> 'group' BEGIN
    INSERT INTO tally VALUES (NEW.goal, NEW.state, 1) ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER tally_child_moved AFTER UPDATE OF state ON tasks
WHEN NEW.parent IS NOT NULL AND OLD.state <> NEW.state BEGIN
    UPDATE tally SET n = n - 1 WHERE scope = OLD.parent AND state = OLD.state;
    INSERT INTO tally VALUES (NEW.parent, NEW.state, 1) ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER tally_leaf_moved AFTER UPDATE OF state ON tasks
WHEN NEW.kind <> 'group' AND OLD.state <> NEW.state BEGIN
    UPDATE tally SET n = n - 1 WHERE scope = OLD.goal AND state = OLD.state;
    INSERT INTO tally VALUES (NEW.goal, NEW.state, 1) ON CONFLICT DO UPDATE SET n = n + 1;
END;

CREATE TABLE runs (
    id TEXT PRIMARY KEY,
    goal TEXT NOT NULL REFERENCES goals (id),
    task TEXT NOT NULL REFERENCES tasks (id),
    n INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('created', 'starting', 'running', 'ended')),
    driver TEXT NOT NULL CHECK (driver IN ('docker', 'process', 'engine')),
    sandbox TEXT NOT NULL UNIQUE,
    container_id TEXT,
    cause TEXT CHECK (cause IN ('exit', 'signal', 'oom', 'timeout', 'idle', 'cancelled', 'lost', 'start_error',
                                'rate_limit', 'budget', 'verdict_missing')),
    exit_code INTEGER,
    signal INTEGER,
    oom INTEGER NOT NULL DEFAULT 0 CHECK (oom IN (0, 1)),
    memory INTEGER,
    message TEXT,
    last_lines TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(last_lines)),
    "commit" TEXT,
    created_at TEXT NOT NULL,
    started_at TEXT,
    ended_at TEXT,
    UNIQUE (task, n),
    CHECK ((state = 'ended') = (cause IS NOT NULL))
) STRICT;
CREATE UNIQUE INDEX one_live_run ON runs (task) WHERE state <> 'ended';
CREATE INDEX live_runs ON runs (goal, driver) WHERE state <> 'ended';
CREATE INDEX runs_by_task ON runs (task, n);

CREATE TABLE gates (
    id TEXT PRIMARY KEY,
    goal TEXT NOT NULL REFERENCES goals (id),
    task TEXT NOT NULL REFERENCES tasks (id),
    kind TEXT NOT NULL CHECK (kind IN ('human_approval')),
    state TEXT NOT NULL CHECK (state IN ('open', 'passed', 'failed', 'cancelled')),
    spec TEXT NOT NULL CHECK (json_valid(spec)),
    opened_at TEXT NOT NULL,
    deadline TEXT,
    on_deadline TEXT NOT NULL CHECK (on_deadline IN ('remind', 'fail', 'approve')),
    resolved_at TEXT,
    actor TEXT
) STRICT;
CREATE UNIQUE INDEX one_open_gate ON gates (task) WHERE state = 'open';
CREATE INDEX gates_by_deadline ON gates (deadline) WHERE state = 'open' AND deadline IS NOT NULL;

CREATE TABLE decisions (
    id TEXT PRIMARY KEY,
    version INTEGER NOT NULL DEFAULT 1,
    goal TEXT NOT NULL REFERENCES goals (id),
    task TEXT NOT NULL REFERENCES tasks (id),
    subject TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('approval', 'review', 'spawn_failure', 'failure')),
    state TEXT NOT NULL CHECK (state IN ('pending', 'staged', 'answered', 'expired', 'cancelled')),
    question TEXT NOT NULL,
    options TEXT NOT NULL CHECK (json_valid(options)),
    risk TEXT NOT NULL CHECK (risk IN ('low', 'normal', 'high')),
    content TEXT,
    opened_at TEXT NOT NULL,
    deadline TEXT,
    answer TEXT CHECK (answer IN ('approve', 'reject', 'changes')),
    feedback TEXT,
    by TEXT,
    via TEXT,
    shown TEXT,
    shown_seconds REAL,
    effective_at TEXT,
    answered_at TEXT,
    CHECK (state NOT IN ('staged', 'answered') OR answer IS NOT NULL)
) STRICT;
CREATE UNIQUE INDEX one_pending_decision ON decisions (subject) WHERE state IN ('pending', 'staged');
CREATE INDEX open_decisions ON decisions (goal) WHERE state IN ('pending', 'staged');
CREATE INDEX decisions_by_task ON decisions (task);

-- What a human asked for goes into the inputs of the next run of the task (R79).
CREATE TABLE feedback (
    id INTEGER PRIMARY KEY,
    task TEXT NOT NULL REFERENCES tasks (id),
    decision TEXT NOT NULL REFERENCES decisions (id),
    text TEXT NOT NULL,
    at TEXT NOT NULL,
    UNIQUE (task, decision)
) STRICT;

CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    type TEXT NOT NULL,
    goal TEXT,
    task TEXT,
    run TEXT,
    data TEXT NOT NULL CHECK (json_valid(data))
) STRICT;

CREATE TABLE facts (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
