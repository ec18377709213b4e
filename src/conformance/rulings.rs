//! The table of rulings: where rolegate departs from the real system because its permission model says so. Which decisions,
//! why, and what rolegate must answer instead. Nothing else may differ.
//!
//! A ruling sees a question with the facts of the world and what the real system decided, never what rolegate answered. The
//! first that applies gives the answer that is expected; it counts as met where that is not the real one.

use super::question::{Answer, Question};
use super::rules;

/// One line of the table.
pub struct Ruling {
    /// What it is called in reports.
    pub name: &'static str,
    /// Which decisions it is about.
    pub decisions: &'static str,
    /// Why rolegate decides them otherwise.
    pub why: &'static str,
    /// What is expected of rolegate; `None` where the ruling does not apply.
    pub(super) expects: fn(&Question<'_>) -> Option<Answer>,
}

/// All of them. The order is the one in which they are asked.
pub const RULINGS: &[Ruling] = &[
    Ruling {
        name: "inactive",
        decisions: "every decision about an inactive person as the user: refused, no role",
        why: "an inactive user holds no role anywhere; the real system stops it at sign-in only",
        expects: rules::inactive,
    },
    Ruling {
        name: "stranger",
        decisions: "every decision about an anonymous visitor or an unknown user: refused",
        why: "neither holds anything; the real system does not ask who it is in `can_read_members`, \
              `can_list_users_organizations`, `can_create_project`, and takes an unsaved person for a user",
        expects: rules::stranger,
    },
    Ruling {
        name: "over limit",
        decisions: "`can_retrieve_project`, policy `over_limit = \"report\"`, on a private project over its limit: allowed",
        why: "a project over its plan's limit keeps working and is reported; the real system hides it, from its owner too",
        expects: rules::over_limit,
    },
    Ruling {
        name: "jobs of deltas",
        decisions: "`can_create_jobs[delta_apply]` on a template project: refused",
        why: "deltas are never created on a template project; the real function asks for the role alone",
        expects: rules::jobs_of_deltas,
    },
    Ruling {
        name: "teams",
        decisions: "policy `first_origin`, several teams with different roles: the highest of them",
        why: "the real system's pick among teams is arbitrary and may differ from one query to the next",
        expects: rules::teams,
    },
    Ruling {
        name: "deleting an organization",
        decisions: "`can_delete_user` of an organization's admins on the organization: refused",
        why: "`delete_organization` stays with the owner, as the permission matrix says",
        expects: rules::deleting_an_organization,
    },
    Ruling {
        name: "member limit at the door",
        decisions: "`can_become_member` of a person where the organization's plan is used up: refused",
        why: "one door with all its rules; the real function leaves the limit to the model behind it",
        expects: rules::member_limit_at_the_door,
    },
    Ruling {
        name: "a team as member",
        decisions: "`can_become_member` of a team of that very organization: refused",
        why: "members are people; the real model refuses it later",
        expects: rules::team_as_member,
    },
    Ruling {
        name: "an organization as collaborator",
        decisions: "`check_can_become_collaborator` of an organization that does not own the project: `NOT_A_PERSON`",
        why: "collaborators are people and teams; the real model refuses it later",
        expects: rules::organization_as_collaborator,
    },
    Ruling {
        name: "belonging before the limit",
        decisions: "`check_can_become_collaborator` at the limit, of somebody who does not belong: \
                    `NOT_ORGANIZATION_MEMBER`, `TEAM_NOT_IN_ORGANIZATION`",
        why: "the reason named is the first of owner, duplicate, team or membership, limit, premium",
        expects: rules::belonging_before_the_limit,
    },
    Ruling {
        name: "not counted",
        decisions: "`check_can_become_collaborator` at the limit, of the organization's team or its owner: ok",
        why: "the limit counts neither, so it does not refuse them; the documents call teams always allowed",
        expects: rules::not_counted,
    },
    Ruling {
        name: "one door",
        decisions: "a new `ProjectCollaborator` that the real model takes: what `check_can_become_collaborator` says",
        why: "the real system's HTTP API adds without the limit and premium rules that its pages apply",
        expects: rules::one_door,
    },
    Ruling {
        name: "creator",
        decisions: "a new or changed `OrganizationMember` with the role `creator`, seed version: as with any role",
        why: "the role came with a later version; rolegate knows it",
        expects: rules::creator,
    },
    Ruling {
        name: "member rules before the limit",
        decisions: "a new `OrganizationMember` of a full organization that is refused for something else as well: that",
        why: "the reason named is the first of role, person, owner, duplicate, limit",
        expects: rules::member_rules_before_the_limit,
    },
    Ruling {
        name: "seats",
        decisions: "a new `OrganizationMember`, later version: refused exactly where the plan's members without the owner \
                    are used up",
        why: "the owner is not counted and seats are not known; that version counts the owner, and seats where they are paid",
        expects: rules::seats,
    },
    Ruling {
        name: "limit on a role change",
        decisions: "a member's role changed in a full organization: allowed",
        why: "the limit is asked when a member is added, never when a role changes",
        expects: rules::limit_on_a_role_change,
    },
    Ruling {
        name: "transfer to a newcomer",
        decisions: "an organization handed to a person that is no member: refused exactly where the plan's members without \
                    the owner are used up",
        why: "the limit is asked of the former owner's new membership; the seed version does not, the later counts the owner",
        expects: rules::transfer_when_full,
    },
    Ruling {
        name: "transfer to an inactive person",
        decisions: "an organization handed to an inactive person: `ORGANIZATION_OWNER_REQUIRED`, nothing changes",
        why: "an organization needs an active user as its owner",
        expects: rules::transfer_to_inactive,
    },
    Ruling {
        name: "roles of a removed member",
        decisions: "a member removed, seed version: its direct roles on the organization's projects go too",
        why: "a removal takes what hangs on the membership; the later version does so as well",
        expects: rules::roles_of_a_removed_member,
    },
    Ruling {
        name: "roles of a new owner",
        decisions: "an organization handed to a member, seed version: its direct roles on the organization's projects go",
        why: "the new owner leaves the members with what a removal takes",
        expects: rules::roles_of_a_new_owner,
    },
    Ruling {
        name: "crossed removals",
        decisions: "two members removed at once, of two organizations: nothing of the one in the other's organization goes",
        why: "a removal takes what it names; the real bulk removal takes the crossed pairs' team rows too",
        expects: rules::crossed_removals,
    },
    Ruling {
        name: "project handed over",
        decisions: "a project handed over: roles of people and teams that do not belong to the new owner, and the new \
                    owner's own, go",
        why: "such a role could not be given on the project; the answer lists what went",
        expects: rules::project_handed_over,
    },
];

/// What rolegate must answer by the first ruling that applies.
pub(super) fn expected(question: &Question<'_>) -> Option<Answer> {
    RULINGS.iter().find_map(|ruling| (ruling.expects)(question))
}
