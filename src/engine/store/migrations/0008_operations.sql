-- Orders under a key of their sender: what came of each, so that the same one never takes effect twice (R17).
CREATE TABLE operations (
    key TEXT PRIMARY KEY,
    digest TEXT NOT NULL,
    effect INTEGER NOT NULL DEFAULT 0 CHECK (effect IN (0, 1)),
    status INTEGER,
    headers TEXT CHECK (headers IS NULL OR json_valid(headers)),
    body BLOB,
    at TEXT NOT NULL,
    CHECK ((status IS NULL) = (body IS NULL))
) STRICT;
CREATE INDEX operations_by_age ON operations (at);

-- What a goal is about elsewhere, such as an issue: one goal that has not ended each.
ALTER TABLE goals ADD COLUMN external_ref TEXT;
CREATE UNIQUE INDEX one_live_goal ON goals (external_ref)
WHERE external_ref IS NOT NULL AND state NOT IN ('done', 'failed', 'cancelled');
