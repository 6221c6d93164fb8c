-- name: insert
INSERT INTO runs (id, goal, task, n, state, driver, sandbox, memory, profile, pin, created_at)
VALUES (?, ?, ?, ?, 'created', ?, ?, ?, ?, ?, ?);

-- name: get
SELECT * FROM runs WHERE id = :id;

-- name: standing
SELECT r.*, t.cancelling FROM runs r JOIN tasks t ON t.id = r.task WHERE r.id = :id;

-- name: ask
UPDATE runs SET asked = :cause, asked_by = :by WHERE id = :id AND state <> 'ended';

-- name: take_back_stops
UPDATE runs SET asked = NULL WHERE state <> 'ended' AND asked = 'cancelled' AND asked_by IS NULL
    AND EXISTS (SELECT 1 FROM tasks t WHERE t.id = runs.task AND NOT t.cancelling);

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
SELECT coalesce(sum(memory), 0) AS n FROM runs INDEXED BY live_runs WHERE state <> 'ended';

-- name: memory_takers
SELECT t.key, r.memory FROM runs r INDEXED BY live_runs JOIN tasks t ON t.id = r.task
WHERE r.state <> 'ended' AND r.memory IS NOT NULL ORDER BY r.memory DESC, r.id;

-- name: starting
UPDATE runs SET state = 'starting' WHERE id IN (SELECT value FROM json_each(:ids)) AND state = 'created';

-- name: started
UPDATE runs SET state = 'running', container_id = given, started_at = :at
FROM (SELECT json_extract(value, '$[0]') AS run, json_extract(value, '$[1]') AS given FROM json_each(:rows))
WHERE id = run AND state = 'starting';

-- name: freeze
UPDATE runs SET frozen = :frozen WHERE id = :id AND state = 'running' AND frozen <> :frozen;

-- name: interrupt
UPDATE runs SET interrupted_by = :by, interrupted_at = :at WHERE id = :id AND state = 'running';

-- name: freezes
SELECT at, type FROM events WHERE run = :id AND type IN ('sandbox.paused', 'sandbox.thawed') ORDER BY seq;

-- name: ended
UPDATE runs SET state = 'ended', cause = column2, exit_code = column3, signal = column4, oom = column5,
    message = column6, last_lines = column7, "commit" = column8, failure_class = column9,
    salvage = column10, frozen = 0, ended_at = column11
FROM (VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?))
WHERE id = column1 AND state <> 'ended';

-- name: last_ended_of_goal
SELECT * FROM runs WHERE goal = :goal AND state = 'ended' ORDER BY ended_at DESC, id LIMIT 1;

-- name: salvaged
UPDATE runs SET salvage = :salvage WHERE id = :id AND state = 'ended';

-- name: perhaps_alive
SELECT sandbox FROM runs
WHERE task = :task AND driver <> 'engine'
    AND (cause IN ('start_error', 'lost') OR (cause = 'cancelled' AND started_at IS NULL))
ORDER BY n;

-- name: add_usage
UPDATE runs SET cost_usd = cost_usd + :cost_usd, tokens_in = tokens_in + :tokens_in,
    tokens_out = tokens_out + :tokens_out
WHERE id = :id;

-- name: usage_of_goal
SELECT coalesce(sum(cost_usd), 0) AS cost_usd, coalesce(sum(tokens_in), 0) AS tokens_in,
    coalesce(sum(tokens_out), 0) AS tokens_out
FROM runs WHERE goal = :goal;

-- name: occupant
SELECT r.n, t.key FROM runs r INDEXED BY one_pinned_run JOIN tasks t ON t.id = r.task
WHERE r.goal = :goal AND r.pin = :pin AND r.pin IS NOT NULL AND r.state <> 'ended';

-- name: occupants_of_goal
SELECT r.id, r.pin, r.n, r.task, r.sandbox, r.state, t.key
FROM runs r INDEXED BY one_pinned_run JOIN tasks t ON t.id = r.task
WHERE r.goal = :goal AND r.pin IS NOT NULL AND r.state <> 'ended' ORDER BY r.pin;

-- name: before_in_pinned
SELECT id, task, "commit" FROM runs INDEXED BY pinned_runs
WHERE goal = :goal AND pin = :pin AND pin IS NOT NULL AND "commit" IS NOT NULL AND state = 'ended'
ORDER BY ended_at DESC LIMIT 1;

-- name: session
UPDATE runs SET session = :session WHERE id = :id;

-- name: last_in_pinned
SELECT profile, session FROM runs INDEXED BY pinned_runs
WHERE goal = :goal AND pin = :pin AND pin IS NOT NULL AND state = 'ended' AND started_at IS NOT NULL
ORDER BY ended_at DESC LIMIT 1;
