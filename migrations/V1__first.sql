-- The whole state of rolegate. Names are ASCII by constraint and compared in lower case, byte by byte.
-- Nothing cascades: what a write takes away it deletes by name, so that the log can say what went.

CREATE TABLE revision (
    only_row boolean NOT NULL DEFAULT true CONSTRAINT revision_pk PRIMARY KEY CONSTRAINT revision_one_row CHECK (only_row),
    number bigint NOT NULL CONSTRAINT revision_not_negative CHECK (number >= 0),
    history uuid NOT NULL,
    page_secret uuid NOT NULL
) WITH (fillfactor = 10);
COMMENT ON TABLE revision IS 'The counter of writes: one row, updated last in every write.';
COMMENT ON COLUMN revision.only_row IS 'Keeps the table at one row.';
COMMENT ON COLUMN revision.number IS 'The number of the last committed write.';
COMMENT ON COLUMN revision.history IS 'Names this database, so that revisions of another are told apart.';
COMMENT ON COLUMN revision.page_secret IS 'Seals the page tokens handed to callers.';
INSERT INTO revision (number, history, page_secret) VALUES (0, gen_random_uuid(), gen_random_uuid());

CREATE TABLE change_set (
    revision bigint CONSTRAINT change_set_pk PRIMARY KEY,
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    operation text NOT NULL,
    actor text,
    committed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    names text[] NOT NULL,
    projects uuid[] NOT NULL,
    path_owners text[] NOT NULL,
    path_names text[] NOT NULL,
    accounts bigint[] NOT NULL,
    plans bigint[] NOT NULL,
    CONSTRAINT change_set_paths_pair CHECK (cardinality(path_owners) = cardinality(path_names))
);
COMMENT ON TABLE change_set IS 'One row a write: which entries of the role view it touched.';
COMMENT ON COLUMN change_set.revision IS 'The number of the write.';
COMMENT ON COLUMN change_set.id IS 'Random: tells this write from one of the same number in a restored database.';
COMMENT ON COLUMN change_set.operation IS 'What was asked for: add_member, delete_project, …';
COMMENT ON COLUMN change_set.actor IS 'The user on whose behalf; null: a caller in its own right.';
COMMENT ON COLUMN change_set.committed_at IS 'When, shortly before the commit.';
COMMENT ON COLUMN change_set.names IS 'Touched: usernames in lower case.';
COMMENT ON COLUMN change_set.projects IS 'Touched: projects.';
COMMENT ON COLUMN change_set.path_owners IS 'Touched: project paths, the owner''s name in lower case.';
COMMENT ON COLUMN change_set.path_names IS 'Touched: project paths, the project''s name, in the order of path_owners.';
COMMENT ON COLUMN change_set.accounts IS 'Touched: owning accounts.';
COMMENT ON COLUMN change_set.plans IS 'Touched: plans.';

CREATE TABLE change (
    revision bigint NOT NULL CONSTRAINT change_set_fk REFERENCES change_set (revision),
    ordinal bigint NOT NULL,
    object text NOT NULL,
    name text NOT NULL,
    subject text NOT NULL,
    before jsonb,
    after jsonb,
    CONSTRAINT change_pk PRIMARY KEY (revision, ordinal)
);
COMMENT ON TABLE change IS 'What each write made, changed or took away.';
COMMENT ON COLUMN change.revision IS 'The number of the write.';
COMMENT ON COLUMN change.ordinal IS 'The place in the write, from 1.';
COMMENT ON COLUMN change.object IS 'user, organization, member, team, team_member, project, collaborator or plan.';
COMMENT ON COLUMN change.name IS 'What it is called or belongs to.';
COMMENT ON COLUMN change.subject IS 'Who has the place or role; empty where it is none.';
COMMENT ON COLUMN change.before IS 'As it was; null where it is new.';
COMMENT ON COLUMN change.after IS 'As it is; null where it is gone.';

