-- name: take
INSERT INTO leases (name, run, fence, ttl, acquired_at, expires_at)
SELECT :name, :run, coalesce((SELECT last FROM fences WHERE name = :name), 0) + 1, :ttl, :at, :expires_at
WHERE NOT EXISTS (SELECT 1 FROM leases WHERE name = :name)
  AND NOT EXISTS (
    SELECT 1 FROM lease_waiters w
    WHERE w.name = :name AND w.run <> :run AND (w.priority > :priority OR (w.priority = :priority AND w.id < coalesce(
        (SELECT id FROM lease_waiters WHERE name = :name AND run = :run), 9223372036854775807))))
RETURNING *;

-- name: count_fence
INSERT INTO fences (name, last) VALUES (:name, :fence) ON CONFLICT (name) DO UPDATE SET last = :fence;

-- name: get
SELECT l.*, r.goal, r.task, r.n, t.key FROM leases l JOIN runs r ON r.id = l.run JOIN tasks t ON t.id = r.task
WHERE l.name = :name;

-- name: all
SELECT l.*, r.goal, r.task, r.n, t.key FROM leases l JOIN runs r ON r.id = l.run JOIN tasks t ON t.id = r.task
ORDER BY l.name;

-- name: of_run
SELECT * FROM leases WHERE run = :run ORDER BY name;

-- name: renew
UPDATE leases SET ttl = :ttl, expires_at = :expires_at WHERE name = :name AND run = :run AND fence = :fence;

-- name: holds
SELECT 1 FROM leases WHERE name = :name AND run = :run AND fence = :fence;

-- name: release
DELETE FROM leases WHERE name = :name AND run = :run AND fence = :fence;

-- name: wait
INSERT INTO lease_waiters (name, run, priority, at) VALUES (:name, :run, :priority, :at)
ON CONFLICT (name, run) DO NOTHING;

-- name: leave
DELETE FROM lease_waiters WHERE name = :name AND run = :run;

-- name: leave_all
DELETE FROM lease_waiters WHERE run = :run RETURNING name;

-- name: nobody_waits
DELETE FROM lease_waiters;

-- name: waiters
SELECT w.name, w.run, w.priority, w.at, t.key
FROM lease_waiters w JOIN runs r ON r.id = w.run JOIN tasks t ON t.id = r.task
ORDER BY w.name, w.priority DESC, w.id;
