-- What lists of «who may» and «on what» walk through, page by page, in the order of ids.

CREATE INDEX project_owner_id ON project (owner_id, id);
CREATE INDEX project_public ON project (id) WHERE public;
CREATE INDEX project_public_of_owner ON project (owner_id, id) WHERE public;
CREATE INDEX member_admin ON member (organization_id, user_id) WHERE role = 'admin';
CREATE INDEX collaborator_user_project ON collaborator (user_id, project_id) WHERE user_id IS NOT NULL;
CREATE INDEX collaborator_user_owner_project ON collaborator (user_id, owner_id, project_id) WHERE user_id IS NOT NULL;
DROP INDEX collaborator_user;
CREATE INDEX collaborator_team_project ON collaborator (team_id, project_id) WHERE team_id IS NOT NULL;
DROP INDEX collaborator_team;

-- lists begin after it
ALTER TABLE project ADD CONSTRAINT project_id_not_nil
    CHECK (id <> '00000000-0000-0000-0000-000000000000') NOT VALID;