CREATE TABLE plan (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT plan_pk PRIMARY KEY,
    code text COLLATE "C" NOT NULL CONSTRAINT plan_code_unique UNIQUE
        CONSTRAINT plan_code_format CHECK (code ~ '^[A-Za-z0-9_-]{1,100}$'),
    premium boolean NOT NULL,
    collaborator_limit integer CONSTRAINT plan_collaborator_limit_not_negative CHECK (collaborator_limit >= 0),
    member_limit integer CONSTRAINT plan_member_limit_not_negative CHECK (member_limit >= 0),
    personal_projects_up_to_reporter boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE plan IS 'What an account may have.';
COMMENT ON COLUMN plan.id IS 'Its id.';
COMMENT ON COLUMN plan.code IS 'What it is called; case matters.';
COMMENT ON COLUMN plan.premium IS 'Its users may be added to private projects that a user owns.';
COMMENT ON COLUMN plan.collaborator_limit IS 'Most collaborators on a private project; null: no limit.';
COMMENT ON COLUMN plan.member_limit IS 'Most members of an organization; null: no limit.';
COMMENT ON COLUMN plan.personal_projects_up_to_reporter IS 'No role above reporter on projects that a user owns.';
INSERT INTO plan (code, premium) VALUES ('default', false);

CREATE TABLE account (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT account_pk PRIMARY KEY,
    kind text NOT NULL CONSTRAINT account_kind_known CHECK (kind IN ('user', 'organization')),
    username text COLLATE "C" NOT NULL
        CONSTRAINT account_username_format CHECK (username ~ '^[A-Za-z][A-Za-z0-9_-]{2,149}$'),
    username_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(username)) STORED
        CONSTRAINT account_username_unique UNIQUE,
    plan_id bigint NOT NULL CONSTRAINT account_plan_fk REFERENCES plan (id),
    active boolean NOT NULL DEFAULT true,
    owner_id bigint,
    owner_kind text GENERATED ALWAYS AS (CASE WHEN owner_id IS NOT NULL THEN 'user' END) STORED,
    default_project_role text CONSTRAINT account_default_project_role_known
        CHECK (default_project_role IN ('reader', 'reporter', 'editor', 'manager', 'admin')),
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT account_kind_unique UNIQUE (id, kind),
    CONSTRAINT account_owner_fk FOREIGN KEY (owner_id, owner_kind) REFERENCES account (id, kind),
    CONSTRAINT account_owner_iff_organization CHECK ((kind = 'organization') = (owner_id IS NOT NULL)),
    CONSTRAINT account_default_role_of_organization CHECK (kind = 'organization' OR default_project_role IS NULL),
    CONSTRAINT account_organization_active CHECK (kind = 'user' OR active)
);
COMMENT ON TABLE account IS 'Users and organizations: one namespace.';
COMMENT ON COLUMN account.id IS 'Its id, never used again.';
COMMENT ON COLUMN account.kind IS 'user or organization.';
COMMENT ON COLUMN account.username IS 'Its name as written.';
COMMENT ON COLUMN account.username_key IS 'Its name as it is compared.';
COMMENT ON COLUMN account.plan_id IS 'The plan that it is on.';
COMMENT ON COLUMN account.active IS 'An inactive user holds no role.';
COMMENT ON COLUMN account.owner_id IS 'The user that owns an organization.';
COMMENT ON COLUMN account.owner_kind IS 'Holds that an owner is a user.';
COMMENT ON COLUMN account.default_project_role IS 'The role of an organization''s members on all its projects; null: none.';
COMMENT ON COLUMN account.created_at IS 'When it was created.';
CREATE INDEX account_owner ON account (owner_id) WHERE owner_id IS NOT NULL;
CREATE INDEX account_plan ON account (plan_id);
CREATE INDEX account_kind_username ON account (kind, username_key);

CREATE TABLE member (
    organization_id bigint NOT NULL,
    organization_kind text NOT NULL GENERATED ALWAYS AS ('organization') STORED,
    user_id bigint NOT NULL,
    user_kind text NOT NULL GENERATED ALWAYS AS ('user') STORED,
    role text NOT NULL CONSTRAINT member_role_known CHECK (role IN ('member', 'creator', 'admin')),
    public boolean NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT member_pk PRIMARY KEY (organization_id, user_id),
    CONSTRAINT member_organization_fk FOREIGN KEY (organization_id, organization_kind) REFERENCES account (id, kind),
    CONSTRAINT member_user_fk FOREIGN KEY (user_id, user_kind) REFERENCES account (id, kind)
);
COMMENT ON TABLE member IS 'Who belongs to an organization; its owner is not in here.';
COMMENT ON COLUMN member.organization_id IS 'The organization.';
COMMENT ON COLUMN member.organization_kind IS 'Holds that it is one.';
COMMENT ON COLUMN member.user_id IS 'The user.';
COMMENT ON COLUMN member.user_kind IS 'Holds that it is one.';
COMMENT ON COLUMN member.role IS 'What it is there.';
COMMENT ON COLUMN member.public IS 'Listings show it unasked.';
COMMENT ON COLUMN member.created_at IS 'Since when.';
CREATE INDEX member_user ON member (user_id);

CREATE TABLE team (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT team_pk PRIMARY KEY,
    organization_id bigint NOT NULL,
    organization_kind text NOT NULL GENERATED ALWAYS AS ('organization') STORED,
    name text COLLATE "C" NOT NULL CONSTRAINT team_name_format CHECK (name ~ '^[A-Za-z][A-Za-z0-9_-]{2,149}$'),
    name_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(name)) STORED,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT team_organization_fk FOREIGN KEY (organization_id, organization_kind) REFERENCES account (id, kind),
    CONSTRAINT team_name_unique UNIQUE (organization_id, name_key),
    CONSTRAINT team_organization_unique UNIQUE (id, organization_id)
);
COMMENT ON TABLE team IS 'The teams of organizations.';
COMMENT ON COLUMN team.id IS 'Its id, never used again.';
COMMENT ON COLUMN team.organization_id IS 'The organization that it is of.';
COMMENT ON COLUMN team.organization_kind IS 'Holds that it is one.';
COMMENT ON COLUMN team.name IS 'Its name as written.';
COMMENT ON COLUMN team.name_key IS 'Its name as it is compared.';
COMMENT ON COLUMN team.created_at IS 'When it was created.';

