-- When goals start by themselves: `terms` is what the settings or an operator said, `seen_at` the moment up to which
-- every start was dealt with, so that one which came while no engine ran is found, once. `override` is an order by hand.
CREATE TABLE schedules (
    name TEXT PRIMARY KEY,
    terms TEXT NOT NULL CHECK (json_valid(terms)),
    source TEXT NOT NULL CHECK (source IN ('settings', 'added')),
    paused INTEGER NOT NULL DEFAULT 0 CHECK (paused IN (0, 1)),
    seen_at TEXT NOT NULL,
    override TEXT CHECK (override IN ('start', 'stop')),
    override_until TEXT,
    by TEXT NOT NULL,
    created_at TEXT NOT NULL,
    CHECK (override IS NOT NULL OR override_until IS NULL)
) STRICT;

-- One row for each start, before its goal is made: the same start never makes two. `until`: the end of its window.
CREATE TABLE starts (
    schedule TEXT NOT NULL REFERENCES schedules (name) ON DELETE CASCADE,
    slot TEXT NOT NULL,
    until TEXT,
    state TEXT NOT NULL CHECK (state IN ('due', 'queued', 'started', 'held', 'skipped', 'missed', 'failed')),
    goal TEXT REFERENCES goals (id),
    cause TEXT,
    at TEXT NOT NULL,
    PRIMARY KEY (schedule, slot),
    CHECK (state NOT IN ('started', 'held') OR goal IS NOT NULL)
) STRICT;
CREATE INDEX starts_by_end ON starts (until) WHERE until IS NOT NULL;
CREATE INDEX starts_by_goal ON starts (goal) WHERE goal IS NOT NULL;
-- At most one start of a schedule waits, whatever comes while it does.
CREATE UNIQUE INDEX one_waiting_start ON starts (schedule) WHERE state IN ('due', 'queued');
