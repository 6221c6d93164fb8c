-- name: insert
INSERT INTO signals (kind, status, state, partial, repo, pr, head_sha, name, key, data, by, via, received_at)
VALUES (:kind, :status, :state, :partial, :repo, :pr, :head_sha, :name, :key, :data, :by, :via, :at) RETURNING id;

-- name: match
UPDATE signals SET state = 'matched' WHERE id = :id;

-- name: consume
INSERT INTO consumptions (signal, task, gate) VALUES (:signal, :task, :gate) ON CONFLICT (signal, task) DO NOTHING;

-- name: early
SELECT * FROM signals s WHERE s.state = 'queued' AND s.kind = :kind AND s.received_at >= :since
    AND (:repo IS NULL OR s.repo = :repo) AND (:pr IS NULL OR s.pr = :pr) AND (:name IS NULL OR s.name = :name)
    AND (:key IS NULL OR s.key = :key)
    AND NOT EXISTS (SELECT 1 FROM consumptions c WHERE c.signal = s.id AND c.task = :task)
ORDER BY s.id DESC LIMIT 100;

-- name: about_commit
SELECT * FROM signals s WHERE s.head_sha = :head AND s.kind = :kind AND s.state <> 'stale'
    AND (:repo IS NULL OR s.repo = :repo) AND (:pr IS NULL OR s.pr = :pr) AND (:name IS NULL OR s.name = :name)
    AND (:key IS NULL OR s.key = :key)
    AND NOT EXISTS (SELECT 1 FROM consumptions c WHERE c.signal = s.id AND c.task = :task)
ORDER BY s.id DESC LIMIT 100;

-- name: aged
SELECT id FROM signals WHERE state = 'queued' AND received_at < :before ORDER BY id LIMIT 100;

-- name: age
UPDATE signals SET state = 'stale' WHERE id = :id AND state = 'queued';

-- name: watch
INSERT INTO watches (gate, next_at) VALUES (:gate, :at)
ON CONFLICT (gate) DO UPDATE SET version = version + 1, next_at = :at;

-- name: nudge
UPDATE watches SET next_at = :at WHERE gate = :gate;

-- name: watch_of
SELECT * FROM watches WHERE gate = :gate;

-- name: armed
SELECT w.gate, g.id, w.version, w.failures, w.head AS watched, g.head, g.spec FROM watches w JOIN gates g ON g.id = w.gate
WHERE g.state = 'open' AND w.next_at <= :at ORDER BY w.next_at LIMIT :limit;

-- name: next_watch
SELECT min(w.next_at) AS at FROM watches w JOIN gates g ON g.id = w.gate WHERE g.state = 'open';

-- name: polled
UPDATE watches SET next_at = :next_at, polled_at = coalesce(:polled_at, polled_at), seen = coalesce(:seen, seen),
    trouble = :trouble, failures = :failures, head = coalesce(head, :head)
WHERE gate = :gate AND version = :version AND EXISTS (SELECT 1 FROM gates g WHERE g.id = gate AND g.state = 'open');

-- name: unwatch
DELETE FROM watches WHERE gate = :gate AND version = :version;

-- name: deliver
INSERT INTO webhook_deliveries (source, signature, received_at) VALUES (:source, :signature, :at)
ON CONFLICT (source, signature) DO NOTHING;
