-- name: insert
INSERT INTO tasks (id, goal, parent, key, title, description, kind, state, position, ordering, require, on_failure,
                   priority, spec, agent, provider, pin, tests, created_at)
VALUES (:id, :goal, :parent, :key, :title, :description, :kind, 'pending', :position, :ordering, :require, :on_failure,
        :priority, :spec, :agent, :provider, :pin, :tests, :at);

-- name: insert_need
INSERT INTO needs (task, needed) VALUES (?, ?);

-- name: get
SELECT * FROM tasks WHERE id = :id;

-- name: provider
SELECT provider FROM tasks WHERE id = :id;

-- name: brief
SELECT id, goal, parent, key, kind, state, version, position, ordering, require, on_failure, cancelling, held_by, tests
FROM tasks WHERE id = :id;

-- name: briefs
SELECT id, goal, parent, key, kind, state, version, position, ordering, require, on_failure, cancelling, held_by, tests
FROM tasks WHERE id IN (SELECT value FROM json_each(:ids));

-- name: briefs_of_goal
SELECT id, goal, parent, key, kind, state, version, position, ordering, require, on_failure, cancelling, held_by
FROM tasks WHERE goal = :goal AND tests IS NULL;

-- name: of_goal
SELECT * FROM tasks WHERE goal = :goal ORDER BY parent, position;

-- name: shape_of_goal
SELECT id, parent, key, kind, state, ordering, on_failure, priority, position, not_before, agent, provider, pin
FROM tasks WHERE goal = :goal AND tests IS NULL;

-- name: root
SELECT * FROM tasks INDEXED BY one_root WHERE goal = :goal AND parent IS NULL AND tests IS NULL;

-- name: by_key
SELECT id FROM tasks WHERE goal = :goal AND key = :key;

-- name: by_prefix
SELECT id FROM tasks WHERE id >= :low AND id < :high LIMIT 3;

-- name: move
UPDATE tasks SET state = :to, version = version + 1, cause = :cause, not_before = :not_before,
    runs = runs + (:to = 'claimed'), outdated = outdated AND :to <> 'pending',
    engine_deaths = CASE WHEN :to = 'running' THEN 0 ELSE engine_deaths END,
    started_at = CASE WHEN :to IN ('running', 'waiting') THEN :at WHEN :to = 'pending' THEN NULL ELSE started_at END,
    ended_at = :ended_at
FROM (SELECT json_extract(value, '$[0]') AS moving, json_extract(value, '$[1]') AS frm, json_extract(value, '$[2]') AS seen
      FROM json_each(:rows))
WHERE id = moving AND state = frm AND version = seen;

-- name: hold
UPDATE tasks SET held_by = :held_by WHERE id = :id;

-- name: derive
UPDATE tasks SET state = :to, version = version + 1, cause = :cause,
    started_at = CASE WHEN :to = 'pending' THEN NULL ELSE coalesce(started_at, :at) END,
    ended_at = CASE WHEN :to IN ('done', 'failed', 'cancelled', 'skipped') THEN :at END
WHERE id = :id AND version = :seen;

-- name: tally
SELECT state, n FROM tally WHERE scope = :id AND n > 0;

-- name: held_children
SELECT count(*) AS n FROM tasks WHERE parent = :id AND state = 'blocked' AND held_by IS NOT NULL;

-- name: count_failure
UPDATE tasks SET failures = failures + :agent, infra_failures = infra_failures + :infra WHERE id = :id;

-- name: give_back
UPDATE tasks SET infra_failures = max(0, infra_failures - :times) WHERE id = :id;

-- name: reset_failures
UPDATE tasks SET failures = 0, infra_failures = 0, engine_deaths = 0 WHERE id = :id;

-- name: count_engine_death
UPDATE tasks SET engine_deaths = engine_deaths + 1 WHERE id = :id RETURNING engine_deaths;

-- name: mark_cancelling
UPDATE tasks SET cancelling = 1, version = version + 1, cause = :cause WHERE id = :id AND cancelling = 0;

