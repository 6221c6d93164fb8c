-- name: insert
INSERT INTO decisions (id, goal, task, subject, kind, state, question, options, risk, content, opened_at, deadline,
                       evidence, choices, fields, risk_reason)
VALUES (:id, :goal, :task, :subject, :kind, 'pending', :question, :options, :risk, :content, :at, :deadline,
        :evidence, :choices, :fields, :risk_reason);

-- name: get
SELECT * FROM decisions WHERE id = :id;

-- name: by_prefix
SELECT id FROM decisions WHERE id >= :low AND id < :high LIMIT 3;

-- name: open
SELECT * FROM decisions WHERE state IN ('pending', 'staged') ORDER BY opened_at, id;

-- name: open_of_task
SELECT * FROM decisions WHERE task = :task AND kind NOT IN ('infrastructure', 'budget') AND state IN ('pending', 'staged');

-- name: newest_of_gate
SELECT d.* FROM decisions d JOIN tasks t ON t.id = d.task
WHERE d.task = :task AND t.kind = 'gate' ORDER BY d.opened_at DESC LIMIT 1;

-- name: open_of_subject
SELECT * FROM decisions WHERE subject = :subject AND state IN ('pending', 'staged');

-- name: open_of_goal
SELECT id FROM decisions WHERE goal = :goal AND state IN ('pending', 'staged');

-- name: stage
UPDATE decisions SET state = 'staged', version = version + 1, answer = :answer, feedback = :feedback, by = :by,
    via = :via, chosen = :chosen, filled = :filled, shown = :shown, shown_seconds = :shown_seconds, effective_at = :effective_at,
    raw = :raw, snoozed_until = NULL, snoozed_for_news = 0
WHERE id = :id AND state = 'pending' AND version = :seen;

-- name: undo
UPDATE decisions SET state = 'pending', version = version + 1, answer = NULL, feedback = NULL, by = NULL, via = NULL,
    chosen = NULL, filled = '{}', raw = NULL, rule = NULL, shown = NULL, shown_seconds = NULL, effective_at = NULL
WHERE id = :id AND state = 'staged';

-- name: confirm
UPDATE decisions SET state = 'answered', version = version + 1, answered_at = :at WHERE id = :id AND state = 'staged';

-- name: end
UPDATE decisions SET state = :to, version = version + 1, answered_at = :at, by = :by
WHERE id = :id AND state IN ('pending');

-- name: new_content
UPDATE decisions SET content = :content, version = version + 1, content_before = content,
    snoozed_until = NULL, snoozed_for_news = 0
WHERE goal = :goal AND kind IN ('approval', 'choice', 'form') AND state = 'pending' AND content IS NOT NULL AND content <> :content;

-- name: ask_anew
UPDATE decisions SET question = :question, evidence = :evidence, version = version + 1,
    snoozed_until = NULL, snoozed_for_news = 0
WHERE id = :id AND state = 'pending' AND version = :seen;

-- name: staged_on_old_content
SELECT id FROM decisions
WHERE goal = :goal AND kind IN ('approval', 'choice', 'form') AND state = 'staged' AND content IS NOT NULL AND content <> :content;

-- name: staged
SELECT id, effective_at FROM decisions WHERE state = 'staged' ORDER BY effective_at;

-- name: add_feedback
INSERT INTO feedback (task, decision, run, text, at) VALUES (:task, :decision, :run, :text, :at)
ON CONFLICT DO NOTHING;

-- name: feedback_of
SELECT f.text, f.at, f.decision, f.run, t.key, v.findings, v.checks
FROM feedback f LEFT JOIN runs r ON r.id = f.run LEFT JOIN tasks t ON t.id = r.task LEFT JOIN verdicts v ON v.run = f.run
WHERE f.task = :task ORDER BY f.id;

-- name: to_do_again
SELECT json_extract(evidence, '$.run') AS run FROM decisions
WHERE task = :task AND kind = 'conflict' AND state = 'answered' AND chosen = 'again' ORDER BY answered_at DESC LIMIT 1;

-- name: escalate
UPDATE decisions SET risk = 'high', risk_reason = :reason, version = version + 1
WHERE subject = :subject AND state = 'pending' AND risk <> 'high';
