-- name: insert
INSERT INTO gates (id, goal, task, kind, state, spec, opened_at, deadline, on_deadline)
VALUES (:id, :goal, :task, :kind, 'open', :spec, :at, :deadline, :on_deadline);

-- name: get
SELECT * FROM gates WHERE id = :id;

-- name: open_of_task
SELECT * FROM gates WHERE task = :task AND state = 'open';

-- name: newest_of_task
SELECT * FROM gates WHERE task = :task ORDER BY opened_at DESC LIMIT 1;

-- name: resolve
UPDATE gates SET state = :to, actor = :actor, resolved_at = :at WHERE id = :id AND state = 'open';

-- name: deadlines
SELECT * FROM gates WHERE state = 'open' AND deadline IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM decisions d WHERE d.subject = gates.id AND d.state = 'staged')
ORDER BY deadline;

-- name: drop_deadline
UPDATE gates SET deadline = NULL WHERE id = :id AND state = 'open';

-- name: open_of_goals
SELECT id, goal, task, kind, deadline FROM gates WHERE state = 'open';
