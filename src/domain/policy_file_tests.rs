use super::*;

/// Where a text that stands once in the built-in policy does, from 1.
fn line_of(text: &str, sought: &str) -> usize {
    let lines: Vec<usize> = (1..).zip(text.lines()).filter(|(_, line)| line.contains(sought)).map(|(n, _)| n).collect();
    assert_eq!(lines.len(), 1, "{sought}");
    lines[0]
}

fn refused(changed: &str) -> (usize, PolicyProblem) {
    let error = Policy::parse(changed).unwrap_err();
    (error.line, error.problem)
}

#[test]
fn the_built_in_policy_is_one() {
    let policy = Policy::built_in().unwrap();
    let rule = policy.project(ProjectAction::ModifyProjectfiles);
    assert_eq!((rule.lowest, rule.restricted), (ProjectLevel::Reporter, Some(ProjectLevel::Manager)));
    assert!(policy.project(ProjectAction::CreateJobs).never_on_template);
    assert_eq!(policy.organization(OrganizationAction::DeleteOrganization), OrganizationLevel::Owner);
    assert_eq!(policy.account(AccountAction::GetStatus), AccountLevel::Anyone);
    assert_eq!((policy.resolution, policy.over_limit), (Resolution::Highest, OverLimit::Report));
}

#[test]
fn every_built_in_action_stands_in_its_place() {
    let policy = Policy::parse(&BUILT_IN.replace("[project]", "[project]\nan_early_bird = \"reader\"")).unwrap();
    for action in ProjectAction::ALL {
        assert_eq!(Some(policy.project(*action)), policy.project_action(action.name()));
    }
    for action in OrganizationAction::ALL {
        assert_eq!(Some(policy.organization(*action)), policy.organization_action(action.name()));
    }
    for action in AccountAction::ALL {
        assert_eq!(Some(policy.account(*action)), policy.account_action(action.name()));
    }
}

#[test]
fn a_deployment_adds_actions_of_its_own() {
    let text = BUILT_IN
        .replace("[organization]", "export_map = { role = \"editor\", template = \"never\" }\n[organization]")
        .replace("[account]", "order_pizza = \"creator\"\n[account]");
    let policy = Policy::parse(&text).unwrap();
    let rule = policy.project_action("export_map").unwrap();
    assert_eq!((rule.lowest, rule.never_on_template), (ProjectLevel::Editor, true));
    assert_eq!(policy.organization_action("order_pizza"), Some(OrganizationLevel::Creator));
    assert_eq!(policy.project_action("order_pizza"), None, "an action of one kind is none of another");
    assert_eq!(policy.project_actions().last().map(|(name, _)| name), Some("export_map"));
    let shouted = BUILT_IN.replace("[organization]", "Export-Map = \"editor\"\n[organization]");
    assert_eq!(refused(&shouted), (line_of(&shouted, "Export-Map"), PolicyProblem::BadName("Export-Map".to_owned())));
}

#[test]
fn an_unknown_level_is_refused_with_its_line() {
    let text = BUILT_IN.replace("delete_files = \"editor\"", "delete_files = \"editro\"");
    let message = Policy::parse(&text).unwrap_err().to_string();
    let line = line_of(&text, "editro");
    assert!(message.starts_with(&format!("line {line}: `editro` is no level of `[project]`; there are:")), "{message}");
    let text = BUILT_IN.replace("restricted = \"manager\" }", "restricted = \"boss\" }");
    assert_eq!(refused(&text).0, line_of(&text, "boss"));
    let text = BUILT_IN.replace("get_status = \"anyone\"", "get_status = \"reader\"");
    assert_eq!(refused(&text).0, line_of(&text, "get_status"), "a role is no level of an account");
}

#[test]
fn a_missing_and_a_repeated_action_are_refused_with_their_lines() {
    let missing = BUILT_IN.replace("delete_files = \"editor\"\n", "");
    let lacks = PolicyProblem::MissingAction { section: "project", action: "delete_files" };
    assert_eq!(refused(&missing), (line_of(&missing, "[project]"), lacks));
    let repeated = BUILT_IN.replace("[organization]", "delete_files = \"reader\"\n[organization]");
    let (line, problem) = refused(&repeated);
    assert_eq!(line, line_of(&repeated, "delete_files = \"reader\""));
    assert!(problem.to_string().contains("duplicate key"), "{problem}");
    let twice = format!("{BUILT_IN}\n[project]\n");
    assert_eq!(refused(&twice).0, twice.lines().count());
}

#[test]
fn odd_lines_are_refused_with_their_lines() {
    let odd = BUILT_IN.replacen("template = \"never\" }", "template = \"always\" }", 1);
    let (line, problem) = refused(&odd);
    assert_eq!((line, matches!(problem, PolicyProblem::NoRule(_))), (line_of(&odd, "always"), true));
    let odd = BUILT_IN.replace("delete_files = \"editor\"", "delete_files = 3");
    assert_eq!(refused(&odd).0, line_of(&odd, "delete_files"));
    let odd = BUILT_IN.replace("restricted = \"manager\" }", "restricted = \"reader\" }");
    assert_eq!(refused(&odd), (line_of(&odd, "restricted = \"reader\" }"), PolicyProblem::RestrictedBelowRole));
    let odd = BUILT_IN.replace("resolution = \"highest\"", "resolution = \"lowest\"");
    assert_eq!(refused(&odd).0, line_of(&odd, "resolution = \"lowest\""));
    let odd = BUILT_IN.replace("over_limit = \"report\"", "overlimit = \"report\"");
    assert_eq!(refused(&odd).0, line_of(&odd, "overlimit"));
    assert!(matches!(refused("").1, PolicyProblem::Syntax(_)));
}

#[test]
fn settings_have_defaults() {
    let text = BUILT_IN.replace("resolution = \"highest\"", "").replace("over_limit = \"report\"", "");
    assert_eq!(Policy::parse(&text), Policy::built_in());
    let text = BUILT_IN.replace("over_limit = \"report\"", "over_limit = \"refuse_view\"");
    let policy = Policy::parse(&text).unwrap();
    let refused = policy.project_actions().filter(|(_, rule)| rule.never_over_limit).map(|(name, _)| name);
    assert_eq!(refused.collect::<Vec<_>>(), ["view_project"]);
}
