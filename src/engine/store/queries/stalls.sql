-- name: restart_of
SELECT by, via FROM decisions
WHERE task = :task AND subject = :subject AND state = 'answered' AND chosen = 'restart';
