//! A user with 100,000 projects and a project with 100,000 users, through every way there is.

use tokio_postgres::Client;

/// How many projects the user `busy` holds a role on, and how many users one on the project `crowded/square`.
pub const MANY: i64 = 100_000;

/// The project with the many users.
pub const SQUARE: &str = "crowded/square";

/// `busy` owns a fifth of the projects; a fifth each is `direct`'s, to which it was added, `teams'`, in whose five teams it
/// is, `members'`, whose members are editors by default, and `open`'s, which are public. Of `square`'s users, two fifths were
/// added, a fifth is in a team, two fifths are members. The rows of one thing are not next to one another.
const WORLD: &str = "
    SET session_replication_role = replica;
    INSERT INTO account (kind, username, plan_id) SELECT 'user', name, 1 FROM unnest(ARRAY['busy', 'boss', 'stranger']) AS name;
    INSERT INTO account (kind, username, plan_id, owner_id, default_project_role)
    SELECT 'organization', name, 1, 2, CASE WHEN name IN ('members', 'crowded') THEN 'editor' END
    FROM unnest(ARRAY['direct', 'teams', 'members', 'open', 'closed', 'crowded']) AS name;
    INSERT INTO account (kind, username, plan_id) SELECT 'user', 'user' || number, 1 FROM generate_series(1, 100000) AS number;
    CREATE TEMP VIEW id_of AS SELECT username AS name, id FROM account WHERE id < 100;

    INSERT INTO project (id, owner_id, name, public, restricted_project_files, template)
    SELECT md5('project' || number)::uuid, id_of.id, 'project' || number, id_of.name = 'open', false, false
    FROM generate_series(0, 109999) AS number
    JOIN id_of ON id_of.name = CASE WHEN number < 10000 THEN 'closed'
        ELSE (ARRAY['busy', 'direct', 'teams', 'members', 'open'])[1 + number % 5] END;
    INSERT INTO project (id, owner_id, name, public, restricted_project_files, template)
    SELECT md5('square')::uuid, id, 'square', false, false, false FROM id_of WHERE name = 'crowded';

    INSERT INTO member (organization_id, user_id, role, public)
    SELECT organization.id, busy.id, 'member', true FROM id_of AS organization JOIN id_of AS busy ON busy.name = 'busy'
    WHERE organization.name IN ('direct', 'teams', 'members');
    INSERT INTO team (organization_id, name)
    SELECT id, 'team' || number FROM id_of CROSS JOIN generate_series(1, 5) AS number WHERE name IN ('teams', 'crowded');
    INSERT INTO team_member (team_id, organization_id, user_id)
    SELECT team.id, organization_id, busy.id FROM team JOIN id_of AS owner ON owner.id = organization_id AND owner.name = 'teams'
    JOIN id_of AS busy ON busy.name = 'busy';
    INSERT INTO collaborator (project_id, owner_id, user_id, role, incognito)
    SELECT project.id, owner_id, busy.id, CASE WHEN project.name LIKE '%0001' THEN 'manager' ELSE 'reporter' END, false
    FROM project JOIN id_of AS owner ON owner.id = owner_id AND owner.name = 'direct' JOIN id_of AS busy ON busy.name = 'busy';
    INSERT INTO collaborator (project_id, owner_id, team_id, role, incognito)
    SELECT project.id, owner_id, team.id, 'reader', false
    FROM project JOIN id_of AS owner ON owner.id = owner_id AND owner.name = 'teams'
    JOIN team ON team.organization_id = owner_id AND team.name = 'team' || (1 + (hashtext(project.name) & 3));

    INSERT INTO collaborator (project_id, owner_id, user_id, role, incognito)
    SELECT project.id, project.owner_id, account.id, CASE WHEN account.id % 10000 = 0 THEN 'manager' ELSE 'reader' END, false
    FROM project JOIN account ON account.username LIKE 'user%' AND account.id % 5 < 2 WHERE project.name = 'square';
    INSERT INTO member (organization_id, user_id, role, public)
    SELECT id_of.id, account.id, 'member', true
    FROM id_of JOIN account ON account.username LIKE 'user%' AND account.id % 5 >= 2 WHERE id_of.name = 'crowded';
    INSERT INTO team_member (team_id, organization_id, user_id)
    SELECT team.id, organization_id, account.id
    FROM team JOIN id_of ON id_of.id = organization_id AND id_of.name = 'crowded'
    JOIN account ON account.username LIKE 'user%' AND account.id % 5 = 2 WHERE team.name = 'team1';
    INSERT INTO collaborator (project_id, owner_id, team_id, role, incognito)
    SELECT project.id, owner_id, team.id, 'manager', true
    FROM project JOIN team ON team.organization_id = owner_id AND team.name = 'team1' WHERE project.name = 'square';
    RESET session_replication_role;
    ANALYZE;";

/// Writes the world into an empty database.
pub async fn fill(client: &Client) {
    client.batch_execute(WORLD).await.unwrap();
}
