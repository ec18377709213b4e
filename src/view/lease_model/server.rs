//! What happens to the servers of the model, and in them.

use super::steps::{Bounds, Mutation};
use super::world::{LEASE, Place, World, Write};

impl Bounds {
    pub(super) fn replicate(&self, world: &mut World) -> Option<()> {
        let first = (self.failover || self.restarts > 0) && world.primary == Place::Old && !world.replicated;
        first.then(|| {
            world.replicated = true;
            world.servers[1] = world.servers[0];
        })
    }

    pub(super) fn fail_over(&self, world: &mut World) -> Option<()> {
        (self.failover && world.primary == Place::Old).then(|| world.primary = Place::New)
    }

    /// What is flushed is what the standby has: where a server comes back there is no standby.
    pub(super) fn restart(&self, world: &mut World) -> Option<()> {
        (world.restarts < self.restarts).then(|| {
            world.restarts += 1;
            world.servers[0] = world.servers[1];
        })
    }

    pub(super) fn jump(&self, world: &mut World) -> Option<()> {
        (self.broken(Mutation::WallClock) && !world.jumped).then(|| {
            world.jumped = true;
            world.servers.iter_mut().for_each(|server| server.age_rows(LEASE));
        })
    }

    /// Whoever follows a server that is not the one that the counter was last seen in says so there first.
    pub(super) fn follow(&self, world: &mut World, place: Place) -> Option<()> {
        (place <= world.primary).then_some(())?;
        let adds = !self.broken(Mutation::NoUnknown);
        let server = world.server(place);
        if server.noted != place {
            server.noted = place;
            if adds {
                server.add_unknown();
            }
        }
        Some(())
    }
}

pub(super) fn other_write(world: &mut World) -> Option<()> {
    let first = world.primary == Place::Old;
    let server = world.server(Place::Old);
    (first && !server.log.contains(Write::Other)).then(|| server.log.push(Write::Other))
}

/// Gives the history another name. A server that commits nothing any more does not answer.
pub(super) fn rename(world: &mut World, place: Place, name: u8) -> Option<()> {
    if place == world.primary && world.server(place).name == name {
        let server = world.server(place);
        server.name += 1;
        server.add_unknown();
    }
    Some(())
}
