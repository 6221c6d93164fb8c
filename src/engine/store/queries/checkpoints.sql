-- name: state_of
SELECT version, data, at FROM task_states WHERE task = :task;

-- name: begin_state
INSERT INTO task_states (task, version, data, at) VALUES (:task, 0, '{}', :at) ON CONFLICT (task) DO NOTHING;

-- name: replace_state
UPDATE task_states SET data = :data, version = version + 1, at = :at WHERE task = :task AND version = :seen
RETURNING version;

-- name: insert
INSERT INTO checkpoints (task, run, name, version, data, at) VALUES (:task, :run, :name, :version, :data, :at)
RETURNING id;

-- name: of_task
SELECT c.id, c.task, c.run, c.name, c.version, c.at, length(c.data) AS size, t.goal, t.key
FROM checkpoints c JOIN tasks t ON t.id = c.task WHERE c.task = :task ORDER BY c.id;

-- name: all
SELECT c.id, c.task, c.run, c.name, c.version, c.at, length(c.data) AS size, t.goal, t.key
FROM checkpoints c JOIN tasks t ON t.id = c.task ORDER BY c.id DESC LIMIT 1000;

-- name: get
SELECT c.*, length(c.data) AS size, t.goal, t.key FROM checkpoints c JOIN tasks t ON t.id = c.task WHERE c.id = :id;

-- name: forget_oldest
DELETE FROM checkpoints WHERE task = :task AND id IN (
    SELECT id FROM checkpoints WHERE task = :task ORDER BY id DESC LIMIT -1 OFFSET :most);
