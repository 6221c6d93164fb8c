-- What a run said of what it looked at. `open`: it asks for changes, and what comes of that is not decided.
CREATE TABLE verdicts (
    run TEXT PRIMARY KEY REFERENCES runs (id),
    goal TEXT NOT NULL REFERENCES goals (id),
    task TEXT NOT NULL REFERENCES tasks (id),
    kind TEXT NOT NULL CHECK (kind IN ('exit', 'review', 'checks')),
    passed INTEGER NOT NULL CHECK (passed IN (0, 1)),
    summary TEXT NOT NULL,
    feedback TEXT NOT NULL,
    findings TEXT NOT NULL CHECK (json_valid(findings)),
    checks TEXT NOT NULL CHECK (json_valid(checks)),
    open INTEGER NOT NULL DEFAULT 0 CHECK (open IN (0, 1)),
    at TEXT NOT NULL
) STRICT;
CREATE INDEX verdicts_by_task ON verdicts (task);
CREATE INDEX verdicts_by_goal ON verdicts (goal);
CREATE INDEX open_objections ON verdicts (goal) WHERE open = 1;

-- One row for each time that `task`, which is a judge or a gate, sent `target` back.
CREATE TABLE reworks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    goal TEXT NOT NULL REFERENCES goals (id),
    task TEXT NOT NULL REFERENCES tasks (id),
    target TEXT NOT NULL REFERENCES tasks (id),
    run TEXT REFERENCES runs (id),
    decision TEXT REFERENCES decisions (id),
    at TEXT NOT NULL
) STRICT;
CREATE INDEX reworks_by_task ON reworks (task);
CREATE INDEX reworks_by_goal ON reworks (goal);

-- Words for the next run of a task: a human's, by the decision, or those of a verdict, by its run.
CREATE TABLE feedback_new (
    id INTEGER PRIMARY KEY,
    task TEXT NOT NULL REFERENCES tasks (id),
    decision TEXT REFERENCES decisions (id),
    run TEXT REFERENCES runs (id),
    text TEXT NOT NULL,
    at TEXT NOT NULL,
    UNIQUE (task, decision),
    UNIQUE (task, run)
) STRICT;
INSERT INTO feedback_new (id, task, decision, text, at) SELECT id, task, decision, text, at FROM feedback;
DROP TABLE feedback;
ALTER TABLE feedback_new RENAME TO feedback;

-- What a live run works on was sent back meanwhile: its task runs again when it has ended.
ALTER TABLE tasks ADD COLUMN outdated INTEGER NOT NULL DEFAULT 0 CHECK (outdated IN (0, 1));

CREATE INDEX blocked_gates ON tasks (id) WHERE kind = 'gate' AND state = 'blocked';

-- Rework that has come to its limit asks a question of its own kind.
CREATE TABLE decisions_new (
    id TEXT PRIMARY KEY,
    version INTEGER NOT NULL DEFAULT 1,
    goal TEXT NOT NULL REFERENCES goals (id),
    task TEXT NOT NULL REFERENCES tasks (id),
    subject TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('approval', 'review', 'spawn_failure', 'failure', 'infrastructure', 'choice', 'form',
                                       'question', 'permission', 'egress', 'budget', 'stall', 'conflict', 'rework')),
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
    snoozed_until TEXT,
    snoozed_for_news INTEGER NOT NULL DEFAULT 0 CHECK (snoozed_for_news IN (0, 1)),
    delegate TEXT,
    raw TEXT CHECK (raw IS NULL OR json_valid(raw)),
    rule TEXT,
    content_before TEXT,
    CHECK (state NOT IN ('staged', 'answered') OR answer IS NOT NULL)
) STRICT;
INSERT INTO decisions_new SELECT id, version, goal, task, subject, kind, state, question, options, risk, content, opened_at,
    deadline, answer, feedback, by, via, shown, shown_seconds, effective_at, answered_at, evidence, choices, fields, chosen,
    filled, risk_reason, snoozed_until, snoozed_for_news, delegate, raw, rule, content_before FROM decisions;
DROP TABLE decisions;
ALTER TABLE decisions_new RENAME TO decisions;
CREATE UNIQUE INDEX one_pending_decision ON decisions (subject) WHERE state IN ('pending', 'staged');
CREATE INDEX open_decisions ON decisions (goal) WHERE state IN ('pending', 'staged');
CREATE INDEX decisions_by_task ON decisions (task);
CREATE INDEX decisions_by_subject ON decisions (subject, opened_at);
CREATE INDEX decisions_asleep ON decisions (snoozed_until) WHERE snoozed_until IS NOT NULL;
CREATE INDEX egress_answers ON decisions (goal, json_extract(evidence, '$.arguments.to'))
WHERE kind = 'egress' AND state = 'answered';
