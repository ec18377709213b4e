//! What the stored rows say, as SQL that names no more than the tables.
//!
//! Source: the permission model, «A user's role on a project» and «Actions».

/// Every role that a row gives an active user on a project at the moment `$1`, with what it comes from. Joined into both
/// queries below.
macro_rules! given {
    () => {
        "WITH given (user_id, project_id, role, origin, origin_order, ends, incognito, team_id) AS (
            SELECT project.owner_id, project.id, 'admin', 'project_owner', 1, 'infinity'::timestamptz, false, NULL::bigint
            FROM project JOIN account ON account.id = project.owner_id AND account.kind = 'user'
            UNION ALL
            SELECT organization.owner_id, project.id, 'admin', 'organization_owner', 2, 'infinity', false, NULL
            FROM project JOIN account AS organization ON organization.id = project.owner_id
            WHERE organization.kind = 'organization'
            UNION ALL
            SELECT member.user_id, project.id, 'admin', 'organization_admin', 3, 'infinity', false, NULL
            FROM project JOIN member ON member.organization_id = project.owner_id
            WHERE member.role = 'admin'
            UNION ALL
            SELECT user_id, project_id, role, 'collaborator', 4, coalesce(expires_at, 'infinity'), incognito, NULL
            FROM collaborator WHERE user_id IS NOT NULL
            UNION ALL
            SELECT team_member.user_id, project_id, role, 'team_member', 5, coalesce(expires_at, 'infinity'), incognito,
                   collaborator.team_id
            FROM collaborator JOIN team_member ON team_member.team_id = collaborator.team_id
            UNION ALL
            SELECT member.user_id, project.id, organization.default_project_role, 'organization_member', 6, 'infinity',
                   false, NULL
            FROM project
            JOIN account AS organization ON organization.id = project.owner_id
            JOIN member ON member.organization_id = organization.id
            WHERE member.role <> 'admin' AND organization.default_project_role IS NOT NULL
            UNION ALL
            SELECT account.id, project.id, 'reader', 'public', 7, 'infinity', false, NULL
            FROM project CROSS JOIN account WHERE project.public AND account.kind = 'user'
        ), live AS (
            SELECT given.* FROM given JOIN account AS holder ON holder.id = given.user_id AND holder.active
            WHERE ends > $1
        )"
    };
}

/// The role of every user on every project at the moment `$1`. The user without a name is the anonymous visitor, so that
/// every project has a row. `$2`: the first origin that gives any role wins; else the highest role, and among equals the
/// first origin. Among teams of one role it is the grant that lasts longest. `$3`: whoever is incognito counts too, and the
/// organization's owner.
pub const HELD: &str = concat!(
    given!(),
    ", held AS (
        SELECT DISTINCT ON (user_id, project_id) user_id, project_id, role, origin, nullif(ends, 'infinity') AS ends, incognito
        FROM live
        ORDER BY user_id, project_id, CASE WHEN $2 THEN origin_order END,
                 array_position(ARRAY['admin', 'manager', 'editor', 'reporter', 'reader'], role), origin_order, ends DESC,
                 incognito
    ), asked AS (
        SELECT id, username AS name, active FROM account WHERE kind = 'user'
        UNION ALL
        SELECT NULL, '', false
    )
    SELECT asked.name, asked.active, project.id::text, owner.username, project.name,
           project.template, project.restricted_project_files, held.role, held.origin, held.ends,
           NOT project.public AND plan.collaborator_limit < (
               SELECT count(*) FROM collaborator
               WHERE project_id = project.id AND user_id IS NOT NULL
                     AND ($3 OR NOT incognito AND user_id IS DISTINCT FROM owner.owner_id)
           ),
           held.incognito, project.public, coalesce(asked.id, 0)
    FROM asked
    LEFT JOIN (project JOIN account AS owner ON owner.id = project.owner_id JOIN plan ON plan.id = owner.plan_id) ON true
    LEFT JOIN held ON held.user_id = asked.id AND held.project_id = project.id"
);

/// All that gives anybody a role on anything at the moment `$1`.
pub const WAYS: &str = concat!(
    given!(),
    " SELECT lower(holder.username), project_id::text, origin, role, nullif(ends, 'infinity'),
             '@' || organization.username || '/' || team.name
    FROM live
    JOIN account AS holder ON holder.id = live.user_id
    LEFT JOIN (team JOIN account AS organization ON organization.id = team.organization_id) ON team.id = live.team_id"
);

/// What every active user is to every organization.
pub const ORGANIZATION_LEVELS: &str = "
    SELECT lower(asker.username), lower(organization.username),
           CASE WHEN organization.owner_id = asker.id THEN 'owner' ELSE coalesce(member.role, 'registered') END
    FROM account AS asker
    JOIN account AS organization ON organization.kind = 'organization'
    LEFT JOIN member ON member.organization_id = organization.id AND member.user_id = asker.id
    WHERE asker.kind = 'user' AND asker.active";

/// What every active user is to every account.
pub const ACCOUNT_LEVELS: &str = "
    WITH place (organization_id, user_id, manages) AS (
        SELECT organization_id, user_id, role = 'admin' FROM member
        UNION ALL
        SELECT id, owner_id, true FROM account WHERE kind = 'organization'
    ), managed (manager_id, account_id) AS (
        SELECT user_id, organization_id FROM place WHERE manages
        UNION
        SELECT manager.user_id, other.user_id FROM place AS manager JOIN place AS other USING (organization_id)
        WHERE manager.manages
    )
    SELECT lower(asker.username), lower(account.username),
           CASE WHEN asker.id = account.id THEN 'self' WHEN manager_id IS NOT NULL THEN 'organization_admin' ELSE 'registered' END
    FROM account AS asker
    CROSS JOIN account
    LEFT JOIN managed ON manager_id = asker.id AND account_id = account.id
    WHERE asker.kind = 'user' AND asker.active";

/// All accounts, whatever they are, and who of them is a user.
pub const ACCOUNTS: &str = "SELECT lower(username), kind = 'user', active FROM account";
