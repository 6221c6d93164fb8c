-- What a run contacted outside through the engine: one row for each host and port, however often it tried.
-- `addresses` is what the host's name stood for when it was looked up, once for a run; '[]' until then.
CREATE TABLE contacts (
    run TEXT NOT NULL REFERENCES runs (id),
    host TEXT NOT NULL,
    port INTEGER NOT NULL,
    verdict TEXT NOT NULL CHECK (verdict IN ('allowed', 'asked', 'refused')),
    reason TEXT NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    refused INTEGER NOT NULL DEFAULT 0,
    bytes_up INTEGER NOT NULL DEFAULT 0,
    bytes_down INTEGER NOT NULL DEFAULT 0,
    addresses TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(addresses)),
    first_at TEXT NOT NULL,
    last_at TEXT NOT NULL,
    PRIMARY KEY (run, host, port)
) STRICT, WITHOUT ROWID;

-- What was answered for a whole goal, by the host and port that was asked about.
CREATE INDEX egress_answers ON decisions (goal, json_extract(evidence, '$.arguments.to'))
WHERE kind = 'egress' AND state = 'answered';