CREATE TABLE team_member (
    team_id bigint NOT NULL,
    organization_id bigint NOT NULL,
    user_id bigint NOT NULL,
    user_kind text NOT NULL GENERATED ALWAYS AS ('user') STORED,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT team_member_pk PRIMARY KEY (team_id, user_id),
    CONSTRAINT team_member_team_fk FOREIGN KEY (team_id, organization_id) REFERENCES team (id, organization_id),
    CONSTRAINT team_member_user_fk FOREIGN KEY (user_id, user_kind) REFERENCES account (id, kind)
);
COMMENT ON TABLE team_member IS 'Who is in a team: members and the owner of its organization.';
COMMENT ON COLUMN team_member.team_id IS 'The team.';
COMMENT ON COLUMN team_member.organization_id IS 'The organization that the team is of.';
COMMENT ON COLUMN team_member.user_id IS 'The user.';
COMMENT ON COLUMN team_member.user_kind IS 'Holds that it is one.';
COMMENT ON COLUMN team_member.created_at IS 'Since when.';
CREATE INDEX team_member_user ON team_member (user_id);

CREATE TABLE project (
    id uuid CONSTRAINT project_pk PRIMARY KEY,
    owner_id bigint NOT NULL CONSTRAINT project_owner_fk REFERENCES account (id),
    name text COLLATE "C" NOT NULL CONSTRAINT project_name_format CHECK (name ~ '^[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}$'),
    public boolean NOT NULL,
    restricted_project_files boolean NOT NULL,
    template boolean NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT project_name_unique UNIQUE (owner_id, name),
    CONSTRAINT project_owner_unique UNIQUE (id, owner_id)
);
COMMENT ON TABLE project IS 'What roles are held on.';
COMMENT ON COLUMN project.id IS 'Its id, as callers know it.';
COMMENT ON COLUMN project.owner_id IS 'The account that owns it.';
COMMENT ON COLUMN project.name IS 'Its name; case matters.';
COMMENT ON COLUMN project.public IS 'Every active user is at least a reader.';
COMMENT ON COLUMN project.restricted_project_files IS 'The QGIS project file is for managers.';
COMMENT ON COLUMN project.template IS 'A template: some actions are never possible.';
COMMENT ON COLUMN project.created_at IS 'When it was created.';

CREATE TABLE collaborator (
    project_id uuid NOT NULL,
    owner_id bigint NOT NULL,
    user_id bigint,
    user_kind text GENERATED ALWAYS AS (CASE WHEN user_id IS NOT NULL THEN 'user' END) STORED,
    team_id bigint,
    role text NOT NULL CONSTRAINT collaborator_role_known
        CHECK (role IN ('reader', 'reporter', 'editor', 'manager', 'admin')),
    incognito boolean NOT NULL,
    expires_at timestamptz,
    created_by text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_by text,
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT collaborator_user_unique UNIQUE (project_id, user_id),
    CONSTRAINT collaborator_team_unique UNIQUE (project_id, team_id),
    CONSTRAINT collaborator_user_or_team CHECK (num_nonnulls(user_id, team_id) = 1),
    CONSTRAINT collaborator_not_owner CHECK (user_id <> owner_id),
    CONSTRAINT collaborator_project_fk FOREIGN KEY (project_id, owner_id) REFERENCES project (id, owner_id)
        ON UPDATE CASCADE,
    CONSTRAINT collaborator_user_fk FOREIGN KEY (user_id, user_kind) REFERENCES account (id, kind),
    CONSTRAINT collaborator_team_of_owner FOREIGN KEY (team_id, owner_id) REFERENCES team (id, organization_id)
);
COMMENT ON TABLE collaborator IS 'Who was added to a project: a user, or a team of the organization that owns it.';
COMMENT ON COLUMN collaborator.project_id IS 'The project.';
COMMENT ON COLUMN collaborator.owner_id IS 'The account that owns the project; follows it.';
COMMENT ON COLUMN collaborator.user_id IS 'The user, where it is one.';
COMMENT ON COLUMN collaborator.user_kind IS 'Holds that it is one.';
COMMENT ON COLUMN collaborator.team_id IS 'The team, where it is one.';
COMMENT ON COLUMN collaborator.role IS 'The role given.';
COMMENT ON COLUMN collaborator.incognito IS 'Not listed unasked, not counted.';
COMMENT ON COLUMN collaborator.expires_at IS 'From when on it gives nothing; null: never.';
COMMENT ON COLUMN collaborator.created_by IS 'Who added it, by the name of that time; null: a caller in its own right.';
COMMENT ON COLUMN collaborator.created_at IS 'When.';
COMMENT ON COLUMN collaborator.updated_by IS 'Who changed it last; null: a caller in its own right.';
COMMENT ON COLUMN collaborator.updated_at IS 'When.';
CREATE INDEX collaborator_user ON collaborator (user_id, owner_id) WHERE user_id IS NOT NULL;
CREATE INDEX collaborator_team ON collaborator (team_id, owner_id) WHERE team_id IS NOT NULL;
