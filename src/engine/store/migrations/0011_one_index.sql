-- UNIQUE (task, n) is an index of the same columns already: a second one only made every run dearer to insert.
DROP INDEX runs_by_task;
