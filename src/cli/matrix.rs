//! A policy as a matrix that people read: a row an action, a column a role.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, Table, presets};

use crate::domain::policy::{Policy, ProjectRule};
use crate::domain::roles::{AccountLevel, OrganizationLevel, ProjectLevel};

/// One section of the matrix.
struct Section<'a> {
    title: &'static str,
    levels: Vec<&'static str>,
    rows: Vec<Row<'a>>,
}

/// An action: a mark for each level, and what else there is to say.
struct Row<'a> {
    action: &'a str,
    marks: Vec<&'static str>,
    besides: String,
}

impl<'a> Section<'a> {
    fn header(&self) -> Vec<&'a str> {
        let levels = self.levels.iter().copied();
        [self.title].into_iter().chain(levels).chain(self.has_more().then_some("besides")).collect()
    }

    fn cells<'b>(&self, row: &'b Row<'a>) -> Vec<&'b str> {
        let marks = row.marks.iter().copied();
        [row.action].into_iter().chain(marks).chain(self.has_more().then_some(&*row.besides)).collect()
    }

    /// Whether any action has more to say than who may.
    fn has_more(&self) -> bool {
        self.rows.iter().any(|row| !row.besides.is_empty())
    }
}

/// The matrix for a terminal.
pub(super) fn text(policy: &Policy) -> String {
    let mut text = settings(policy);
    for section in sections(policy) {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        table.set_header(section.header());
        for row in &section.rows {
            table.add_row(section.cells(row));
        }
        for column in table.column_iter_mut().skip(1).take(section.levels.len()) {
            column.set_cell_alignment(CellAlignment::Center);
        }
        let _ = writeln!(text, "\n{table}");
    }
    text
}

/// The matrix as a page of documentation.
pub(super) fn markdown(policy: &Policy) -> String {
    let mut text = String::from(
        "# Who may do what\n\nWritten by `rolegate policy show --markdown`. `(✓)`: not everywhere, see «besides».\n\n",
    );
    text.push_str(&settings(policy));
    for section in sections(policy) {
        let header = section.header();
        let _ = writeln!(text, "\n| {} |", header.join(" | "));
        let _ = writeln!(text, "|{}", " --- |".repeat(header.len()));
        for row in &section.rows {
            let _ = writeln!(text, "| {} |", section.cells(row).join(" | "));
        }
    }
    text
}

/// How a policy differs from another, in sentences.
pub(super) fn differences(from: &Policy, to: &Policy) -> String {
    let before: Vec<(String, String)> = lines(from);
    let mut found = Vec::new();
    for (name, after) in lines(to) {
        match before.iter().find(|(known, _)| *known == name) {
            None => found.push(format!("  {name}: {after} (an action of its own)")),
            Some((_, line)) if *line != after => found.push(format!("  {name}: {after} (compiled in: {line})")),
            Some(_) => {}
        }
    }
    if found.is_empty() {
        "It says what the one that is compiled in says.".to_owned()
    } else {
        format!("It differs from the one that is compiled in:\n{}", found.join("\n"))
    }
}

fn settings(policy: &Policy) -> String {
    format!("- resolution: {}\n- over_limit: {}\n", policy.resolution.name(), policy.over_limit.name())
}

fn sections(policy: &Policy) -> [Section<'_>; 3] {
    let project = policy.project_actions().map(|(action, rule)| {
        let marks = ProjectLevel::ALL.iter().map(|level| project_mark(rule, *level));
        Row { action, marks: marks.collect(), besides: besides(rule) }
    });
    let organization = policy.organization_actions().map(|(action, lowest)| {
        let marks = OrganizationLevel::ALL.iter().map(|level| mark(*level >= lowest));
        Row { action, marks: marks.collect(), besides: String::new() }
    });
    let account = policy.account_actions().map(|(action, lowest)| {
        let marks = AccountLevel::ALL.iter().map(|level| mark(*level >= lowest));
        Row { action, marks: marks.collect(), besides: String::new() }
    });
    [
        Section {
            title: "project",
            levels: ProjectLevel::ALL.iter().map(|level| level.name()).collect(),
            rows: project.collect(),
        },
        Section {
            title: "organization",
            levels: OrganizationLevel::ALL.iter().map(|level| level.name()).collect(),
            rows: organization.collect(),
        },
        Section {
            title: "account",
            levels: AccountLevel::ALL.iter().map(|level| level.name()).collect(),
            rows: account.collect(),
        },
    ]
}

fn mark(may: bool) -> &'static str {
    if may { "✓" } else { "" }
}

fn project_mark(rule: &ProjectRule, level: ProjectLevel) -> &'static str {
    let only_unrestricted = rule.restricted.is_some_and(|restricted| level < restricted);
    if level >= rule.lowest && only_unrestricted { "(✓)" } else { mark(level >= rule.lowest) }
}

fn besides(rule: &ProjectRule) -> String {
    let restricted = rule.restricted.map(|level| format!("{} where project files are restricted", level.name()));
    let template = rule.never_on_template.then(|| "never on a template project".to_owned());
    let over_limit = rule.never_over_limit.then(|| "never over the collaborator limit".to_owned());
    restricted.into_iter().chain(template).chain(over_limit).collect::<Vec<_>>().join("; ")
}

/// Every setting and action by its place, with what it says.
fn lines(policy: &Policy) -> Vec<(String, String)> {
    let rule = |rule: &ProjectRule| match besides(rule) {
        besides if besides.is_empty() => rule.lowest.name().to_owned(),
        besides => format!("{}, {besides}", rule.lowest.name()),
    };
    let settings = [
        ("resolution".to_owned(), policy.resolution.name().to_owned()),
        ("over_limit".to_owned(), policy.over_limit.name().to_owned()),
    ];
    let project = policy.project_actions().map(|(name, line)| (format!("[project] {name}"), rule(line)));
    let organization = policy.organization_actions();
    let organization = organization.map(|(name, level)| (format!("[organization] {name}"), level.name().to_owned()));
    let account = policy.account_actions();
    let account = account.map(|(name, level)| (format!("[account] {name}"), level.name().to_owned()));
    settings.into_iter().chain(project).chain(organization).chain(account).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_in_the_documentation_is_the_policy_that_is_compiled_in() {
        let page = include_str!("../../docs/policy.md");
        let rendered = markdown(&Policy::built_in().unwrap());
        assert_eq!(page, rendered, "run: cargo run -- policy show --markdown > docs/policy.md");
    }

    #[test]
    fn differences_name_what_moved_and_what_is_new() {
        let built_in = Policy::built_in().unwrap();
        assert_eq!(differences(&built_in, &built_in), "It says what the one that is compiled in says.");
        let text = include_str!("../../policy/default.toml")
            .replace("delete_files = \"editor\"", "delete_files = \"manager\"")
            .replace("resolution = \"highest\"", "resolution = \"first_origin\"")
            .replace("[organization]", "export_map = \"editor\"\n[organization]");
        let told = differences(&built_in, &Policy::parse(&text).unwrap());
        let lines: Vec<&str> = told.lines().skip(1).collect();
        assert_eq!(
            lines,
            [
                "  resolution: first_origin (compiled in: highest)",
                "  [project] delete_files: manager (compiled in: editor)",
                "  [project] export_map: editor (an action of its own)",
            ]
        );
    }
}
