-- name: planner
SELECT p.state FROM tasks g JOIN tasks p ON p.goal = g.goal AND p.key = json_extract(g.spec, '$.planned_by')
WHERE g.id = :id;

-- name: any_planned
SELECT 1 FROM tasks INDEXED BY planned_groups
WHERE goal = :goal AND kind = 'group' AND json_extract(spec, '$.planned_by') IS NOT NULL LIMIT 1;

-- name: planned_by
SELECT id, goal, parent, key, kind, state, version, position, ordering, require, on_failure, cancelling, held_by
FROM tasks INDEXED BY planned_groups
WHERE goal = :goal AND kind = 'group' AND json_extract(spec, '$.planned_by') IS NOT NULL
  AND json_extract(spec, '$.planned_by') = :key ORDER BY position;

-- name: children
SELECT id, goal, parent, key, kind, state, version, position, ordering, require, on_failure, cancelling, held_by
FROM tasks WHERE parent = :group ORDER BY position;

-- name: taken
SELECT 1 FROM tasks WHERE goal = :goal AND key = :key;

-- name: rename
UPDATE tasks SET key = :key WHERE id = :id;
