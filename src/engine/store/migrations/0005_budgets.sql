-- What a goal, or one of its tasks, may use: `step` is the amount its file says and what one answer adds to `amount`.
-- `used` is stored for what is measured now and then (disk); the rest is the sum of the runs. Bytes, seconds, US dollars.
CREATE TABLE budgets (
    scope TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('wall', 'cost_usd', 'tokens', 'disk')),
    goal TEXT NOT NULL REFERENCES goals (id),
    task TEXT REFERENCES tasks (id),
    step REAL NOT NULL,
    amount REAL NOT NULL,
    used REAL NOT NULL DEFAULT 0,
    state TEXT NOT NULL DEFAULT 'within'
        CHECK (state IN ('within', 'warned', 'asked', 'finishing', 'stopped')),
    PRIMARY KEY (scope, kind)
) STRICT;
CREATE INDEX budgets_by_goal ON budgets (goal);
CREATE INDEX runs_by_goal ON runs (goal);
