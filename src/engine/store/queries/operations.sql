-- name: get
SELECT digest, effect, status, headers, body FROM operations WHERE key = :key;

-- name: insert
INSERT INTO operations (key, digest, at) VALUES (:key, :digest, :at);

-- name: mark
UPDATE operations SET effect = 1 WHERE key = :key AND effect = 0;

-- name: finish
UPDATE operations SET status = :status, headers = :headers, body = :body WHERE key = :key AND status IS NULL;

-- name: drop
DELETE FROM operations WHERE key = :key AND status IS NULL AND effect = 0;

-- name: forget
DELETE FROM operations WHERE at < :horizon;
