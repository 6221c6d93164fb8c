-- name: insert
INSERT INTO runs (id, goal, task, n, state, driver, sandbox, memory, created_at)
SELECT :id, goal, id, runs, 'created', :driver, :sandbox, :memory, :at FROM tasks WHERE id = :task RETURNING *;

-- name: get
SELECT * FROM runs WHERE id = :id;

-- name: by_prefix
SELECT id FROM runs WHERE id >= :low AND id < :high LIMIT 3;

-- name: by_sandbox
SELECT id, sandbox FROM runs WHERE sandbox >= :low AND sandbox < :high LIMIT 3;

-- name: of_task
SELECT * FROM runs WHERE task = :task ORDER BY n;

-- name: newest
SELECT * FROM runs WHERE task = :task ORDER BY n DESC LIMIT 1;

-- name: live
SELECT * FROM runs WHERE state <> 'ended' ORDER BY created_at, id;

-- name: count_live
SELECT count(*) AS n FROM runs INDEXED BY live_runs WHERE state <> 'ended' AND driver <> 'engine';

-- name: count_live_of_goal
SELECT count(*) AS n FROM runs WHERE goal = :goal AND state <> 'ended';

-- name: memory_taken
SELECT coalesce(sum(memory), 0) AS bytes FROM runs INDEXED BY live_runs WHERE state <> 'ended';

-- name: memory_takers
SELECT t.key, r.memory FROM runs r INDEXED BY live_runs JOIN tasks t ON t.id = r.task
WHERE r.state <> 'ended' AND r.memory IS NOT NULL ORDER BY r.memory DESC, r.id;

-- name: starting
UPDATE runs SET state = 'starting' WHERE id = :id AND state = 'created';

-- name: started
UPDATE runs SET state = 'running', container_id = :container_id, started_at = :at WHERE id = :id AND state = 'starting';

-- name: freeze
UPDATE runs SET frozen = :frozen WHERE id = :id AND state = 'running' AND frozen <> :frozen;

-- name: freezes
SELECT at, type FROM events WHERE run = :id AND type IN ('sandbox.paused', 'sandbox.thawed') ORDER BY seq;

-- name: ended
UPDATE runs SET state = 'ended', cause = :cause, exit_code = :exit_code, signal = :signal, oom = :oom,
    message = :message, last_lines = :last_lines, "commit" = :commit, failure_class = :failure_class,
    salvage = :salvage, frozen = 0, ended_at = :at
WHERE id = :id AND state <> 'ended';

-- name: last_ended_of_goal
SELECT * FROM runs WHERE goal = :goal AND state = 'ended' ORDER BY ended_at DESC, id LIMIT 1;

-- name: salvaged
UPDATE runs SET salvage = :salvage WHERE id = :id AND state = 'ended';

-- name: perhaps_alive
SELECT sandbox FROM runs WHERE task = :task AND cause IN ('start_error', 'lost') AND driver <> 'engine' ORDER BY n;
