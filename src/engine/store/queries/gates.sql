-- name: insert
INSERT INTO gates (id, goal, task, kind, state, spec, opened_at, deadline, on_deadline, parent, position, repo, pr, name,
                   key, head)
VALUES (:id, :goal, :task, :kind, 'open', :spec, :at, :deadline, :on_deadline, :parent, :position, :repo, :pr, :name,
        :key, :head);

-- name: get
SELECT * FROM gates WHERE id = :id;

-- name: by_prefix
SELECT id FROM gates WHERE id >= :low AND id < :high LIMIT 3;

-- name: open_of_task
SELECT * FROM gates WHERE task = :task AND state = 'open';

-- name: newest_of_task
SELECT * FROM gates WHERE task = :task AND parent IS NULL ORDER BY opened_at DESC, rowid DESC LIMIT 1;

-- name: members
SELECT * FROM gates WHERE parent = :parent ORDER BY position;

-- name: resolve
UPDATE gates SET state = :to, actor = :actor, resolved_at = :at, cause = :cause, signal = :signal, token = NULL
WHERE id = :id AND state = 'open';

-- name: due
SELECT * FROM gates WHERE state = 'open' AND deadline <= :at
    AND NOT EXISTS (SELECT 1 FROM decisions d WHERE d.subject = gates.id AND d.state = 'staged')
ORDER BY deadline;

-- name: next_deadline
SELECT min(deadline) AS at FROM gates WHERE state = 'open' AND deadline IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM decisions d WHERE d.subject = gates.id AND d.state = 'staged');

-- name: drop_deadline
UPDATE gates SET deadline = NULL WHERE id = :id AND state = 'open';

-- name: open_roots_of_goal
SELECT id, goal, task, kind, deadline FROM gates WHERE goal = :goal AND state = 'open' AND parent IS NULL;

-- name: open_of_goal
SELECT * FROM gates WHERE goal = :goal AND state = 'open' ORDER BY opened_at, id;

-- name: waiting_for
SELECT * FROM gates WHERE state = 'open' AND kind = :kind AND (repo IS NULL OR repo = :repo) AND (pr IS NULL OR pr = :pr)
    AND (name IS NULL OR name = :name) AND (key IS NULL OR key = :key)
ORDER BY opened_at, id;

-- name: pin
UPDATE gates SET head = :head WHERE id = :id AND state = 'open';

-- name: set_token
UPDATE gates SET token = :token WHERE id = :id AND state = 'open';

-- name: before_task
WITH RECURSIVE above (id) AS (
    SELECT :id UNION SELECT t.parent FROM above a JOIN tasks t ON t.id = a.id WHERE t.parent IS NOT NULL
), needed (id) AS (
    SELECT n.needed FROM above a JOIN needs n ON n.task = a.id
    UNION SELECT s.id FROM above a JOIN tasks t ON t.id = a.id JOIN tasks p ON p.id = t.parent
        JOIN tasks s ON s.parent = t.parent WHERE p.ordering = 'sequential' AND s.position < t.position
    UNION SELECT t.id FROM needed d JOIN tasks t ON t.parent = d.id
)
SELECT t.id, t.key, t.title, t.state FROM needed d JOIN tasks t ON t.id = d.id WHERE t.kind = 'gate' ORDER BY t.key;

-- name: answers_of_task
SELECT g.id, g.kind, g.state, d.answer, d.chosen, d.filled, d.by, s.data FROM gates g
LEFT JOIN decisions d ON d.subject = g.id AND d.task = g.task AND d.state = 'answered' LEFT JOIN signals s ON s.id = g.signal
WHERE g.task = :task AND g.opened_at >= :since ORDER BY g.rowid;
