-- name: insert
INSERT INTO rules (id, draft, pin, rehearsed, by, created_at) VALUES (:id, :draft, :pin, :rehearsed, :by, :at);

-- name: all
SELECT * FROM rules ORDER BY revoked_at IS NOT NULL, created_at, id;

-- name: by_prefix
SELECT id FROM rules WHERE id >= :low AND id < :high LIMIT 3;

-- name: get
SELECT * FROM rules WHERE id = :id;

-- name: in_force
SELECT * FROM rules WHERE revoked_at IS NULL ORDER BY json_extract(draft, '$.effect') DESC, created_at, id;

-- name: use
UPDATE rules SET uses = uses + 1, last_used_at = :at WHERE id = :id AND revoked_at IS NULL;

-- name: revoke
UPDATE rules SET revoked_at = :at, revoked_by = :by WHERE id = :id AND revoked_at IS NULL;

-- name: past
SELECT d.*, t.key AS task_key, g.title AS goal_title FROM decisions d
JOIN tasks t ON t.id = d.task JOIN goals g ON g.id = d.goal
WHERE d.kind = :kind ORDER BY d.opened_at, d.id;

-- name: pending_by_risk
SELECT risk, count(*) AS n FROM decisions WHERE state = 'pending' GROUP BY risk;
