-- Tasks that share one sandbox after the other: `pin` is the key of the task it is named after, `root` for the goal's own.
ALTER TABLE tasks ADD COLUMN pin TEXT;
ALTER TABLE runs ADD COLUMN pin TEXT;
-- What its agent calls the session it worked in.
ALTER TABLE runs ADD COLUMN session TEXT;
CREATE UNIQUE INDEX one_pinned_run ON runs (goal, pin) WHERE pin IS NOT NULL AND state <> 'ended';
CREATE INDEX pinned_runs ON runs (goal, pin, ended_at) WHERE pin IS NOT NULL;
