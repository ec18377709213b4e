//! The steps of the writer in the model: it follows the log, watches the others, and acknowledges.

use super::rows::Rows;
use super::server::rename;
use super::steps::{Bounds, Mutation};
use super::watcher;
use super::world::{Age, Known, Place, Row, RowId, Server, Shown, World, Write, Writer};

impl Bounds {
    pub(super) fn begin_to_watch(&self, world: &mut World) -> Option<()> {
        let writer = &mut world.writer;
        let begins = self.broken(Mutation::SeenBeforeRead) && writer.begun.is_none() && writer.reading.is_none();
        begins.then(|| writer.begun = Some(Age(0)))
    }

    pub(super) fn watch(&self, world: &mut World, place: Place) -> Option<()> {
        self.follow(world, place)?;
        let restarts = world.restarts;
        let server = world.server(place);
        let rows = server.rows.map(|_, Row { number, applied, age }| Known { number, applied, since: age });
        let Server { log, name, .. } = *server;
        let writer = &mut world.writer;
        (!writer.acknowledged && writer.reading.is_none()).then_some(())?;
        (writer.begun.is_some() || !self.broken(Mutation::SeenBeforeRead)).then_some(())?;
        let news = (writer.view, writer.name) != (log, name) || !rows.says_what(&writer.seen) || !writer.shown;
        let connection = Some((place, restarts));
        if writer.listens != connection && !self.broken(Mutation::ClaimsKept) {
            writer.forget_claims();
        }
        writer.listens = connection;
        news.then(|| writer.reading = Some(Shown { place, rows, log, name }))
    }

    /// Only a read that goes on where the writer's own view is is taken in. What is new is noted with the time at which the
    /// answer came.
    pub(super) fn hear(&self, world: &mut World) -> Option<()> {
        let writer = &mut world.writer;
        let Shown { place, rows, log, name } = writer.reading.take()?;
        let now = writer.begun.take().unwrap_or_default();
        if self.broken(Mutation::ReplicasUnjudged) {
            writer.seen = watcher::observe(&writer.seen, &rows, now);
        }
        let breaks = name != writer.name || !log.goes_on(&writer.view);
        if breaks && name == writer.name {
            return rename(world, place, name);
        }
        if breaks {
            writer.seen = Rows::default();
        }
        writer.seen = watcher::observe(&writer.seen, &rows, now);
        if self.broken(Mutation::WallClock) {
            writer.seen = rows;
        }
        (writer.view, writer.name) = (log, name);
        writer.shown = writer.committed || self.broken(Mutation::ReplicasBeforeCommit);
        Some(())
    }

    pub(super) fn acknowledge(&self, world: &mut World) -> Option<()> {
        let writer = &mut world.writer;
        let any = self.broken(Mutation::ReplicasBeforeCommit) || self.broken(Mutation::ReplicasWithoutWrite);
        let has_read = if any { writer.shown } else { writer.view.contains(Write::Revoke) };
        let waits = writer.committed && !writer.acknowledged && has_read;
        (waits && watcher::nobody_is_behind(&writer.seen, writer.view.revision_of(Write::Revoke))).then(|| {
            *writer = Writer { committed: true, acknowledged: true, ..Writer::default() };
        })
    }

    pub(super) fn delete(&self, world: &mut World) -> Option<()> {
        let (place, row, number) = world.writer.deleting.take()?;
        let any = self.broken(Mutation::DeleteAnyNumber);
        let rows = &mut world.server(place).rows;
        if rows.get(row).is_some_and(|row| any || row.number == number) {
            rows.set(row, None);
        }
        Some(())
    }
}

pub(super) fn commit(world: &mut World) -> Option<()> {
    (!world.writer.committed).then_some(())?;
    world.writer.committed = true;
    world.server(world.primary).log.push(Write::Revoke);
    Some(())
}

pub(super) fn mean_to_delete(world: &mut World, place: Place, row: RowId) -> Option<()> {
    let number = watcher::ended(&world.writer.seen, row)?;
    world.writer.deleting.is_none().then(|| world.writer.deleting = Some((place, row, number)))
}
