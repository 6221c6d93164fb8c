-- Who works on a task, and whose rate limits bind it.
ALTER TABLE tasks ADD COLUMN agent TEXT;
ALTER TABLE tasks ADD COLUMN provider TEXT;

-- A provider that refused: nothing starts on it before `until`. `hits`: refusals since it last worked; `over`: the wait
-- has ended; `run`: who met it.
CREATE TABLE cooldowns (
    provider TEXT PRIMARY KEY,
    until TEXT NOT NULL,
    hits INTEGER NOT NULL CHECK (hits > 0),
    over INTEGER NOT NULL DEFAULT 0 CHECK (over IN (0, 1)),
    run TEXT NOT NULL
) STRICT;
