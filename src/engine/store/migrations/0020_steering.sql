-- Who interrupted the turn of a run last, and when.
ALTER TABLE runs ADD COLUMN interrupted_by TEXT;
ALTER TABLE runs ADD COLUMN interrupted_at TEXT;
-- The goal that this one starts over.
ALTER TABLE goals ADD COLUMN continues TEXT REFERENCES goals (id);
