-- Who answers checks from memory, and until when; and which server the counter was last seen on. See docs/adr/0010-leases.md.

ALTER TABLE revision ADD COLUMN change_id uuid;
ALTER TABLE revision ADD COLUMN server text;
ALTER TABLE revision ADD COLUMN longest_lease_ms bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN revision.change_id IS 'The random id of the last committed write; null where there is none.';
COMMENT ON COLUMN revision.server IS 'The server, timeline, database and table that the log was last followed on; null: never.';
COMMENT ON COLUMN revision.longest_lease_ms IS 'The longest lease that any replica ever had, in milliseconds.';
UPDATE revision SET change_id = (SELECT change_set.id FROM change_set WHERE change_set.revision = revision.number);

CREATE TABLE replica (
    id uuid CONSTRAINT replica_pk PRIMARY KEY,
    name text NOT NULL,
    renewals bigint NOT NULL,
    lease_ms bigint NOT NULL CONSTRAINT replica_lease_positive CHECK (lease_ms > 0),
    applied bigint NOT NULL,
    needs bigint NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    renewed_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 10);
COMMENT ON TABLE replica IS 'One row a replica: its lease.';
COMMENT ON COLUMN replica.id IS 'Random, of one run of one process.';
COMMENT ON COLUMN replica.name IS 'What people call it.';
COMMENT ON COLUMN replica.renewals IS 'Another number with each renewal. Who has seen the same one for a lease knows that it has ended.';
COMMENT ON COLUMN replica.lease_ms IS 'How long a renewal holds, in milliseconds.';
COMMENT ON COLUMN replica.applied IS 'The last revision that it had applied when it renewed; -1: none.';
COMMENT ON COLUMN replica.needs IS 'The oldest revision of the log that it, or a watch open on it, has yet to read.';
COMMENT ON COLUMN replica.started_at IS 'Since when it is here. For people.';
COMMENT ON COLUMN replica.renewed_at IS 'When it renewed. For people: no lease is judged by it.';
