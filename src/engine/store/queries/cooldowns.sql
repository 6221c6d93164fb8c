-- name: get
SELECT * FROM cooldowns WHERE provider = :provider;

-- name: live
SELECT provider, until FROM cooldowns WHERE over = 0 ORDER BY until, provider;

-- name: set
INSERT INTO cooldowns (provider, until, hits, run) VALUES (:provider, :until, :hits, :run)
ON CONFLICT (provider) DO UPDATE SET until = excluded.until, hits = excluded.hits, run = excluded.run, over = 0;

-- name: end
UPDATE cooldowns SET over = 1 WHERE provider = :provider;

-- name: forget
DELETE FROM cooldowns WHERE provider = :provider AND over = 1;

-- name: holding
SELECT c.provider, c.until, min(t.id) AS task FROM cooldowns c JOIN tasks t ON t.provider = c.provider
WHERE t.goal = :goal AND t.state = 'pending' AND t.tests IS NULL AND c.over = 0 GROUP BY c.provider ORDER BY c.until;

-- name: live_runs_of_agent
SELECT count(*) AS n FROM runs INDEXED BY live_runs WHERE state <> 'ended' AND profile = :profile;
