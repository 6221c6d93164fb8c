-- name: insert
INSERT INTO verdicts (run, goal, task, kind, passed, summary, feedback, findings, checks, at)
VALUES (:run, :goal, :task, :kind, :passed, :summary, :feedback, :findings, :checks, :at);

-- name: set_open
UPDATE verdicts SET open = :open WHERE run = :run AND open <> :open;

-- name: of_run
SELECT * FROM verdicts WHERE run = :run;

-- name: of_task
SELECT v.*, r.n, t.key FROM verdicts v JOIN runs r ON r.id = v.run JOIN tasks t ON t.id = v.task
WHERE v.task = :task ORDER BY r.n;

-- name: standing_of_goal
SELECT v.*, r.n, t.key FROM verdicts v JOIN runs r ON r.id = v.run JOIN tasks t ON t.id = v.task
WHERE v.goal = :goal AND r.n = t.runs AND t.state IN ('done', 'review', 'blocked', 'failed') ORDER BY t.position, t.id;

-- name: open_of_task
SELECT v.*, t.key, t.state, t.spec, r.n FROM verdicts v JOIN runs r ON r.id = v.run JOIN tasks t ON t.id = v.task
WHERE v.task = :task AND v.open = 1 AND r.n = t.runs;

-- name: open
SELECT v.*, t.key, t.state FROM verdicts v INDEXED BY open_objections
JOIN runs r ON r.id = v.run JOIN tasks t ON t.id = v.task
WHERE v.open = 1 AND r.n = t.runs AND t.state IN ('blocked', 'review') ORDER BY v.at, v.run;

-- name: begin_round
INSERT INTO reworks (goal, task, target, run, decision, at) VALUES (:goal, :task, :target, :run, :decision, :at);

-- name: rounds
SELECT count(*) AS n FROM reworks WHERE task = :task;

-- name: own_rounds
SELECT count(*) AS n FROM reworks WHERE task = :task AND decision IS NULL;

-- name: rounds_of_goal
SELECT task, count(*) AS n FROM reworks WHERE goal = :goal GROUP BY task;

-- name: open_on
SELECT v.*, t.key, t.state FROM verdicts v INDEXED BY open_objections
JOIN runs r ON r.id = v.run JOIN tasks t ON t.id = v.task
WHERE v.goal = :goal AND v.open = 1 AND r.n = t.runs AND t.state IN ('blocked', 'review')
    AND json_extract(t.spec, '$.on_reject.rework') = :target
ORDER BY v.at, v.run;

-- name: mark_outdated
UPDATE tasks SET outdated = 1 WHERE id = :id;

-- name: gates_at_the_end
SELECT t.id FROM tasks t INDEXED BY blocked_gates
WHERE t.kind = 'gate' AND t.state = 'blocked' AND t.held_by IS NULL AND json_extract(t.spec, '$.on_reject') IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM decisions d WHERE d.task = t.id AND d.state IN ('pending', 'staged'));
