//! The audit trail: pages of the log, through whichever index fits what is asked for best.

use jiff::Timestamp;

use super::page::{Filling, Page};
use super::{Access, Demand, Moment, in_snapshot, must_be_within};
use crate::domain::change::{LogKey, LoggedChange};
use crate::domain::change_filter::ChangeFilter;
use crate::domain::ids::Revision;
use crate::membership::MembershipError;
use crate::store::changes::{self, Walk};
use crate::store::{Client, access};
use crate::view::Token;

/// What was changed?
#[derive(Debug, Clone)]
pub struct ChangesQuestion {
    /// Of what is asked.
    pub filter: ChangeFilter,
    /// The oldest first, instead of the newest.
    pub oldest_first: bool,
}

/// A page of the log.
#[derive(Debug, Clone)]
pub struct ChangesPage {
    /// The changes.
    pub changes: Vec<LoggedChange>,
    /// What the next page comes after, where there may be one.
    pub next: Option<LogKey>,
    /// Writes up to this one are no longer kept.
    pub log_start: Revision,
    /// What it is true at.
    pub token: Token,
}

impl Access {
    /// A page of the log.
    ///
    /// # Errors
    /// When the database can't be reached.
    pub async fn changes(
        &self,
        question: &ChangesQuestion,
        page: Page<LogKey>,
    ) -> Result<ChangesPage, MembershipError> {
        must_be_within(self.bounds.as_ref(), None)?;
        in_snapshot!(self, |client, demand| read(client, demand, question, page))
    }
}

async fn read(
    client: &mut Client,
    demand: &Demand<'_>,
    question: &ChangesQuestion,
    page: Page<LogKey>,
) -> Result<ChangesPage, MembershipError> {
    let snapshot = access::begin_snapshot(client).await?;
    let Moment { token, .. } = Moment::read(&snapshot, demand).await?;
    let log_start = changes::log_start(&snapshot).await?;
    let keys = Keys::of(question);
    let mut filling = Filling::new(page, question.begin(log_start));
    while let Some((after, most)) = filling.wants() {
        let wanted = i64::try_from(most).unwrap_or(i64::MAX);
        let found = changes::walk(&snapshot, keys.walk(question), question.oldest_first, after, wanted).await?;
        if found.len() < most {
            filling.end();
        }
        for change in found {
            let asked_for = change.revision > log_start && question.filter.takes(&change);
            filling.take(change.key(), asked_for.then_some(change));
        }
    }
    let (changes, next) = filling.finish();
    Ok(ChangesPage { changes, next, log_start, token })
}

/// The names of a filter as they are compared.
struct Keys {
    name: String,
    subject: String,
    actor: String,
}

impl Keys {
    fn of(question: &ChangesQuestion) -> Self {
        let ChangeFilter { name, subject, actor, .. } = &question.filter;
        let [name, subject, actor] = [name, subject, actor].map(|name| name.to_ascii_lowercase());
        Self { name, subject, actor }
    }

    /// The index that leaves the least to pass over.
    fn walk(&self, question: &ChangesQuestion) -> Walk<'_> {
        let Self { name, subject, actor } = self;
        match (name.as_str(), subject.as_str(), actor.as_str()) {
            ("", "", "") => Walk::All(question.end()),
            ("", "", actor) => Walk::Actor(actor, question.end()),
            ("", subject, _) => Walk::Subject(subject),
            (name, ..) => Walk::Name(name),
        }
    }
}

impl ChangesQuestion {
    /// Before all that is asked for, in the order of the list.
    fn begin(&self, log_start: Revision) -> LogKey {
        let ChangeFilter { from, until, .. } = self.filter;
        if self.oldest_first {
            LogKey { committed_at: from.unwrap_or(Timestamp::UNIX_EPOCH), revision: log_start, ordinal: i64::MAX }
        } else {
            LogKey { committed_at: until.unwrap_or(Timestamp::MAX), revision: Revision(i64::MAX), ordinal: i64::MAX }
        }
    }

    /// Behind all that is asked for, in the order of the list.
    fn end(&self) -> Timestamp {
        let ChangeFilter { from, until, .. } = self.filter;
        if self.oldest_first { until.unwrap_or(Timestamp::MAX) } else { from.unwrap_or(Timestamp::UNIX_EPOCH) }
    }
}
