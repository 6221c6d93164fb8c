-- The kinds of a decision are a CHECK, and a CHECK is changed by making the table anew.
CREATE TABLE decisions_new (
    id TEXT PRIMARY KEY,
    version INTEGER NOT NULL DEFAULT 1,
    goal TEXT NOT NULL REFERENCES goals (id),
    task TEXT NOT NULL REFERENCES tasks (id),
    subject TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('approval', 'review', 'spawn_failure', 'failure', 'infrastructure')),
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
INSERT INTO decisions_new SELECT * FROM decisions;
DROP TABLE decisions;
ALTER TABLE decisions_new RENAME TO decisions;
CREATE UNIQUE INDEX one_pending_decision ON decisions (subject) WHERE state IN ('pending', 'staged');
CREATE INDEX open_decisions ON decisions (goal) WHERE state IN ('pending', 'staged');
CREATE INDEX decisions_by_task ON decisions (task);

-- Engines that died while a run of this task was starting (R94).
ALTER TABLE tasks ADD COLUMN engine_deaths INTEGER NOT NULL DEFAULT 0;

ALTER TABLE runs ADD COLUMN failure_class TEXT CHECK (failure_class IN ('none', 'agent', 'infra', 'operator'));
-- Where work that is in no branch was kept: the name of a branch of the goal's own repository.
ALTER TABLE runs ADD COLUMN salvage TEXT;
ALTER TABLE runs ADD COLUMN frozen INTEGER NOT NULL DEFAULT 0 CHECK (frozen IN (0, 1));
