-- name: insert
INSERT INTO tasks (id, goal, parent, key, title, kind, state, position, ordering, require, on_failure, priority,
                   spec, created_at)
VALUES (:id, :goal, :parent, :key, :title, :kind, 'pending', :position, :ordering, :require, :on_failure, :priority,
        :spec, :at);

-- name: insert_need
INSERT INTO needs (task, needed) VALUES (?, ?);

-- name: get
SELECT * FROM tasks WHERE id = :id;

-- name: brief
SELECT id, goal, parent, key, kind, state, version, position, ordering, require, on_failure, cancelling, held_by
FROM tasks WHERE id = :id;

-- name: briefs_of_goal
SELECT id, goal, parent, key, kind, state, version, position, ordering, require, on_failure, cancelling, held_by
FROM tasks WHERE goal = :goal;

-- name: of_goal
SELECT * FROM tasks WHERE goal = :goal ORDER BY parent, position;

-- name: shape_of_goal
SELECT id, parent, key, kind, state, ordering, on_failure, priority, position, not_before
FROM tasks WHERE goal = :goal;

-- name: root
SELECT * FROM tasks INDEXED BY one_root WHERE goal = :goal AND parent IS NULL;

-- name: by_key
SELECT id FROM tasks WHERE goal = :goal AND key = :key;

-- name: by_prefix
SELECT id FROM tasks WHERE id >= :low AND id < :high LIMIT 3;

-- name: move
UPDATE tasks SET state = :to, version = version + 1, cause = :cause, held_by = :held_by, not_before = :not_before,
    runs = runs + (:to = 'claimed'), engine_deaths = CASE WHEN :to = 'running' THEN 0 ELSE engine_deaths END,
    started_at = CASE WHEN :to IN ('running', 'waiting') THEN :at WHEN :to = 'pending' THEN NULL ELSE started_at END,
    ended_at = CASE WHEN :to IN ('done', 'failed', 'cancelled', 'skipped') THEN :at END
WHERE id = :id AND state = :frm AND version = :seen;

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

-- name: descendants
WITH RECURSIVE below (id) AS (
    SELECT id FROM tasks WHERE parent = :id UNION ALL SELECT t.id FROM tasks t JOIN below b ON t.parent = b.id
)
SELECT t.id, t.goal, t.parent, t.key, t.kind, t.state, t.version, t.position, t.ordering, t.require, t.on_failure,
    t.cancelling, t.held_by
FROM tasks t JOIN below USING (id) WHERE t.kind <> 'group';

-- name: unended_leaves
SELECT id, kind, state FROM tasks
WHERE goal = :goal AND kind <> 'group' AND state NOT IN ('done', 'failed', 'cancelled', 'skipped');

-- name: waiting_on_time
SELECT id, key, not_before FROM tasks WHERE goal = :goal AND state = 'pending' AND not_before IS NOT NULL;

-- name: ended_root
SELECT t.* FROM tasks t INDEXED BY one_root JOIN goals g ON g.id = t.goal
WHERE t.goal = :goal AND t.parent IS NULL AND t.state IN ('done', 'failed', 'cancelled', 'skipped')
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
