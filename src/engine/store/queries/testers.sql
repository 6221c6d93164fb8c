-- name: any
SELECT 1 FROM tasks INDEXED BY testers WHERE goal = :goal AND tests IS NOT NULL LIMIT 1;

-- name: of_goal
WITH RECURSIVE above (id) AS (
    SELECT t.parent FROM runs r INDEXED BY live_runs JOIN tasks t ON t.id = r.task
    WHERE r.goal = :goal AND r.state <> 'ended' AND r.driver <> 'engine' AND t.tests IS NULL
    UNION ALL SELECT t.parent FROM above a JOIN tasks t ON t.id = a.id
)
SELECT s.id, s.key, s.state, s.cause, s.not_before, s.agent, s.tests, g.key AS group_key, g.state AS group_state,
    json_extract(g.spec, '$.testers.ratio') AS ratio, json_extract(g.spec, '$.testers.batch') AS batch,
    o.state = 'active' AND NOT o.cancelling AS going, (SELECT count(*) FROM above WHERE above.id = s.tests) AS workers
FROM tasks s INDEXED BY testers JOIN tasks g ON g.id = s.tests JOIN goals o ON o.id = s.goal
WHERE s.goal = :goal AND s.tests IS NOT NULL ORDER BY s.tests, s.position;

-- name: due
WITH RECURSIVE below (id) AS (
    SELECT id FROM tasks WHERE parent = :group UNION ALL SELECT t.id FROM tasks t JOIN below b ON t.parent = b.id
)
SELECT t.id, (SELECT max(id) FROM tested WHERE task = t.id) AS last,
    (SELECT count(*) FROM needs WHERE needed = t.id) AS dependants
FROM tasks t JOIN below USING (id)
WHERE t.kind = 'work' AND t.state = 'done' AND json_extract(t.spec, '$.merge') IS NULL
    AND NOT EXISTS (SELECT 1 FROM tested WHERE task = t.id AND fresh = 1)
ORDER BY coalesce(last, 0), dependants DESC, t.priority DESC, t.created_at, t.position, t.id LIMIT :batch;

-- name: give
INSERT INTO tested (goal, run, task, outcome, fresh, at) VALUES (:goal, :run, :task, 'open', 1, :at);

-- name: batch_of
SELECT t.id, t.key, t.title, t.description, t.state FROM tested x JOIN tasks t ON t.id = x.task
WHERE x.run = :run ORDER BY x.id;

-- name: found
UPDATE tested SET outcome = :outcome, words = :words, fresh = fresh AND :fresh, at = :at
WHERE run = :run AND task = :task;

-- name: let_go
UPDATE tested SET outcome = 'stopped', fresh = 0, at = :at WHERE run = :run;

-- name: rounds_on
SELECT count(*) AS n FROM reworks r INDEXED BY reworks_by_goal JOIN tasks s ON s.id = r.task
WHERE r.goal = :goal AND r.target = :target AND s.tests IS NOT NULL;

-- name: idle
SELECT id, goal, parent, key, kind, state, version, position, ordering, require, on_failure, cancelling, held_by, tests
FROM tasks INDEXED BY testers WHERE goal = :goal AND tests IS NOT NULL AND state IN ('pending', 'blocked');

-- name: found_in
SELECT x.outcome, x.words, r.n, t.key, s.key AS tester
FROM tasks s INDEXED BY testers JOIN runs r ON r.task = s.id JOIN tested x ON x.run = r.id JOIN tasks t ON t.id = x.task
WHERE s.goal = (SELECT goal FROM tasks WHERE id = :group) AND s.tests = :group
    AND x.outcome IN ('regressed', 'failed') ORDER BY x.id DESC LIMIT :limit;
