-- name: insert
INSERT INTO goals (id, title, state, policy, runtime, repo, branch, base_commit, path, source, variables,
                   allow_unconfined, created_at)
VALUES (:id, :title, 'draft', :policy, :runtime, :repo, :branch, :base_commit, :path, :source, :variables,
        :allow_unconfined, :at);

-- name: get
SELECT * FROM goals WHERE id = :id;

-- name: all
SELECT * FROM goals ORDER BY created_at, id;

-- name: unended
SELECT * FROM goals WHERE state NOT IN ('done', 'failed', 'cancelled') ORDER BY created_at, id;

-- name: by_prefix
SELECT id FROM goals WHERE id >= :low AND id < :high LIMIT 3;

-- name: move
UPDATE goals SET state = :to, version = version + 1, cause = :cause,
    started_at = CASE WHEN :to = 'active' THEN coalesce(started_at, :at) ELSE started_at END,
    ended_at = CASE WHEN :to IN ('done', 'failed', 'cancelled') THEN :at END
WHERE id = :id AND state = :frm AND version = :seen;

-- name: mark_cancelling
UPDATE goals SET cancelling = 1, version = version + 1, cause = :cause WHERE id = :id AND cancelling = 0;

-- name: leaf_tally_of
SELECT state, n FROM tally WHERE scope = :id AND n > 0;

-- name: first_failures
SELECT t.goal, t.kind, t.id AS task,
    (SELECT actor FROM gates WHERE gates.task = t.id ORDER BY opened_at DESC LIMIT 1) AS actor,
    EXISTS (SELECT 1 FROM decisions d WHERE d.task = t.id AND d.kind = 'review' AND d.answer = 'reject') AS rejected
FROM tasks t WHERE t.goal = :goal AND t.state = 'failed' AND t.kind <> 'group' ORDER BY t.ended_at, t.id LIMIT 1;
