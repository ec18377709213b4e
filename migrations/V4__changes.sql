-- What callers read of the log: by name, by subject, by actor, by time; how far back it is kept; and which ends of grants it has.

-- names are compared byte by byte, as everywhere
ALTER TABLE change ALTER COLUMN name TYPE text COLLATE "C", ALTER COLUMN subject TYPE text COLLATE "C";
ALTER TABLE change_set ALTER COLUMN actor TYPE text COLLATE "C";
CREATE INDEX change_name ON change (lower(name), revision, ordinal);
CREATE INDEX change_subject ON change (lower(subject), revision, ordinal) WHERE subject <> '';
CREATE INDEX change_set_committed_at ON change_set (committed_at, revision);
CREATE INDEX change_set_actor ON change_set (lower(actor), committed_at, revision) WHERE actor IS NOT NULL;

CREATE TABLE log_start (
    only_row boolean NOT NULL DEFAULT true CONSTRAINT log_start_pk PRIMARY KEY CONSTRAINT log_start_one_row CHECK (only_row),
    revision bigint NOT NULL CONSTRAINT log_start_not_negative CHECK (revision >= 0)
);
COMMENT ON TABLE log_start IS 'How far back the log is kept: one row.';
COMMENT ON COLUMN log_start.only_row IS 'Keeps the table at one row.';
COMMENT ON COLUMN log_start.revision IS
    'Writes up to this one may be gone: nobody begins to read before it. Raised at least a lease before they are deleted.';
INSERT INTO log_start (revision) VALUES (0);

ALTER TABLE collaborator ADD COLUMN expiry_logged boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN collaborator.expiry_logged IS 'The log has it that expires_at was reached.';
-- what ended before ends were logged is not said to have ended only now
UPDATE collaborator SET expiry_logged = true WHERE expires_at <= clock_timestamp();
CREATE INDEX collaborator_next_expiry ON collaborator (expires_at, project_id, user_id, team_id)
    WHERE expires_at IS NOT NULL AND NOT expiry_logged;
