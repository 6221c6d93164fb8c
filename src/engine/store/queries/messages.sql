-- name: insert
INSERT INTO messages (key, goal, kind, type, sender, sender_name, answers, urgent, body, state, at)
VALUES (:key, :goal, :kind, :type, :sender, :sender_name, :answers, :urgent, :body, :state, :at) RETURNING id;

-- name: get
SELECT * FROM messages WHERE id = :id;

-- name: by_key
SELECT * FROM messages WHERE key = :key;

-- name: deliver
INSERT INTO deliveries (message, run, state) VALUES (:message, :run, :state);

-- name: was_delivered
SELECT 1 FROM deliveries WHERE message = :message AND run = :run;

-- name: unread
SELECT count(*) AS n FROM deliveries INDEXED BY inbox WHERE run = :run AND state = 'queued';

-- name: inbox
SELECT m.* FROM deliveries d JOIN messages m ON m.id = d.message
WHERE d.run = :run AND d.state = 'queued' AND (:type IS NULL OR m.type = :type)
ORDER BY m.urgent DESC, m.id LIMIT :most;

-- name: read
UPDATE deliveries SET state = :state WHERE message = :message AND run = :run AND state = 'queued';

-- name: answer_to
SELECT * FROM messages WHERE answers = :id;

-- name: settle
UPDATE messages SET state = :state WHERE id = :id AND state = 'open';
