-- A change that does not fit the goal's branch asks a question of its own kind.
CREATE TABLE decisions_new (
    id TEXT PRIMARY KEY,
    version INTEGER NOT NULL DEFAULT 1,
    goal TEXT NOT NULL REFERENCES goals (id),
    task TEXT NOT NULL REFERENCES tasks (id),
    subject TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('approval', 'review', 'spawn_failure', 'failure', 'infrastructure', 'choice', 'form',
                                       'question', 'permission', 'egress', 'budget', 'stall', 'conflict')),
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

-- Why a run was asked to end, and by whom it was killed: stored before its sandbox is stopped.
ALTER TABLE runs ADD COLUMN asked TEXT CHECK (asked IN ('exit', 'signal', 'oom', 'timeout', 'idle', 'cancelled', 'lost',
                                                        'start_error', 'rate_limit', 'budget', 'verdict_missing'));
ALTER TABLE runs ADD COLUMN asked_by TEXT;
