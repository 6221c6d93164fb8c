-- name: after
SELECT seq, at, type, goal, task, run, data FROM events WHERE seq > :after ORDER BY seq LIMIT :limit;

-- name: fact
SELECT value FROM facts WHERE name = :name;

-- name: set_fact
INSERT INTO facts (name, value) VALUES (:name, :value) ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- name: last_seq
SELECT coalesce(max(seq), 0) AS seq FROM events;
