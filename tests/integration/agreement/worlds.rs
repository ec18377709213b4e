//! Random worlds, written as rows: what every question is answered there, by all four rules.

use std::collections::BTreeMap;
use std::time::Duration;

use rolegate::grpc::v1::consistency::Requirement;
use tokio_postgres::Client;

use super::{Agreement, Dice, Names};
use crate::support::oracle::database_clock;
use crate::support::postgres::connect;
use crate::support::{Matrix, Rules, Service, fresh_database};

/// 30 users, every ninth inactive, 6 organizations, 15 teams, 60 projects; who is where and has what is drawn. Few grants
/// end, and all of them long before or long after the test.
pub const WORLD: &str = "
    INSERT INTO plan (code, premium, collaborator_limit, member_limit)
    VALUES ('none', true, 0, NULL), ('two', true, 2, NULL), ('endless', true, NULL, NULL);
    INSERT INTO account (kind, username, plan_id, active)
    SELECT 'user', 'User' || number, 1 + floor(random() * 4), number % 9 > 0 FROM generate_series(1, 30) AS number;
    INSERT INTO account (kind, username, plan_id, owner_id, default_project_role)
    SELECT 'organization', 'Org' || number, 1 + floor(random() * 4), 1 + floor(random() * 30),
           (ARRAY['reader', 'reporter', 'editor', 'manager', NULL, NULL])[1 + floor(random() * 6)::integer]
    FROM generate_series(1, 6) AS number;
    INSERT INTO member (organization_id, user_id, role, public)
    SELECT organization.id, person.id, (ARRAY['member', 'member', 'member', 'creator', 'admin'])[1 + floor(random() * 5)::integer], true
    FROM account AS organization JOIN account AS person ON person.kind = 'user' AND person.id <> organization.owner_id
    WHERE organization.kind = 'organization' AND random() < 0.3;
    INSERT INTO team (organization_id, name)
    SELECT id, 'team' || number FROM account CROSS JOIN generate_series(1, 3) AS number WHERE kind = 'organization' AND random() < 0.9;
    INSERT INTO team_member (team_id, organization_id, user_id)
    SELECT team.id, team.organization_id, place.user_id
    FROM team JOIN (
        SELECT organization_id, user_id FROM member UNION ALL SELECT id, owner_id FROM account WHERE owner_id IS NOT NULL
    ) AS place ON place.organization_id = team.organization_id
    WHERE random() < 0.4;
    INSERT INTO project (id, owner_id, name, public, restricted_project_files, template)
    SELECT md5(random()::text)::uuid, CASE WHEN number % 3 = 0 THEN 1 + number % 30 ELSE 31 + number % 6 END, 'project' || number,
           random() < 0.25, random() < 0.3, random() < 0.2
    FROM generate_series(1, 60) AS number;
    INSERT INTO collaborator (project_id, owner_id, user_id, role, incognito, expires_at)
    SELECT project.id, project.owner_id, person.id,
           (ARRAY['reader', 'reader', 'reporter', 'reporter', 'editor', 'manager', 'admin'])[1 + floor(random() * 7)::integer],
           random() < 0.3, CASE WHEN random() < 0.2 THEN now() + (random() - 0.5) * interval '40 days' END
    FROM project JOIN account AS person ON person.kind = 'user' AND person.id <> project.owner_id WHERE random() < 0.12;
    INSERT INTO collaborator (project_id, owner_id, team_id, role, incognito, expires_at)
    SELECT project.id, project.owner_id, team.id,
           (ARRAY['reader', 'reporter', 'editor', 'manager', 'admin'])[1 + floor(random() * 5)::integer],
           random() < 0.3, CASE WHEN random() < 0.3 THEN now() + (random() - 0.5) * interval '40 days' END
    FROM project JOIN team ON team.organization_id = project.owner_id WHERE random() < 0.5;
    ANALYZE;";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_random_worlds_every_question_agrees_with_the_rules() {
    let rounds = super::setting("ROLEGATE_WORLD_QUESTIONS", 400);
    let mut steps = BTreeMap::new();
    for (number, rules) in Rules::ALL.into_iter().enumerate() {
        let database = fresh_database().await;
        let client = connect(&database).await;
        let seed = format!("SELECT setseed(0.{number}1)");
        client.batch_execute(&format!("{seed}; {WORLD}")).await.unwrap();
        let service = Service::start_by(rules.policy(), database).await;
        settle(&service, &client).await;
        let matrix = Matrix::read_by(rules, &client, database_clock(&client).await).await;
        let names = names(&matrix, &client).await;
        let agreement = Agreement { service: &service, client: &client, rules, standing: Some(&matrix) };
        let mut dice = Dice::new(number as u64);
        for round in 0..rounds {
            let asked = agreement.on_some(&names, &mut dice).await;
            asked.unwrap_or_else(|problem| panic!("{rules:?}, question {round}: {problem}"));
        }
        let agreement = Agreement { standing: None, ..agreement };
        for round in 0..rounds / 8 {
            let remedied = agreement.on_a_remedy(&names, &mut dice).await;
            let taken = remedied.unwrap_or_else(|problem| panic!("{rules:?}, remedy {round}: {problem}"));
            for kind in taken {
                *steps.entry(kind.as_str_name()).or_insert(0) += 1;
            }
        }
        service.stop().await;
    }
    println!("{steps:#?}");
    assert!(steps.len() >= 8 && steps.values().sum::<i32>() >= 50, "hardly any remedy was taken: {steps:?}");
}

/// All there are, by every name they have, and some that there are not.
async fn names(matrix: &Matrix, client: &Client) -> Names {
    let mut accounts: Vec<String> = matrix.users().map(str::to_owned).collect();
    accounts.extend((1..=6).map(|number| format!("oRG{number}")));
    accounts.extend(["user3", "nobody", ""].map(str::to_owned));
    let mut projects: Vec<String> = matrix.project_ids().into_iter().map(str::to_owned).collect();
    let paths =
        client.query("SELECT username || '/' || name FROM project JOIN account ON account.id = project.owner_id", &[]);
    projects.extend(paths.await.unwrap().iter().map(|row| row.get::<_, String>(0)));
    projects.extend(["nobody/nothing", "00000000-0000-4000-8000-000000000000"].map(str::to_owned));
    Names { accounts, projects }
}

/// Waits until the ends of grants that have passed are in the log, and the view has it: from then on nothing is written.
async fn settle(service: &Service, client: &Client) {
    const UNTOLD: &str =
        "SELECT EXISTS (SELECT FROM collaborator WHERE expires_at <= clock_timestamp() AND NOT expiry_logged)";
    while client.query_one(UNTOLD, &[]).await.unwrap().get(0) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let asked = ("nobody", "nobody/nothing", "view_project");
    service.check_at(asked, Requirement::FullyConsistent(true)).await.unwrap();
}
