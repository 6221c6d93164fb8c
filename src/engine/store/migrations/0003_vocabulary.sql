-- The vocabularies that are CHECKs grow, and a CHECK is changed by making its table anew.
CREATE TABLE gates_new (
    id TEXT PRIMARY KEY,
    goal TEXT NOT NULL REFERENCES goals (id),
    task TEXT NOT NULL REFERENCES tasks (id),
    kind TEXT NOT NULL CHECK (kind IN ('human_approval', 'choice', 'form', 'gh_ci', 'gh_review', 'pr_review',
                                       'webhook', 'timer', 'all', 'any', 'n_of')),
    state TEXT NOT NULL CHECK (state IN ('open', 'passed', 'failed', 'cancelled')),
    spec TEXT NOT NULL CHECK (json_valid(spec)),
    opened_at TEXT NOT NULL,
    deadline TEXT,
    on_deadline TEXT NOT NULL CHECK (on_deadline IN ('remind', 'escalate', 'fail', 'approve')),
    resolved_at TEXT,
    actor TEXT
) STRICT;
INSERT INTO gates_new SELECT * FROM gates;
DROP TABLE gates;
ALTER TABLE gates_new RENAME TO gates;
CREATE UNIQUE INDEX one_open_gate ON gates (task) WHERE state = 'open';
CREATE INDEX gates_by_deadline ON gates (deadline) WHERE state = 'open' AND deadline IS NOT NULL;

CREATE TABLE decisions_new (
    id TEXT PRIMARY KEY,
    version INTEGER NOT NULL DEFAULT 1,
    goal TEXT NOT NULL REFERENCES goals (id),
    task TEXT NOT NULL REFERENCES tasks (id),
    subject TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('approval', 'review', 'spawn_failure', 'failure', 'infrastructure', 'choice', 'form',
                                       'question', 'permission', 'egress', 'budget', 'stall')),
    state TEXT NOT NULL CHECK (state IN ('pending', 'staged', 'answered', 'expired', 'cancelled')),
    question TEXT NOT NULL,
    options TEXT NOT NULL CHECK (json_valid(options)),
    risk TEXT NOT NULL CHECK (risk IN ('low', 'normal', 'high')),
    content TEXT,
    opened_at TEXT NOT NULL,
    deadline TEXT,
    answer TEXT CHECK (answer IN ('approve', 'reject', 'changes', 'choose', 'fill', 'snooze')),
    feedback TEXT,
    by TEXT,
    via TEXT,
    shown TEXT,
    shown_seconds REAL,
    effective_at TEXT,
    answered_at TEXT,
    evidence TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(evidence)),
    choices TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(choices)),
    fields TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(fields)),
    chosen TEXT,
    filled TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(filled)),
    risk_reason TEXT NOT NULL DEFAULT '',
    CHECK (state NOT IN ('staged', 'answered') OR answer IS NOT NULL)
) STRICT;
INSERT INTO decisions_new (id, version, goal, task, subject, kind, state, question, options, risk, content, opened_at, deadline, answer, feedback, by, via, shown, shown_seconds, effective_at, answered_at)
SELECT id, version, goal, task, subject, kind, state, question, options, risk, content, opened_at, deadline, answer, feedback, by, via, shown, shown_seconds, effective_at, answered_at FROM decisions;
DROP TABLE decisions;
ALTER TABLE decisions_new RENAME TO decisions;
CREATE UNIQUE INDEX one_pending_decision ON decisions (subject) WHERE state IN ('pending', 'staged');
CREATE INDEX open_decisions ON decisions (goal) WHERE state IN ('pending', 'staged');
CREATE INDEX decisions_by_task ON decisions (task);

CREATE TABLE runs_new (
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
    failure_class TEXT CHECK (failure_class IN ('none', 'agent', 'infra', 'rate_limit', 'operator')),
    salvage TEXT,
    frozen INTEGER NOT NULL DEFAULT 0 CHECK (frozen IN (0, 1)),
    profile TEXT,
    cost_usd REAL NOT NULL DEFAULT 0,
    tokens_in INTEGER NOT NULL DEFAULT 0,
    tokens_out INTEGER NOT NULL DEFAULT 0,
    UNIQUE (task, n),
    CHECK ((state = 'ended') = (cause IS NOT NULL))
) STRICT;
INSERT INTO runs_new (id, goal, task, n, state, driver, sandbox, container_id, cause, exit_code, signal, oom, memory, message, last_lines, "commit", created_at, started_at, ended_at, failure_class, salvage, frozen)
SELECT id, goal, task, n, state, driver, sandbox, container_id, cause, exit_code, signal, oom, memory, message, last_lines, "commit", created_at, started_at, ended_at, failure_class, salvage, frozen FROM runs;
DROP TABLE runs;
ALTER TABLE runs_new RENAME TO runs;
CREATE UNIQUE INDEX one_live_run ON runs (task) WHERE state <> 'ended';
CREATE INDEX live_runs ON runs (goal, driver) WHERE state <> 'ended';
CREATE INDEX runs_by_task ON runs (task, n);
