-- name: news
SELECT seq, at, type, goal, task, run, data FROM events WHERE seq > :after AND at >= :oldest
    AND (type LIKE 'decision.%' OR type IN ('goal.ended', 'gate.deadline', 'engine.degraded'))
ORDER BY seq LIMIT :limit;

-- name: add
INSERT INTO notices (subject, stage, channel, notice, at, next_at)
VALUES (:subject, :stage, :channel, :notice, :at, :at) ON CONFLICT (subject, stage, channel) DO NOTHING;

-- name: due
SELECT * FROM notices WHERE state = 'due' AND next_at <= :now AND channel = :channel ORDER BY next_at, id LIMIT :limit;

-- name: next
SELECT min(next_at) AS at FROM notices WHERE state = 'due';

-- name: begin
UPDATE notices SET state = 'sending', attempts = attempts + 1 WHERE id = :id AND state = 'due' AND attempts = :seen;

-- name: settle
UPDATE notices SET state = :state, message = :message, next_at = :next_at WHERE id = :id AND state = :frm;

-- name: forsaken
UPDATE notices SET state = 'unknown', message = 'the engine ended while it was sent' WHERE state = 'sending';

-- name: newest
SELECT * FROM notices ORDER BY id DESC LIMIT :limit;

-- name: forget
DELETE FROM notices WHERE id <= (SELECT max(id) FROM notices) - :kept AND state NOT IN ('due', 'sending');
