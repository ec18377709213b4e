//! What was given and becomes another: what goes on, and what gives again.

use super::*;

const GIVEN: Given = Given { role: ProjectRole::Reporter, incognito: false, ended: false };
const ENDED: Given = Given { ended: true, ..GIVEN };

impl Attempt {
    /// The same candidate is there already, one of those that are counted if it counts.
    fn change(&self, before: Given, after: Given) -> Result<(), Refusal> {
        may_change_collaborator(&self.target(), &self.candidate, "ann", (before, after))
    }
}

#[test]
fn what_gives_again_is_asked_for_all_that_a_new_collaborator_is() {
    let personal = Attempt::user_to_personal_project;
    let organization = Attempt::user_to_organization_project;
    assert_eq!(personal().change(ENDED, GIVEN), Ok(()));
    assert_eq!(organization().change(ENDED, GIVEN), Ok(()));
    assert_eq!(Attempt::team_to_organization_project().change(ENDED, GIVEN), Ok(()));
    let no_premium = personal().spoiled(Flaw::NotPremium);
    assert_eq!(no_premium.change(ENDED, GIVEN), Err(Refusal::PremiumRequired("ann".to_owned())));
    assert_eq!(no_premium.change(GIVEN, GIVEN), Ok(()), "what goes on stays");
    assert_eq!(no_premium.change(ENDED, ENDED), Ok(()), "what gives nothing may be changed");
    let (user, owner) = ("ann".to_owned(), "acme".to_owned());
    let stranger = organization().spoiled(Flaw::NotMember).change(ENDED, GIVEN);
    assert_eq!(stranger, Err(Refusal::NotOrganizationMember { user, organization: owner }));
    let foreign = Attempt::team_to_organization_project().spoiled(Flaw::ForeignTeam).change(ENDED, GIVEN);
    assert_eq!(foreign, Err(Refusal::TeamNotInOrganization("ann".to_owned())));
    let editor = Given { role: ProjectRole::Editor, ..GIVEN };
    let capped = Err(Refusal::RoleNotAllowedOnPersonalProject);
    assert_eq!(personal().change(Given { ended: true, ..editor }, editor), capped);
    assert_eq!(personal().change(editor, editor), Ok(()));
    assert_eq!(personal().change(GIVEN, editor), capped);
}

#[test]
fn what_gives_again_takes_a_place_as_if_it_had_gone_meanwhile() {
    let hidden = |given| Given { incognito: true, ..given };
    let at = |counted| Attempt { counted, ..Attempt::user_to_organization_project() };
    // it is one of those that are counted
    assert_eq!(at(LIMIT).change(ENDED, GIVEN), Ok(()));
    let (counted, limit) = (LIMIT, LIMIT);
    let full = Err(Refusal::CollaboratorLimitReached { counted, limit });
    assert_eq!(at(LIMIT + 1).change(ENDED, GIVEN), full, "the others fill it");
    assert_eq!(at(LIMIT + 1).change(GIVEN, GIVEN), Ok(()), "a plan that shrinks takes nothing away");
    // it is not
    assert_eq!(at(LIMIT).change(hidden(ENDED), GIVEN), full);
    assert_eq!(at(LIMIT).change(hidden(GIVEN), GIVEN), full);
    assert_eq!(at(LIMIT - 1).change(hidden(ENDED), GIVEN), Ok(()));
    for counted in [LIMIT, LIMIT + 1] {
        assert_eq!(at(counted).change(hidden(ENDED), hidden(GIVEN)), Ok(()));
        assert_eq!(at(counted).change(ENDED, hidden(GIVEN)), Ok(()));
    }
}
