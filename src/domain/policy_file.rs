//! Reads a policy from its file: every built-in action exactly once, every level a known one, or a clear refusal that
//! names the line.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use toml::{Spanned, Value};

use super::actions::{AccountAction, OrganizationAction, ProjectAction};
use super::policy::{OverLimit, Policy, ProjectRule, Resolution, Rules};
use super::roles::{AccountLevel, OrganizationLevel, ProjectLevel};

const BUILT_IN: &str = include_str!("../../policy/default.toml");

/// The longest name of an action.
const LONGEST_NAME: usize = 64;

/// Why a file is not a policy, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct PolicyError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: PolicyProblem,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyProblem {
    /// Not TOML, or not of the expected shape; an action that stands twice is one of these.
    #[error("{0}")]
    Syntax(String),
    /// Neither a level nor a rule.
    #[error("write a level, or {{ role, template = \"never\", restricted }}: {0}")]
    NoRule(String),
    /// A level or setting that there is none of.
    #[error("`{value}` is no {what}; there are: {known}")]
    Unknown { what: &'static str, value: String, known: String },
    /// More roles may where the files are restricted than where they are not.
    #[error("`restricted` can't be below `role`")]
    RestrictedBelowRole,
    /// A name that no action can have.
    #[error("`{0}` can't be an action: write up to 64 of a-z, 0-9 and _, the first a letter")]
    BadName(String),
    /// A built-in action without a line in its section, which begins at the line named.
    #[error("`[{section}]` lacks the built-in action `{action}`")]
    MissingAction { section: &'static str, action: &'static str },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    resolution: Option<Spanned<String>>,
    over_limit: Option<Spanned<String>>,
    project: Section<Value>,
    organization: Section<String>,
    account: Section<String>,
}

type Section<L> = Spanned<BTreeMap<Spanned<String>, Spanned<L>>>;

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
    /// When the text is no TOML, names an unknown level or setting, leaves a built-in action out, or says one twice.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let reader = Reader { text };
        let file: File = toml::from_str(text).map_err(|error| {
            let problem = PolicyProblem::Syntax(error.message().to_owned());
            reader.error(&error.span().unwrap_or_default(), problem)
        })?;
        let resolution = reader.setting("resolution", file.resolution, Resolution::parse, Resolution::ALL)?;
        let over_limit = reader.setting("over_limit", file.over_limit, OverLimit::parse, OverLimit::ALL)?;
        let mut project = reader.section("project", ProjectAction::ALL, file.project, |line| reader.rule(line))?;
        if let Some(view) = project.get_mut(ProjectAction::ViewProject.name()) {
            view.never_over_limit = over_limit == OverLimit::RefuseView;
        }
        Ok(Self {
            project,
            organization: reader.section("organization", OrganizationAction::ALL, file.organization, |line| {
                reader.named("level of `[organization]`", &line, OrganizationLevel::parse, OrganizationLevel::ALL)
            })?,
            account: reader.section("account", AccountAction::ALL, file.account, |line| {
                reader.named("level of `[account]`", &line, AccountLevel::parse, AccountLevel::ALL)
            })?,
            resolution,
            over_limit,
        })
    }
}

/// What has a name in the file, as the enums of the domain do.
trait Name: Copy {
    fn name(self) -> &'static str;
}

macro_rules! names {
    ($($name:ident),+) => {
        $(impl Name for $name {
            fn name(self) -> &'static str {
                Self::name(self)
            }
        })+
    };
}

names!(
    ProjectAction,
    OrganizationAction,
    AccountAction,
    ProjectLevel,
    OrganizationLevel,
    AccountLevel,
    Resolution,
    OverLimit
);

struct Reader<'a> {
    text: &'a str,
}

impl Reader<'_> {
    /// The rules of a section: the built-in actions in their order, then the others in the order of their lines.
    fn section<A: Name, L, R>(
        &self,
        section: &'static str,
        built_in: &'static [A],
        lines: Section<L>,
        rule: impl Fn(Spanned<L>) -> Result<R, PolicyError>,
    ) -> Result<Rules<R>, PolicyError> {
        let header = lines.span();
        let mut lines = lines.into_inner();
        let mut rules = Rules::default();
        for action in built_in.iter().map(|action| action.name()) {
            let line = lines.remove(&Spanned::new(0..0, action.to_owned()));
            let missing = || self.error(&header, PolicyProblem::MissingAction { section, action });
            rules.insert(action.into(), rule(line.ok_or_else(missing)?)?);
        }
        let mut own: Vec<_> = lines.into_iter().collect();
        own.sort_by_key(|(name, _)| name.span().start);
        for (name, line) in own {
            if !is_action_name(name.get_ref()) {
                return Err(self.error(&name.span(), PolicyProblem::BadName(name.into_inner())));
            }
            rules.insert(name.into_inner().into(), rule(line)?);
        }
        Ok(rules)
    }

    fn rule(&self, line: Spanned<Value>) -> Result<ProjectRule, PolicyError> {
        let span = line.span();
        let rule = match line.into_inner() {
            Value::String(role) => RuleLine { role, template: None, restricted: None },
            other => other.try_into().map_err(|error: toml::de::Error| {
                self.error(&span, PolicyProblem::NoRule(error.message().to_owned()))
            })?,
        };
        let level = |text: String| {
            let text = Spanned::new(span.clone(), text);
            self.named("level of `[project]`", &text, ProjectLevel::parse, ProjectLevel::ALL)
        };
        let (lowest, restricted) = (level(rule.role)?, rule.restricted.map(level).transpose()?);
        if restricted.is_some_and(|restricted| restricted < lowest) {
            return Err(self.error(&span, PolicyProblem::RestrictedBelowRole));
        }
        Ok(ProjectRule { lowest, never_on_template: rule.template.is_some(), restricted, never_over_limit: false })
    }

    /// A setting; the first there is where the file says nothing.
    fn setting<T: Name>(
        &self,
        what: &'static str,
        text: Option<Spanned<String>>,
        parse: fn(&str) -> Option<T>,
        known: &[T],
    ) -> Result<T, PolicyError> {
        let first = known.first().map(|first| first.name().to_owned()).unwrap_or_default();
        let text = text.unwrap_or_else(|| Spanned::new(0..0, first));
        self.named(what, &text, parse, known)
    }

    fn named<T: Name>(
        &self,
        what: &'static str,
        text: &Spanned<String>,
        parse: fn(&str) -> Option<T>,
        known: &[T],
    ) -> Result<T, PolicyError> {
        let unknown = || {
            let known = known.iter().map(|one| one.name()).collect::<Vec<_>>().join(", ");
            self.error(&text.span(), PolicyProblem::Unknown { what, value: text.get_ref().clone(), known })
        };
        parse(text.get_ref()).ok_or_else(unknown)
    }

    fn error(&self, at: &Range<usize>, problem: PolicyProblem) -> PolicyError {
        let before = self.text.bytes().take(at.start);
        PolicyError { line: before.filter(|byte| *byte == b'\n').count().saturating_add(1), problem }
    }
}

fn is_action_name(name: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    name.starts_with(|first: char| first.is_ascii_lowercase()) && name.len() <= LONGEST_NAME && name.bytes().all(word)
}

#[cfg(test)]
#[path = "policy_file_tests.rs"]
mod tests;
