-- What a task is about, in more words than its title has.
ALTER TABLE tasks ADD COLUMN description TEXT NOT NULL DEFAULT '';

-- A task that is put into another group is counted there.
CREATE TRIGGER tally_child_placed AFTER UPDATE OF parent ON tasks WHEN OLD.parent <> NEW.parent BEGIN
    UPDATE tally SET n = n - 1 WHERE scope = OLD.parent AND state = OLD.state;
    INSERT INTO tally VALUES (NEW.parent, NEW.state, 1) ON CONFLICT DO UPDATE SET n = n + 1;
END;
