-- A write that is sent twice happens once; and every write is chained to the one before. See docs/adr/0014-chain.md.

ALTER TABLE revision ADD COLUMN committed_at timestamptz;
ALTER TABLE revision ADD COLUMN hash bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex')
    CONSTRAINT revision_hash_length CHECK (octet_length(hash) = 32);
COMMENT ON COLUMN revision.committed_at IS 'When the last write was committed, shortly before; null: before this was kept.';
COMMENT ON COLUMN revision.hash IS 'The end of the chain: the hash of the last write; zeros before the first one.';

ALTER TABLE change_set ADD COLUMN caller text COLLATE "C";
ALTER TABLE change_set ADD COLUMN request_id text COLLATE "C";
ALTER TABLE change_set ADD COLUMN hash bytea CONSTRAINT change_set_hash_length CHECK (octet_length(hash) = 32);
COMMENT ON COLUMN change_set.caller IS 'The service that asked; null: callers are not told apart, or the clock.';
COMMENT ON COLUMN change_set.request_id IS 'What the caller called its request; null: nothing.';
COMMENT ON COLUMN change_set.hash IS
    'SHA-256 of the hash before, the number, the id, the time, and the digest of what was asked and changed; null: older than the chain.';

CREATE TABLE chain_start (
    only_row boolean NOT NULL DEFAULT true
        CONSTRAINT chain_start_pk PRIMARY KEY CONSTRAINT chain_start_one_row CHECK (only_row),
    began bigint NOT NULL CONSTRAINT chain_start_began_not_negative CHECK (began >= 0),
    revision bigint NOT NULL CONSTRAINT chain_start_not_before_began CHECK (revision >= began),
    hash bytea NOT NULL CONSTRAINT chain_start_hash_length CHECK (octet_length(hash) = 32)
);
COMMENT ON TABLE chain_start IS 'What the oldest write that is kept is chained to: one row.';
COMMENT ON COLUMN chain_start.only_row IS 'Keeps the table at one row.';
COMMENT ON COLUMN chain_start.began IS 'The last write that is older than the chain; 0: every write is chained.';
COMMENT ON COLUMN chain_start.revision IS 'The last chained write that was forgotten, or the last one that is older than the chain.';
COMMENT ON COLUMN chain_start.hash IS 'Its hash; zeros for one that is older than the chain.';
INSERT INTO chain_start (began, revision, hash) SELECT number, number, hash FROM revision;

CREATE TABLE request (
    caller text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL CONSTRAINT request_id_format CHECK (octet_length(id) BETWEEN 1 AND 128),
    digest bytea NOT NULL,
    answer bytea NOT NULL,
    revision bigint NOT NULL,
    written_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT request_pk PRIMARY KEY (caller, id)
);
COMMENT ON TABLE request IS 'Writes that were asked for under an id, for a day: sent again they answer the same.';
COMMENT ON COLUMN request.caller IS 'Who asked; empty: callers are not told apart.';
COMMENT ON COLUMN request.id IS 'What the caller called its request.';
COMMENT ON COLUMN request.digest IS 'Of what was asked, so that another request under the same id is told.';
COMMENT ON COLUMN request.answer IS 'What was answered, but for the revision.';
COMMENT ON COLUMN request.revision IS 'The number of the write.';
COMMENT ON COLUMN request.written_at IS 'When; a day later it is forgotten.';
CREATE INDEX request_written_at ON request (written_at);
