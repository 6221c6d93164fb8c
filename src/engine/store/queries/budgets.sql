-- name: insert
INSERT INTO budgets (scope, kind, goal, task, step, amount) VALUES (:scope, :kind, :goal, :task, :amount, :amount);

-- name: get
SELECT * FROM budgets WHERE scope = :scope AND kind = :kind;

-- name: of_goal
SELECT b.*, t.key FROM budgets b LEFT JOIN tasks t ON t.id = b.task
WHERE b.goal = :goal ORDER BY b.task IS NOT NULL, t.position, b.scope, b.kind;

-- name: to_watch
SELECT b.*, t.key, t.state AS task_state FROM budgets b JOIN goals g ON g.id = b.goal LEFT JOIN tasks t ON t.id = b.task
WHERE g.state IN ('active', 'paused', 'draining') AND b.state IN ('within', 'warned', 'asked');

-- name: move
UPDATE budgets SET state = :to WHERE scope = :scope AND kind = :kind AND state = :frm;

-- name: raise
UPDATE budgets SET amount = amount + step, state = 'within' WHERE scope = :scope AND kind = :kind AND state = 'asked';

-- name: measured
UPDATE budgets SET used = :used WHERE scope = :scope AND kind = :kind AND used <> :used;

-- name: asked_of_goal
SELECT * FROM budgets WHERE goal = :goal AND state = 'asked';

-- name: finishing
SELECT * FROM budgets WHERE scope IN (:goal, :task) AND state = 'finishing';

-- name: ended_by
SELECT EXISTS (SELECT 1 FROM budgets WHERE goal = :goal AND state IN ('finishing', 'stopped')) AS spent;

-- name: usage_of_task
SELECT coalesce(sum(cost_usd), 0) AS cost_usd, coalesce(sum(tokens_in + tokens_out), 0) AS tokens
FROM runs WHERE task = :scope;

-- name: spans_of_goal
SELECT created_at, ended_at FROM runs WHERE goal = :scope ORDER BY created_at;

-- name: spans_of_task
SELECT created_at, ended_at FROM runs WHERE task = :scope ORDER BY created_at;

-- name: folders_of_goal
SELECT id, goal, pin, driver FROM runs WHERE goal = :goal AND driver <> 'engine';
