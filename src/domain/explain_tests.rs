//! What each origin gives and how it stands beside the others, under both ways to pick one role of several.

use proptest::prelude::*;

use {Link::*, Origin as O, ProjectRole::*, Standing::*};

use super::*;
use crate::domain::facts::User;
use crate::domain::test_world::*;

/// Links, and how the seven origins then stand: where the highest role wins, where the first origin does.
type Row = (&'static [Link], [Standing; 7], [Standing; 7]);

const NOTHING: [Standing; 7] = [NotOwner, NotOwner, NotAdmin, NotAdded, NotAdded, NotMember, NotPublic];

fn explain(resolution: Resolution, world: &World) -> Vec<Finding> {
    explain_origins(resolution, Asker::User(&world.user), world.owned(), NOW)
}

fn standings(resolution: Resolution, world: &World) -> Vec<Standing> {
    explain(resolution, world).iter().map(|finding| finding.standing).collect()
}

fn check(rows: &[Row]) {
    for (links, highest, first) in rows {
        let world = World::of(links);
        assert_eq!(standings(Resolution::Highest, &world), highest, "highest: {links:?}");
        assert_eq!(standings(Resolution::FirstOrigin, &world), first, "first origin: {links:?}");
    }
}

#[test]
fn an_origin_that_gives_nothing_says_why() {
    let elsewhere = &[In(ELSEWHERE[0], OrganizationRole::Owner), In(ELSEWHERE[1], OrganizationRole::Admin)];
    let of_member = [NotOwner, NotOwner, NotAdmin, NotAdded, NotAdded, NoDefaultRole, NotPublic];
    let ended = [NotOwner, NotOwner, NotAdmin, Ended, Ended, NotMember, NotPublic];
    for (links, expected) in [
        (&[][..], NOTHING),
        (elsewhere, NOTHING),
        (&[MEMBER], of_member),
        (&[CREATOR], of_member),
        (&[DefaultRole(Admin)], NOTHING),
        // a team that the user is not in
        (&[Team(4, Admin, NEVER)], NOTHING),
        // to the microsecond
        (&[Added(Admin, NOW), Team(1, Admin, BEFORE)], ended),
        (&[Added(Admin, BEFORE), Team(1, Admin, NOW), Team(2, Reader, BEFORE)], ended),
    ] {
        for resolution in Resolution::ALL {
            let found = explain(*resolution, &World::of(links));
            let standings: Vec<Standing> = found.iter().map(|finding| finding.standing).collect();
            assert_eq!(standings, expected, "{links:?}");
            assert!(found.iter().all(|finding| finding.held.is_none() && finding.teams.is_empty()), "{links:?}");
        }
    }
}

#[test]
fn an_origin_that_gives_a_role_wins_or_is_lower_or_later() {
    check(&[
        (
            &[OwnsIt, IsPublic, Added(Admin, NEVER)],
            [Wins, NoOrganization, NoOrganization, LaterOrigin, NotAdded, NoOrganization, LowerRole],
            [Wins, NoOrganization, NoOrganization, LaterOrigin, NotAdded, NoOrganization, LaterOrigin],
        ),
        (
            &[OWNER, Added(Reader, NEVER), DefaultRole(Admin)],
            [NotOwner, Wins, NotAdmin, LowerRole, NotAdded, NotMember, NotPublic],
            [NotOwner, Wins, NotAdmin, LaterOrigin, NotAdded, NotMember, NotPublic],
        ),
        (
            &[ADMIN, Added(Admin, NEVER), Team(1, Editor, NEVER), DefaultRole(Admin)],
            [NotOwner, NotOwner, Wins, LaterOrigin, LowerRole, NotMember, NotPublic],
            [NotOwner, NotOwner, Wins, LaterOrigin, LaterOrigin, NotMember, NotPublic],
        ),
        // where the two ways differ: a direct reader in a team of editors
        (
            &[MEMBER, Added(Reader, NEVER), Team(1, Editor, NEVER)],
            [NotOwner, NotOwner, NotAdmin, LowerRole, Wins, NoDefaultRole, NotPublic],
            [NotOwner, NotOwner, NotAdmin, Wins, LaterOrigin, NoDefaultRole, NotPublic],
        ),
        (
            &[CREATOR, Added(Editor, LATER), Team(2, Reporter, NEVER), DefaultRole(Editor), IsPublic],
            [NotOwner, NotOwner, NotAdmin, Wins, LowerRole, LaterOrigin, LowerRole],
            [NotOwner, NotOwner, NotAdmin, Wins, LaterOrigin, LaterOrigin, LaterOrigin],
        ),
        (
            &[MEMBER, Added(Admin, NOW), Team(1, Admin, NOW), Team(2, Reader, LATER), DefaultRole(Manager), IsPublic],
            [NotOwner, NotOwner, NotAdmin, Ended, LowerRole, Wins, LowerRole],
            [NotOwner, NotOwner, NotAdmin, Ended, Wins, LaterOrigin, LaterOrigin],
        ),
        (
            &[Added(Admin, BEFORE), IsPublic],
            [NotOwner, NotOwner, NotAdmin, Ended, NotAdded, NotMember, Wins],
            [NotOwner, NotOwner, NotAdmin, Ended, NotAdded, NotMember, Wins],
        ),
    ]);
}

#[test]
fn the_teams_that_give_the_role_are_named_and_no_others() {
    for (links, expected) in [
        (&[Team(1, Editor, NEVER), Team(2, Editor, LATER), Team(3, Reader, NEVER)][..], &[1, 2][..]),
        (&[Team(1, Editor, NOW), Team(2, Editor, LATER), Team(5, Editor, NEVER)], &[2, 5]),
        (&[Team(1, Editor, NEVER), Team(4, Editor, NEVER)], &[1]),
        (&[Team(1, Editor, NEVER), Added(Admin, NEVER)], &[1]),
        (&[Team(4, Editor, NEVER)], &[]),
        (&[Added(Editor, NEVER)], &[]),
    ] {
        for finding in explain(Resolution::Highest, &World::of(links)) {
            let teams: Vec<i64> = finding.teams.iter().map(|team| team.0).collect();
            let expected = if finding.origin == O::TeamMember { expected } else { &[] };
            assert_eq!(teams, expected, "{:?} {links:?}", finding.origin);
        }
    }
}

#[test]
fn who_or_what_is_not_there_holds_nothing_through_any_origin() {
    let world = World::of(&[OWNER, Added(Admin, NEVER), Team(1, Admin, NEVER), IsPublic]);
    let inactive = User { active: false, ..world.user.clone() };
    for (asker, project) in [
        (Asker::Anonymous, world.owned()),
        (Asker::NotFound, world.owned()),
        (Asker::User(&inactive), world.owned()),
        (Asker::User(&world.user), None),
        (Asker::Anonymous, None),
    ] {
        let found = explain_origins(Resolution::Highest, asker, project, NOW);
        assert_eq!(found.iter().map(|finding| finding.origin).collect::<Vec<_>>(), O::ALL);
        assert!(found.iter().all(|finding| finding.standing == Nobody && finding.held.is_none()), "{asker:?}");
    }
}

proptest! {
    #[test]
    fn the_origin_that_wins_is_what_the_user_holds(links in any_links()) {
        let world = World::of(&links);
        for resolution in Resolution::ALL {
            let held = held_role(*resolution, &world.user, &world.project, &world.owner, NOW);
            let found = explain(*resolution, &world);
            prop_assert_eq!(found.iter().map(|finding| finding.origin).collect::<Vec<_>>(), O::ALL);
            let winners: Vec<_> = found.iter().filter(|finding| finding.standing == Wins).collect();
            prop_assert_eq!(winners.len(), usize::from(held.is_some()), "{:?}", &found);
            if let Some(held) = held {
                prop_assert_eq!(winners[0].held, Some(held));
            }
            for finding in &found {
                let gives = matches!(finding.standing, Wins | LowerRole | LaterOrigin);
                prop_assert_eq!(gives, finding.held.is_some(), "{:?}", finding);
                let Some((mine, best)) = finding.held.zip(held) else { continue };
                match finding.standing {
                    LowerRole => prop_assert!(mine.role < best.role && *resolution == Resolution::Highest),
                    LaterOrigin => {
                        prop_assert!(mine.origin > best.origin);
                        prop_assert!(mine.role == best.role || *resolution == Resolution::FirstOrigin);
                    }
                    _ => prop_assert_eq!(mine, best),
                }
            }
        }
    }

    #[test]
    fn what_an_origin_gives_is_what_the_user_would_hold_through_it_alone(links in any_links()) {
        let alone = |origin: O| {
            let of_origin = |link: &&Link| match (link, origin) {
                (Added(..), O::Collaborator) | (Team(..), O::TeamMember) | (IsPublic, O::Public) => true,
                (OwnsIt, O::ProjectOwner) | (DefaultRole(_), O::OrganizationMember) => true,
                (In(_, place), O::OrganizationOwner) => *place == OrganizationRole::Owner,
                (In(_, place), O::OrganizationAdmin) => *place == OrganizationRole::Admin,
                (In(_, place), O::OrganizationMember) => *place < OrganizationRole::Admin,
                _ => false,
            };
            World::of(&links.iter().filter(of_origin).copied().collect::<Vec<_>>())
        };
        for finding in explain(Resolution::Highest, &World::of(&links)) {
            let world = alone(finding.origin);
            let held = held_role(Resolution::FirstOrigin, &world.user, &world.project, &world.owner, NOW);
            prop_assert_eq!(finding.held, held, "{:?}", finding.origin);
        }
    }
}
