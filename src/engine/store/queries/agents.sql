-- name: issue_token
INSERT INTO run_tokens (hash, run, issued_at) VALUES (:hash, :run, :at);

-- name: bearer
SELECT t.run, r.state FROM run_tokens t JOIN runs r ON r.id = t.run WHERE t.hash = :hash;

-- name: register
INSERT INTO agents (run, role, registered_at) VALUES (:run, :role, :at) ON CONFLICT (run) DO NOTHING;

-- name: get
SELECT * FROM agents WHERE run = :run;

-- name: describe
UPDATE agents SET role = coalesce(:role, role), capabilities = coalesce(:capabilities, capabilities),
    state = coalesce(:state, state), load = coalesce(:load, load)
WHERE run = :run;

-- name: live
SELECT a.*, r.goal, r.task, r.n, r.sandbox, r.state AS run_state, r.frozen, r.started_at, t.key, t.title
FROM runs r INDEXED BY live_runs JOIN agents a ON a.run = r.id JOIN tasks t ON t.id = r.task
WHERE r.state <> 'ended' AND (:goal IS NULL OR r.goal = :goal) ORDER BY a.registered_at, a.run;

-- name: report
INSERT INTO reports (run, kind, summary, outputs, verdict, at)
VALUES (:run, :kind, :summary, :outputs, :verdict, :at)
ON CONFLICT (run) DO UPDATE SET kind = :kind, summary = :summary, outputs = :outputs, verdict = :verdict, at = :at;

-- name: report_of
SELECT * FROM reports WHERE run = :run;

-- name: hand_over
INSERT INTO handoffs (run, name, value, at) VALUES (:run, :name, :value, :at)
ON CONFLICT (run, name) DO UPDATE SET value = :value, at = :at;

-- name: handed_over
SELECT name, value FROM handoffs WHERE run = :run ORDER BY name;

-- name: live_run
SELECT state FROM runs WHERE id = :run AND state <> 'ended';
