//! Reads a policy from its file: every built-in action exactly once, every level a known one, or a clear refusal.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::{Spanned, Value};

use super::actions::{AccountAction, OrganizationAction, ProjectAction};
use super::policy::{ACCOUNT_ACTIONS, ORGANIZATION_ACTIONS, PROJECT_ACTIONS, Policy, ProjectRule};
use super::roles::{AccountLevel, OrganizationLevel, ProjectLevel};

const BUILT_IN: &str = include_str!("../../policy/default.toml");

/// Why a file is not a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Not TOML, or not of the expected shape; an action that stands twice is one of these.
    #[error("read the policy: {0}")]
    Syntax(String),
    /// A line that is neither a level nor a rule.
    #[error("line {line}: write a level, or {{ role, template = \"never\", restricted }}: {problem}")]
    NoRule { line: usize, problem: String },
    /// A level that there is none of.
    #[error("line {line}: `{level}` is no level of `[{section}]`; there are: {known}")]
    UnknownLevel { line: usize, section: &'static str, level: String, known: String },
    /// An action that there is none of.
    #[error("line {line}: `{action}` is no action of `[{section}]`")]
    UnknownAction { line: usize, section: &'static str, action: String },
    /// A built-in action without a line.
    #[error("`[{section}]` lacks the action `{action}`")]
    MissingAction { section: &'static str, action: &'static str },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    project: Section<Spanned<Value>>,
    organization: Section<Spanned<String>>,
    account: Section<Spanned<String>>,
}

type Section<L> = BTreeMap<Spanned<String>, L>;

/// The line of a project action that has more to say than a level.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleLine {
    role: String,
    template: Option<Never>,
    restricted: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Never {
    Never,
}

impl Policy {
    /// The policy that is compiled in.
    ///
    /// # Errors
    /// None: a test reads it.
    pub fn built_in() -> Result<Self, PolicyError> {
        Self::parse(BUILT_IN)
    }

    /// Reads a policy.
    ///
    /// # Errors
    /// When the text is no TOML, names an unknown action or level, or leaves an action out.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let file: File = toml::from_str(text).map_err(|error| PolicyError::Syntax(error.to_string()))?;
        let reader = Reader { text };
        Ok(Self {
            project: reader.project(file.project)?,
            organization: reader.organization(file.organization)?,
            account: reader.account(file.account)?,
        })
    }
}

struct Reader<'a> {
    text: &'a str,
}

