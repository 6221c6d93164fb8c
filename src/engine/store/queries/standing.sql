-- name: goals
SELECT state AS word, count(*) AS n FROM goals GROUP BY state;

-- name: tasks
SELECT y.state AS word, sum(y.n) AS n FROM tally y JOIN goals g ON g.id = y.scope GROUP BY y.state;

-- name: sandboxes
SELECT state AS word, count(*) AS n FROM runs WHERE state <> 'ended' AND driver <> 'engine' GROUP BY state;

-- name: decisions
SELECT kind AS word, count(*) AS n FROM decisions WHERE state IN ('pending', 'staged') GROUP BY kind;

-- name: leases
SELECT count(*) AS n FROM leases;

-- name: open_gates
SELECT id, kind, opened_at FROM gates WHERE state = 'open';

-- name: open_decisions
SELECT id, kind, opened_at FROM decisions WHERE state IN ('pending', 'staged');
