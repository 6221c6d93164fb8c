-- name: snooze
UPDATE decisions SET version = version + 1, snoozed_until = :until, snoozed_for_news = :news
WHERE id = :id AND state = 'pending' AND version = :seen;

-- name: wake
UPDATE decisions SET snoozed_until = NULL, snoozed_for_news = 0
WHERE id = :id AND (snoozed_until IS NOT NULL OR snoozed_for_news = 1);

-- name: next_wake
SELECT min(snoozed_until) AS at FROM decisions WHERE state = 'pending' AND snoozed_until IS NOT NULL;

-- name: due_wakes
SELECT * FROM decisions WHERE state = 'pending' AND snoozed_until IS NOT NULL AND snoozed_until <= :now
ORDER BY snoozed_until;

-- name: woken_by_content
SELECT id FROM decisions WHERE goal = :goal AND kind IN ('approval', 'choice', 'form') AND state = 'pending'
    AND (snoozed_for_news = 1 OR snoozed_until IS NOT NULL)
    AND content IS NOT NULL AND content <> :content;

-- name: delegate
UPDATE decisions SET delegate = :who WHERE id = :id AND state = 'pending';

-- name: set_rule
UPDATE decisions SET rule = :rule WHERE id = :id;

-- name: newest_of_subject
SELECT * FROM decisions WHERE subject = :subject ORDER BY opened_at DESC, id DESC LIMIT 1;

-- name: open_questions
SELECT * FROM decisions WHERE goal = :goal AND kind = 'question' AND state = 'pending' ORDER BY opened_at, id;

-- name: merges_of_goal
SELECT DISTINCT json_extract(spec, '$.merge.into') AS branch FROM tasks
WHERE goal = :goal AND json_extract(spec, '$.merge.into') IS NOT NULL ORDER BY branch;

-- name: open_asks_of_task
SELECT * FROM decisions WHERE task = :task AND kind IN ('question', 'permission', 'egress')
    AND state IN ('pending', 'staged') ORDER BY opened_at, id;

-- name: raise_version
UPDATE decisions SET version = version + 1 WHERE id = :id AND state = 'pending';

-- name: first_approval
SELECT * FROM approvals WHERE decision = :decision;

-- name: approve_once
INSERT INTO approvals (decision, by, via, at, content) VALUES (:decision, :by, :via, :at, :content);

-- name: forget_approval
DELETE FROM approvals WHERE decision = :decision;

-- name: forget_old_approvals
DELETE FROM approvals WHERE decision IN (
    SELECT id FROM decisions WHERE goal = :goal AND kind IN ('approval', 'choice', 'form') AND state IN ('pending', 'staged')
        AND content IS NOT NULL AND content <> :content
);

-- name: add_note
INSERT INTO notes (subject, text, by, at) VALUES (:subject, :text, :by, :at);

-- name: notes_of
SELECT subject, text, by, at FROM notes WHERE subject = :subject ORDER BY id;

-- name: told
INSERT INTO reminders (decision, kind, stage, at) VALUES (:decision, :kind, :stage, :at);

-- name: told_of
SELECT kind, stage FROM reminders WHERE decision = :decision ORDER BY at;

-- name: next_untold
SELECT min(opened_at) AS opened_at FROM decisions d WHERE state = 'pending'
    AND snoozed_until IS NULL AND snoozed_for_news = 0
    AND NOT EXISTS (SELECT 1 FROM reminders r WHERE r.decision = d.id AND r.kind = :kind AND r.stage = :stage);

-- name: untold
SELECT * FROM decisions d WHERE state = 'pending' AND opened_at <= :opened
    AND snoozed_until IS NULL AND snoozed_for_news = 0
    AND NOT EXISTS (SELECT 1 FROM reminders r WHERE r.decision = d.id AND r.kind = :kind AND r.stage = :stage)
ORDER BY opened_at, id;