impl Reader<'_> {
    fn project(&self, section: Section<Spanned<Value>>) -> Result<[ProjectRule; PROJECT_ACTIONS], PolicyError> {
        let actions = ProjectAction::ALL.iter().map(|action| action.name());
        let rules = self.in_order("project", section, actions)?;
        let rules = rules.into_iter().map(|line| self.project_rule(line)).collect::<Result<Vec<_>, _>>()?;
        exactly("project", rules)
    }

    fn project_rule(&self, line: Spanned<Value>) -> Result<ProjectRule, PolicyError> {
        let span = line.span();
        let rule = match line.into_inner() {
            Value::String(role) => RuleLine { role, template: None, restricted: None },
            other => other.try_into().map_err(|error: toml::de::Error| PolicyError::NoRule {
                line: self.line(span.start),
                problem: error.message().to_owned(),
            })?,
        };
        let level = |text: String| {
            let names = ProjectLevel::ALL.iter().map(|level| level.name());
            self.level("project", &Spanned::new(span.clone(), text), ProjectLevel::parse, names)
        };
        Ok(ProjectRule {
            lowest: level(rule.role)?,
            never_on_template: rule.template.is_some(),
            restricted: rule.restricted.map(level).transpose()?,
        })
    }

    fn organization(
        &self,
        section: Section<Spanned<String>>,
    ) -> Result<[OrganizationLevel; ORGANIZATION_ACTIONS], PolicyError> {
        let actions = OrganizationAction::ALL.iter().map(|action| action.name());
        let names = || OrganizationLevel::ALL.iter().map(|level| level.name());
        let lines = self.in_order("organization", section, actions)?;
        let level = |line| self.level("organization", &line, OrganizationLevel::parse, names());
        exactly("organization", lines.into_iter().map(level).collect::<Result<Vec<_>, _>>()?)
    }

    fn account(&self, section: Section<Spanned<String>>) -> Result<[AccountLevel; ACCOUNT_ACTIONS], PolicyError> {
        let actions = AccountAction::ALL.iter().map(|action| action.name());
        let names = || AccountLevel::ALL.iter().map(|level| level.name());
        let lines = self.in_order("account", section, actions)?;
        let level = |line| self.level("account", &line, AccountLevel::parse, names());
        exactly("account", lines.into_iter().map(level).collect::<Result<Vec<_>, _>>()?)
    }

    /// The lines of a section in the order of its actions: all of them, and no others.
    fn in_order<L>(
        &self,
        section: &'static str,
        mut lines: Section<L>,
        actions: impl Iterator<Item = &'static str>,
    ) -> Result<Vec<L>, PolicyError> {
        let mut ordered = Vec::new();
        for action in actions {
            let line = lines.remove(&Spanned::new(0..0, action.to_owned()));
            ordered.push(line.ok_or(PolicyError::MissingAction { section, action })?);
        }
        match lines.into_keys().next() {
            None => Ok(ordered),
            Some(unknown) => {
                let line = self.line(unknown.span().start);
                Err(PolicyError::UnknownAction { line, section, action: unknown.into_inner() })
            }
        }
    }

    fn level<T>(
        &self,
        section: &'static str,
        text: &Spanned<String>,
        parse: impl Fn(&str) -> Option<T>,
        known: impl Iterator<Item = &'static str>,
    ) -> Result<T, PolicyError> {
        parse(text.get_ref()).ok_or_else(|| PolicyError::UnknownLevel {
            line: self.line(text.span().start),
            section,
            level: text.get_ref().clone(),
            known: known.collect::<Vec<_>>().join(", "),
        })
    }

    fn line(&self, offset: usize) -> usize {
        self.text.bytes().take(offset).filter(|byte| *byte == b'\n').count().saturating_add(1)
    }
}

fn exactly<T, const N: usize>(section: &'static str, rules: Vec<T>) -> Result<[T; N], PolicyError> {
    let wrong_count = |rules: Vec<T>| PolicyError::Syntax(format!("`[{section}]` has {} rules, not {N}", rules.len()));
    rules.try_into().map_err(wrong_count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_policy_is_one() {
        let policy = Policy::built_in().unwrap();
        let rule = policy.project(ProjectAction::ModifyProjectfiles);
        assert_eq!((rule.lowest, rule.restricted), (ProjectLevel::Reporter, Some(ProjectLevel::Manager)));
        assert!(policy.project(ProjectAction::CreateJobs).never_on_template);
        assert_eq!(policy.organization(OrganizationAction::DeleteOrganization), OrganizationLevel::Owner);
        assert_eq!(policy.account(AccountAction::GetStatus), AccountLevel::Anyone);
    }

    #[test]
    fn an_unknown_level_is_refused_with_its_line() {
        let text = BUILT_IN.replace("delete_files = \"editor\"", "delete_files = \"editro\"");
        let line = text.lines().position(|line| line.contains("editro")).unwrap() + 1;
        let message = Policy::parse(&text).unwrap_err().to_string();
        assert!(message.starts_with(&format!("line {line}: `editro` is no level")), "{message}");
    }

    #[test]
    fn an_unknown_a_missing_and_a_repeated_action_are_refused() {
        let unknown = BUILT_IN.replace("[organization]", "export_map = \"editor\"\n[organization]");
        assert!(matches!(Policy::parse(&unknown), Err(PolicyError::UnknownAction { section: "project", .. })));
        let missing = BUILT_IN.replace("delete_files = \"editor\"\n", "");
        let lacks = PolicyError::MissingAction { section: "project", action: "delete_files" };
        assert_eq!(Policy::parse(&missing), Err(lacks));
        let odd = BUILT_IN.replace("template = \"never\" }", "template = \"always\" }");
        assert!(matches!(Policy::parse(&odd), Err(PolicyError::NoRule { .. })));
        let repeated = BUILT_IN.replace("[organization]", "delete_files = \"editor\"\n[organization]");
        assert!(matches!(Policy::parse(&repeated), Err(PolicyError::Syntax(_))));
    }
}
