//! Checks: look the entries up, decide, and be sure that all of it was true at one revision.

use tokio::time::Instant;

use super::View;
use super::answering::Crowd;
use super::entries::Tables;
use super::error::ViewError;
use super::glance::{Blank, Glance, ProjectKey, found};
use super::position::Token;
use super::sought::TOGETHER;
use crate::domain::decision::{Decision, LevelDecision, decide_project};
use crate::domain::names::NameKey;
use crate::domain::policy::{Policy, ProjectRule};
use crate::domain::roles::{AccountLevel, OrganizationLevel};

/// May this user do this on this project?
#[derive(Debug, Clone)]
pub struct ProjectQuestion<'a> {
    /// Who; `None` is an anonymous visitor.
    pub user: Option<NameKey>,
    /// On what.
    pub project: ProjectKey,
    /// What: the rule of the action.
    pub rule: &'a ProjectRule,
}

/// May this user do, on what this name stands for, what asks for this level?
#[derive(Debug, Clone)]
pub struct LevelQuestion<L> {
    /// Who; `None` is an anonymous visitor.
    pub user: Option<NameKey>,
    /// On what.
    pub name: NameKey,
    /// The lowest level that may.
    pub required: L,
}

/// A question of any kind.
#[derive(Debug, Clone)]
pub enum Question<'a> {
    /// About a project.
    Project(ProjectQuestion<'a>),
    /// About an organization.
    Organization(LevelQuestion<OrganizationLevel>),
    /// About an account.
    Account(LevelQuestion<AccountLevel>),
}

/// A decision on a question of the same kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// About a project.
    Project(Decision),
    /// About an organization.
    Organization(LevelDecision<OrganizationLevel>),
    /// About an account.
    Account(LevelDecision<AccountLevel>),
}

/// An answer, and what it is true at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer<T> {
    /// The answer.
    pub value: T,
    /// Where in the log.
    pub token: Token,
    /// The lease had ended, and it was answered all the same: what it says may have been taken away.
    pub stale: bool,
}

impl View {
    /// Answers from the view, loading what it lacks; `deadline` is asked once that has to be waited for. Cancel-safe: a load that was
    /// begun goes on for others.
    ///
    /// # Errors
    /// When the view may not answer, a load fails, or the deadline passes; never for a denial.
    pub async fn check_project(
        &self,
        policy: &Policy,
        question: &ProjectQuestion<'_>,
        deadline: impl FnOnce() -> Option<Instant>,
    ) -> Result<Answer<Decision>, ViewError> {
        self.answer(deadline, Crowd::One, |glance, tables| question.seek(tables).guess().decide(policy, glance, tables))
            .await
    }

    /// The same about an organization.
    ///
    /// # Errors
    /// The same.
    pub async fn check_organization(
        &self,
        question: &LevelQuestion<OrganizationLevel>,
        deadline: impl FnOnce() -> Option<Instant>,
    ) -> Result<Answer<LevelDecision<OrganizationLevel>>, ViewError> {
        self.answer(deadline, Crowd::One, |glance, tables| question.seek(tables).guess().decide(glance, tables)).await
    }

    /// The same about an account.
    ///
    /// # Errors
    /// The same.
    pub async fn check_account(
        &self,
        question: &LevelQuestion<AccountLevel>,
        deadline: impl FnOnce() -> Option<Instant>,
    ) -> Result<Answer<LevelDecision<AccountLevel>>, ViewError> {
        self.answer(deadline, Crowd::One, |glance, tables| question.seek(tables).guess().decide(glance, tables)).await
    }

    /// The same about any of them, as one of many that are asked.
    ///
    /// # Errors
    /// The same.
    pub async fn check(
        &self,
        policy: &Policy,
        question: &Question<'_>,
        deadline: impl FnOnce() -> Option<Instant>,
    ) -> Result<Answer<Verdict>, ViewError> {
        self.answer(deadline, Crowd::Many, |glance, tables| {
            question.seek(tables).guess().decide(policy, glance, tables)
        })
        .await
    }

    /// Answers questions of any kind, in their order and all at one revision; what they miss is loaded together. Where the
    /// database can't be reached, that is the error of the questions that needed it then.
    ///
    /// # Errors
    /// When the view may not answer, or the deadline passes.
    pub async fn check_all(
        &self,
        policy: &Policy,
        questions: &[Question<'_>],
        deadline: impl FnOnce() -> Option<Instant>,
    ) -> Result<Answer<Vec<Result<Verdict, ViewError>>>, ViewError> {
        let decide = |glance: &mut Glance<'_>| {
            let mut verdicts = Vec::with_capacity(questions.len());
            // every question is looked at, so that all that is missing is loaded at once
            for some in questions.chunks(TOGETHER) {
                let tables = glance.tables();
                let sought = tables.seek_all(some);
                sought.iter().for_each(|one| verdicts.extend(found(one.decide(policy, glance, &tables))));
            }
            (verdicts.len() == questions.len()).then_some(verdicts)
        };
        self.consistently(deadline, Crowd::Many, decide).await
    }

    /// Decides every action of the policy for a user on a project, in the policy's order.
    ///
    /// # Errors
    /// Those of [`Self::check_project`].
    pub async fn check_every_action(
        &self,
        policy: &Policy,
        user: Option<&NameKey>,
        project: &ProjectKey,
        deadline: impl FnOnce() -> Option<Instant>,
    ) -> Result<Answer<Vec<Decision>>, ViewError> {
        let decide = |glance: &mut Glance<'_>, tables: &Tables| {
            let user = user.map(|name| tables.names.seek(name));
            let (user, project) = (glance.user(tables, user.as_ref()), glance.project(tables, &project.seek(tables)));
            let (user, project) = (user?, project?);
            let decide = |rule| decide_project(policy, user.asker(), project.owned(), rule, glance.now);
            Ok(policy.project_actions().map(|(_, rule)| decide(rule)).collect())
        };
        self.answer(deadline, Crowd::One, decide).await
    }

    async fn answer<T>(
        &self,
        deadline: impl FnOnce() -> Option<Instant>,
        crowd: Crowd,
        mut decide: impl FnMut(&mut Glance<'_>, &Tables) -> Result<T, Blank>,
    ) -> Result<Answer<T>, ViewError> {
        let decide = |glance: &mut Glance<'_>| {
            let tables = glance.tables();
            found(decide(glance, &tables))
        };
        let Answer { value, token, stale } = self.consistently(deadline, crowd, decide).await?;
        Ok(Answer { value: value?, token, stale })
    }
}