-- name: edit
UPDATE tasks SET title = :title, description = :description, priority = :priority, version = version + 1
WHERE id = :id;

-- name: drop_needs
DELETE FROM needs WHERE task = :task;

-- name: to_claim
SELECT t.*, (SELECT value FROM facts WHERE name = :switch) AS switch,
    (SELECT value FROM facts WHERE name = :breaker) AS breaker,
    (SELECT o.key FROM needs n JOIN tasks o ON o.id = n.needed
     WHERE n.task = t.id AND o.state NOT IN ('done', 'skipped') LIMIT 1) AS unmet
FROM tasks t WHERE t.id IN (SELECT value FROM json_each(:ids));

-- name: at_their_end
SELECT t.*, r.id AS run, g.state AS goal_state, root.state AS root_state,
    (SELECT value FROM facts WHERE name = :breaker) AS breaker,
    EXISTS (SELECT 1 FROM leases WHERE run = r.id) OR EXISTS (SELECT 1 FROM lease_waiters WHERE run = r.id) AS leases,
    EXISTS (SELECT 1 FROM decisions WHERE subject = r.id || :stall AND state IN ('pending', 'staged')) AS stalled,
    EXISTS (SELECT 1 FROM decisions WHERE task = t.id AND kind IN ('question', 'permission', 'egress')
        AND state IN ('pending', 'staged')) AS asks,
    EXISTS (SELECT 1 FROM budgets WHERE scope IN (t.goal, t.id) AND state = 'finishing') AS finishing
FROM runs r JOIN tasks t ON t.id = r.task JOIN goals g ON g.id = t.goal
    JOIN tasks root INDEXED BY one_root ON root.goal = t.goal AND root.parent IS NULL AND root.tests IS NULL
WHERE r.id IN (SELECT value FROM json_each(:runs));

-- name: dependants
SELECT task AS id FROM needs WHERE needed = :id;

-- name: needs_of
SELECT t.id, t.key, t.state FROM needs n JOIN tasks t ON t.id = n.needed WHERE n.task = :id ORDER BY t.position;

-- name: blocks_of
SELECT t.id, t.key, t.state FROM needs n JOIN tasks t ON t.id = n.task WHERE n.needed = :id ORDER BY t.position;

-- name: needs_of_goal
SELECT n.task, n.needed FROM needs n JOIN tasks t ON t.id = n.task WHERE t.goal = :goal;

-- name: siblings
SELECT id, kind, state, position FROM tasks WHERE parent = :parent AND id <> :id;

-- name: unended_leaves
SELECT id, kind, state, tests FROM tasks
WHERE goal = :goal AND kind <> 'group' AND state NOT IN ('done', 'failed', 'cancelled', 'skipped');

-- name: waiting_on_time
SELECT id, key, not_before FROM tasks
WHERE goal = :goal AND state = 'pending' AND not_before IS NOT NULL AND tests IS NULL;

-- name: ended_root
SELECT t.* FROM tasks t INDEXED BY one_root JOIN goals g ON g.id = t.goal
WHERE t.goal = :goal AND t.parent IS NULL AND t.tests IS NULL AND t.state IN ('done', 'failed', 'cancelled', 'skipped')
    AND g.state NOT IN ('done', 'failed', 'cancelled');

-- name: gated
SELECT EXISTS (
    SELECT 1 FROM tasks WHERE goal = :goal AND (kind = 'gate' OR json_extract(spec, '$.requires_approval') = 1)
) AS gated;

-- name: dependencies
WITH RECURSIVE above (id) AS (
    SELECT :id UNION SELECT t.parent FROM above a JOIN tasks t ON t.id = a.id WHERE t.parent IS NOT NULL
), needed (id) AS (
    SELECT n.needed FROM above a JOIN needs n ON n.task = a.id
    UNION SELECT t.id FROM needed d JOIN tasks t ON t.parent = d.id
)
SELECT t.id, t.key, t.title, t.state FROM needed d JOIN tasks t ON t.id = d.id WHERE t.kind = 'work' ORDER BY t.key;
