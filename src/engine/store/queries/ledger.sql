-- name: newest
SELECT seq, hash FROM ledger ORDER BY seq DESC LIMIT 1;

-- name: add
INSERT INTO ledger (seq, decision, previous, hash, entry) VALUES (:seq, :decision, :previous, :hash, :entry);

-- name: all
SELECT seq, previous, hash, entry FROM ledger ORDER BY seq;

-- name: before
SELECT seq, previous, hash, entry FROM ledger WHERE seq < :before ORDER BY seq DESC LIMIT :limit;

-- name: of_decision
SELECT seq, previous, hash, entry FROM ledger WHERE decision = :decision AND seq < :before
ORDER BY seq DESC LIMIT :limit;

-- name: head
SELECT value FROM facts WHERE name = 'ledger';

-- name: set_head
INSERT INTO facts (name, value) VALUES ('ledger', :hash) ON CONFLICT (name) DO UPDATE SET value = :hash;
