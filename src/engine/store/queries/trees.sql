-- name: place
UPDATE tasks SET parent = :parent WHERE id = :id;

-- name: put_at
UPDATE tasks SET position = :position WHERE id = :id;

-- name: standing
SELECT id, parent, key, title, kind, ordering, pin, json_extract(spec, '$.merge') IS NOT NULL AS merges,
    coalesce(json_extract(spec, '$.gate.rework'), json_extract(spec, '$.on_reject.rework')) AS rework,
    json_extract(spec, '$.planned_by') AS planned_by
FROM tasks WHERE goal = :goal AND tests IS NULL ORDER BY position, id;

-- name: any_dead
SELECT 1 FROM tasks WHERE goal = :goal AND tests IS NULL AND state IN ('failed', 'cancelled', 'blocked')
AND (state <> 'blocked' OR held_by IS NOT NULL) LIMIT 1;

-- name: dead_need
SELECT t.id, t.key, t.state, t.held_by FROM needs n JOIN tasks t ON t.id = n.needed
WHERE n.task = :id AND (t.state IN ('failed', 'cancelled') OR (t.state = 'blocked' AND t.held_by IS NOT NULL)) LIMIT 1;

-- name: dead_sibling
SELECT t.id, t.key, t.state, t.held_by FROM tasks t JOIN tasks p ON p.id = t.parent
WHERE t.parent = :parent AND t.id <> :id AND (
    (p.ordering = 'sequential' AND t.position < :position
        AND (t.state IN ('failed', 'cancelled') OR (t.state = 'blocked' AND t.held_by IS NOT NULL)))
    OR (p.ordering = 'parallel' AND p.on_failure = 'stop' AND p.require = 'all' AND t.state IN ('failed', 'cancelled'))
) LIMIT 1;

-- name: descendants
WITH RECURSIVE below (id) AS (
    SELECT id FROM tasks WHERE parent = :id UNION ALL SELECT t.id FROM tasks t JOIN below b ON t.parent = b.id
)
SELECT t.id, t.goal, t.parent, t.key, t.kind, t.state, t.version, t.position, t.ordering, t.require, t.on_failure,
    t.cancelling, t.held_by, t.tests
FROM tasks t JOIN below USING (id) WHERE t.kind <> 'group';

-- name: unended_below
WITH RECURSIVE below (id) AS (
    SELECT id FROM tasks WHERE parent = :id UNION ALL SELECT t.id FROM tasks t JOIN below b ON t.parent = b.id
)
SELECT t.id, t.goal, t.parent, t.key, t.kind, t.state, t.version, t.position, t.ordering, t.require, t.on_failure,
    t.cancelling, t.held_by, t.tests
FROM tasks t JOIN below USING (id) WHERE t.kind <> 'group' AND t.state NOT IN ('done', 'failed', 'cancelled', 'skipped');
