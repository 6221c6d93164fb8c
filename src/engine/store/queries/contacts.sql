-- name: get
SELECT * FROM contacts WHERE run = :run AND host = :host AND port = :port;

-- name: count
SELECT count(*) AS n FROM contacts WHERE run = :run;

-- name: of_run
SELECT * FROM contacts WHERE run = :run ORDER BY first_at, host, port;

-- name: judge
INSERT INTO contacts (run, host, port, verdict, reason, first_at, last_at)
VALUES (:run, :host, :port, :verdict, :reason, :at, :at)
ON CONFLICT (run, host, port) DO UPDATE SET verdict = :verdict, reason = :reason, last_at = :at;

-- name: try
UPDATE contacts SET tries = tries + 1 WHERE run = :run AND host = :host AND port = :port;

-- name: refuse
UPDATE contacts SET refused = refused + 1 WHERE run = :run AND host = :host AND port = :port;

-- name: carried
UPDATE contacts SET bytes_up = bytes_up + :up, bytes_down = bytes_down + :down, last_at = :at
WHERE run = :run AND host = :host AND port = :port;

-- name: pinned
SELECT addresses FROM contacts WHERE run = :run AND host = :host AND addresses <> '[]' LIMIT 1;

-- name: pin
UPDATE contacts SET addresses = :addresses WHERE run = :run AND host = :host AND addresses = '[]';

-- name: answered_for_goal
SELECT id, chosen FROM decisions
WHERE goal = :goal AND kind = 'egress' AND state = 'answered'
    AND json_extract(evidence, '$.arguments.to') = :to AND chosen IN ('goal', 'never')
ORDER BY chosen = 'never' DESC, answered_at DESC LIMIT 1;

-- name: question
SELECT state NOT IN ('pending', 'staged') AS ended FROM decisions WHERE id = :decision;

-- name: of_task
SELECT c.*, r.n AS run_n FROM contacts c JOIN runs r ON r.id = c.run WHERE r.task = :task
ORDER BY r.n DESC, c.first_at, c.host, c.port LIMIT 1000;
