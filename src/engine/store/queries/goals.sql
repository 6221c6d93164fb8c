-- name: insert
INSERT INTO goals (id, title, state, policy, runtime, repo, branch, base_commit, path, source, variables,
                   allow_unconfined, external_ref, continues, created_at)
VALUES (:id, :title, 'draft', :policy, :runtime, :repo, :branch, :base_commit, :path, :source, :variables,
        :allow_unconfined, :external_ref, :continues, :at);

-- name: live_by_external_ref
SELECT id FROM goals WHERE external_ref = :ref AND state NOT IN ('done', 'failed', 'cancelled');

-- name: get
SELECT * FROM goals WHERE id = :id;

-- name: to_claim
SELECT id, title, state, version, policy, runtime, repo, branch, base_commit, path, allow_unconfined, cancelling, cause,
    external_ref, continues, created_at, started_at, ended_at
FROM goals WHERE id = :id;

-- name: standing
SELECT state, cause FROM goals WHERE id = :id;

-- name: all
SELECT * FROM goals ORDER BY created_at, id;

-- name: touch
UPDATE goals SET title = title WHERE id = '';

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
    (SELECT actor FROM gates WHERE gates.task = t.id AND parent IS NULL ORDER BY opened_at DESC, rowid DESC LIMIT 1) AS actor,
    EXISTS (SELECT 1 FROM decisions d WHERE d.task = t.id AND d.kind IN ('review', 'rework') AND d.answer = 'reject') AS rejected
FROM tasks t WHERE t.goal = :goal AND t.state = 'failed' AND t.kind <> 'group' ORDER BY t.ended_at, t.id LIMIT 1;
