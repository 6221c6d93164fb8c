-- A tester stands beside a group and not in it: `tests` is that group, and it has no parent. So it counts in no roll-up.
ALTER TABLE tasks ADD COLUMN tests TEXT REFERENCES tasks (id);
DROP INDEX one_root;
CREATE UNIQUE INDEX one_root ON tasks (goal) WHERE parent IS NULL AND tests IS NULL;
CREATE INDEX testers ON tasks (goal, tests) WHERE tests IS NOT NULL;
DROP TRIGGER tally_leaf_added;
CREATE TRIGGER tally_leaf_added AFTER INSERT ON tasks WHEN NEW.kind <> 'group' AND NEW.tests IS NULL BEGIN
    INSERT INTO tally VALUES (NEW.goal, NEW.state, 1) ON CONFLICT DO UPDATE SET n = n + 1;
END;
DROP TRIGGER tally_leaf_moved;
CREATE TRIGGER tally_leaf_moved AFTER UPDATE OF state ON tasks
WHEN NEW.kind <> 'group' AND NEW.tests IS NULL AND OLD.state <> NEW.state BEGIN
    UPDATE tally SET n = n - 1 WHERE scope = OLD.goal AND state = OLD.state;
    INSERT INTO tally VALUES (NEW.goal, NEW.state, 1) ON CONFLICT DO UPDATE SET n = n + 1;
END;

-- Which tasks the run of a tester was given, and what came of each. `fresh`: nothing of the goal was done since.
CREATE TABLE tested (
    id INTEGER PRIMARY KEY,
    goal TEXT NOT NULL REFERENCES goals (id),
    run TEXT NOT NULL REFERENCES runs (id),
    task TEXT NOT NULL REFERENCES tasks (id),
    outcome TEXT NOT NULL CHECK (outcome IN ('open', 'passed', 'regressed', 'failed', 'stopped')),
    words TEXT NOT NULL DEFAULT '',
    fresh INTEGER NOT NULL CHECK (fresh IN (0, 1)),
    at TEXT NOT NULL,
    UNIQUE (run, task)
) STRICT;
CREATE INDEX tested_by_task ON tested (task, id);
CREATE INDEX tested_fresh ON tested (goal) WHERE fresh = 1;
CREATE TRIGGER tested_before AFTER UPDATE OF state ON tasks
WHEN NEW.state = 'done' AND OLD.state <> 'done' AND NEW.kind = 'work' BEGIN
    UPDATE tested SET fresh = 0 WHERE goal = NEW.goal AND fresh = 1;
END;
