-- How many members each organization has, kept where members are written, whoever writes them: a build that is older, or a
-- person, too. See docs/adr/0019-kept-count.md.

-- first of all, so that whoever writes members has committed, and is counted, or comes after the triggers
LOCK TABLE member IN SHARE ROW EXCLUSIVE MODE;

CREATE TABLE member_count (
    organization_id bigint NOT NULL,
    part bigint NOT NULL,
    members bigint NOT NULL,
    CONSTRAINT member_count_pk PRIMARY KEY (organization_id, part)
) WITH (fillfactor = 50);
COMMENT ON TABLE member_count IS 'How many members each organization has: the sum of its parts; no row where it has none.';
COMMENT ON COLUMN member_count.organization_id IS 'The organization. No foreign key: whoever has members is there.';
COMMENT ON COLUMN member_count.part IS
    '0, or the id of a transaction that saw only what was there when it began, and so counts apart.';
COMMENT ON COLUMN member_count.members IS 'So many more, or fewer.';
INSERT INTO member_count (organization_id, part, members)
    SELECT organization_id, 0, count(*) FROM member GROUP BY organization_id;

CREATE FUNCTION count_members() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    own_part bigint := 0;
    organization bigint;
    more bigint;
    now_there bigint;
BEGIN
    -- whoever sees only what was there when it began can't change a row that others have changed since, and would fail
    IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
        own_part := pg_current_xact_id()::text::bigint;
    END IF;
    -- in one order, so that nobody waits for another in a circle
    FOR organization, more IN
        SELECT organization_id, CASE TG_OP WHEN 'INSERT' THEN count(*) ELSE -count(*) END
        FROM written GROUP BY organization_id ORDER BY organization_id
    LOOP
        INSERT INTO member_count AS kept (organization_id, part, members) VALUES (organization, own_part, more)
            ON CONFLICT (organization_id, part) DO UPDATE SET members = kept.members + more
            RETURNING members INTO now_there;
        IF now_there = 0 THEN
            DELETE FROM member_count WHERE organization_id = organization AND part = own_part;
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION count_members IS 'Adds to the count of organizations what a statement inserted, takes off what it deleted.';
CREATE TRIGGER member_inserted AFTER INSERT ON member REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION count_members();
CREATE TRIGGER member_deleted AFTER DELETE ON member REFERENCING OLD TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION count_members();
COMMENT ON TRIGGER member_inserted ON member IS 'Keeps member_count.';
COMMENT ON TRIGGER member_deleted ON member IS 'Keeps member_count.';

CREATE FUNCTION forget_member_counts() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    TRUNCATE member_count;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION forget_member_counts IS 'There are no members any more.';
CREATE TRIGGER member_truncated AFTER TRUNCATE ON member
    FOR EACH STATEMENT EXECUTE FUNCTION forget_member_counts();
COMMENT ON TRIGGER member_truncated ON member IS 'Keeps member_count.';

CREATE FUNCTION refuse_to_move_member() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a member is not moved to another organization: delete it, and insert another'
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;
COMMENT ON FUNCTION refuse_to_move_member IS 'Nothing counts a member that is updated.';
CREATE TRIGGER member_moved BEFORE UPDATE OF organization_id ON member
    FOR EACH ROW WHEN (OLD.organization_id <> NEW.organization_id) EXECUTE FUNCTION refuse_to_move_member();
COMMENT ON TRIGGER member_moved ON member IS 'Keeps member_count.';
