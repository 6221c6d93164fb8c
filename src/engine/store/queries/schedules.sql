-- name: insert
INSERT INTO schedules (name, terms, source, seen_at, by, created_at) VALUES (:name, :terms, :source, :at, :by, :at);

-- name: replace
UPDATE schedules SET terms = :terms, source = :source, seen_at = :at, override = NULL, override_until = NULL, by = :by,
    created_at = :at
WHERE name = :name;

-- name: all
SELECT * FROM schedules ORDER BY name;

-- name: get
SELECT * FROM schedules WHERE name = :name;

-- name: remove
DELETE FROM schedules WHERE name = :name;

-- name: see
UPDATE schedules SET seen_at = :at WHERE name = :name AND seen_at = :seen;

-- name: pause
UPDATE schedules SET paused = :paused, seen_at = :at WHERE name = :name AND paused <> :paused;

-- name: override
UPDATE schedules SET override = :override, override_until = :until WHERE name = :name;

-- name: end_overrides
UPDATE schedules SET override = NULL, override_until = NULL WHERE override_until <= :at;

-- name: insert_start
INSERT INTO starts (schedule, slot, until, state, goal, cause, at)
VALUES (:schedule, :slot, :until, :state, :goal, :cause, :at);

-- name: get_start
SELECT * FROM starts WHERE schedule = :schedule AND slot = :slot;

-- name: move_start
UPDATE starts SET state = :to, goal = coalesce(:goal, goal), cause = :cause, until = :until
WHERE schedule = :schedule AND slot = :slot AND state = :frm;

-- name: put_off
UPDATE starts SET cause = :cause WHERE schedule = :schedule AND slot = :slot AND state = 'due';

-- name: due
SELECT s.*, d.terms FROM starts s JOIN schedules d ON d.name = s.schedule WHERE s.state = 'due' ORDER BY s.at, s.schedule;

-- name: queued
SELECT s.* FROM starts s JOIN schedules d ON d.name = s.schedule
WHERE s.state = 'queued' AND d.paused = 0 AND d.override IS NOT 'stop' AND NOT EXISTS (
    SELECT 1 FROM starts o JOIN goals g ON g.id = o.goal
    WHERE o.schedule = s.schedule AND o.state IN ('started', 'held') AND g.state NOT IN ('done', 'failed', 'cancelled'))
ORDER BY s.at, s.schedule;

-- name: waiting
SELECT * FROM starts WHERE schedule = :schedule AND state IN ('due', 'queued');

-- name: under_way
SELECT s.*, g.state AS goal_state, g.cancelling FROM starts s JOIN goals g ON g.id = s.goal
WHERE s.schedule = :schedule AND s.state IN ('started', 'held') AND g.state NOT IN ('done', 'failed', 'cancelled')
ORDER BY s.slot DESC LIMIT 1;

-- name: over
SELECT s.*, g.state AS goal_state, g.cancelling FROM starts s LEFT JOIN goals g ON g.id = s.goal
WHERE s.until <= :at AND s.state IN ('due', 'queued', 'started') ORDER BY s.until, s.schedule;

-- name: next_end
SELECT min(until) AS at FROM starts WHERE state IN ('due', 'queued', 'started');

-- name: last
SELECT s.*, g.state AS goal_state FROM starts s LEFT JOIN goals g ON g.id = s.goal
WHERE s.schedule = :schedule ORDER BY s.slot DESC LIMIT 1;

-- name: forget
DELETE FROM starts WHERE schedule = :schedule AND state IN ('skipped', 'missed', 'failed') AND slot < (
    SELECT slot FROM starts WHERE schedule = :schedule ORDER BY slot DESC LIMIT 1 OFFSET :kept);
