-- name: insert
INSERT INTO decisions (id, goal, task, subject, kind, state, question, options, risk, content, opened_at, deadline)
VALUES (:id, :goal, :task, :subject, :kind, 'pending', :question, :options, :risk, :content, :at, :deadline);

-- name: get
SELECT * FROM decisions WHERE id = :id;

-- name: by_prefix
SELECT id FROM decisions WHERE id >= :low AND id < :high LIMIT 3;

-- name: open
SELECT * FROM decisions WHERE state IN ('pending', 'staged') ORDER BY opened_at, id;

-- name: open_of_task
SELECT * FROM decisions WHERE task = :task AND kind <> 'infrastructure' AND state IN ('pending', 'staged');

-- name: open_of_subject
SELECT * FROM decisions WHERE subject = :subject AND state IN ('pending', 'staged');

-- name: open_of_goal
SELECT id FROM decisions WHERE goal = :goal AND state IN ('pending', 'staged');

-- name: stage
UPDATE decisions SET state = 'staged', version = version + 1, answer = :answer, feedback = :feedback, by = :by,
    via = :via, shown = :shown, shown_seconds = :shown_seconds, effective_at = :effective_at
WHERE id = :id AND state = 'pending' AND version = :seen;

-- name: undo
UPDATE decisions SET state = 'pending', version = version + 1, answer = NULL, feedback = NULL, by = NULL, via = NULL,
    shown = NULL, shown_seconds = NULL, effective_at = NULL
WHERE id = :id AND state = 'staged';

-- name: confirm
UPDATE decisions SET state = 'answered', version = version + 1, answered_at = :at WHERE id = :id AND state = 'staged';

-- name: end
UPDATE decisions SET state = :to, version = version + 1, answered_at = :at, by = :by
WHERE id = :id AND state IN ('pending');

-- name: new_content
UPDATE decisions SET content = :content, version = version + 1
WHERE goal = :goal AND kind = 'approval' AND state = 'pending' AND content IS NOT NULL AND content <> :content;

-- name: staged_on_old_content
SELECT id FROM decisions
WHERE goal = :goal AND kind = 'approval' AND state = 'staged' AND content IS NOT NULL AND content <> :content;

-- name: staged
SELECT id, effective_at FROM decisions WHERE state = 'staged' ORDER BY effective_at;

-- name: add_feedback
INSERT INTO feedback (task, decision, text, at) VALUES (:task, :decision, :text, :at)
ON CONFLICT (task, decision) DO NOTHING;

-- name: feedback_of
SELECT text, at, decision FROM feedback WHERE task = :task ORDER BY id;
