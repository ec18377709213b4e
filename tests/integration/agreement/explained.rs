//! Explanations: the decision, what each origin gives, and that what is said to help does.

use rolegate::grpc::v1::{
    CheckResponse, ExplainRequest, ExplainResponse, Origin, OriginExplanation, OriginStanding, Resolution,
};

use super::{Agreement, Dice, Names, same};
use crate::support::oracle::ACTIONS;
use crate::support::{Matrix, Verdict};

impl Agreement<'_> {
    /// Why somebody may do something.
    pub async fn on_an_explanation(self, names: &Names, dice: &mut Dice) -> Result<(), String> {
        let request = draw(names, dice);
        self.explain(&request).await.map(drop)
    }

    /// Asks for an explanation, and holds it against the rows.
    pub(super) async fn explain(self, request: &ExplainRequest) -> Result<ExplainResponse, String> {
        let explained = std::sync::Mutex::new(ExplainResponse::default());
        let ask = async { self.service.authorization().explain(request.clone()).await.unwrap().into_inner() };
        let judge = |matrix: &Matrix, answer: &ExplainResponse| {
            *explained.lock().unwrap() = answer.clone();
            self.judge(matrix, request, answer)
        };
        self.at_one_moment(ask, judge).await?;
        Ok(explained.into_inner().unwrap())
    }

    fn judge(self, matrix: &Matrix, request: &ExplainRequest, answer: &ExplainResponse) -> Result<(), String> {
        let decided = Verdict::from(&CheckResponse {
            allowed: answer.allowed,
            role: answer.role,
            origin: answer.origin,
            required_role: answer.required_role,
            reason: answer.reason,
            over_limit: answer.over_limit,
            expires_at: answer.expires_at,
            revision: String::new(),
            stale: false,
        });
        same(request, &decided, &matrix.verdict(&request.user, &request.project, &request.action))?;
        let resolution = if self.rules.first_origin { Resolution::FirstOrigin } else { Resolution::Highest };
        same(request, &answer.resolution(), &resolution)?;
        let right = matrix.origins(&request.user, &request.project);
        let answered: Vec<OriginExplanation> = answer.origins.iter().map(comparable).collect::<Result<_, _>>()?;
        same(request, &answered, &right)?;
        let wins = answer.origins.iter().filter(|origin| origin.standing() == OriginStanding::Wins);
        let winners: Vec<Origin> = wins.map(OriginExplanation::origin).collect();
        let holder = Some(decided.origin).filter(|origin| *origin != Origin::Unspecified);
        same(request, &winners, &holder.into_iter().collect())?;
        if answer.allowed && !answer.alternatives.is_empty() {
            return Err(format!("{request:?} is allowed, and {:?} would allow it", answer.alternatives));
        }
        Ok(())
    }
}

pub(super) fn draw(names: &Names, dice: &mut Dice) -> ExplainRequest {
    // those with rules of their own are few among the many
    let action = match dice.below(6) {
        0 => "modify_projectfiles",
        1 => "view_project",
        _ => dice.one(&ACTIONS).0,
    };
    let action = action.to_owned();
    ExplainRequest { user: dice.one(&names.accounts), project: dice.one(&names.projects), action, consistency: None }
}

/// As the oracle has it: teams in order, and why an origin gives nothing only where it is nobody's.
fn comparable(origin: &OriginExplanation) -> Result<OriginExplanation, String> {
    let mut origin = origin.clone();
    origin.teams.sort();
    let gives = origin.role != 0;
    let says_why = may_say(origin.origin()).contains(&origin.standing());
    match origin.standing() {
        OriginStanding::Nobody if !gives => {}
        OriginStanding::Wins | OriginStanding::LowerRole | OriginStanding::LaterOrigin if gives => {}
        _ if !gives && says_why => origin.standing = OriginStanding::Unspecified.into(),
        _ => return Err(format!("{origin:?} says what it can't")),
    }
    Ok(origin)
}

/// Why an origin may give nothing.
fn may_say(origin: Origin) -> &'static [OriginStanding] {
    use OriginStanding::{Ended, NoDefaultRole, NoOrganization, NotAdded, NotAdmin, NotMember, NotOwner, NotPublic};
    match origin {
        Origin::Unspecified => &[],
        Origin::ProjectOwner => &[NotOwner],
        Origin::OrganizationOwner => &[NotOwner, NoOrganization],
        Origin::OrganizationAdmin => &[NotAdmin, NoOrganization],
        Origin::Collaborator | Origin::TeamMember => &[NotAdded, Ended],
        Origin::OrganizationMember => &[NotMember, NoDefaultRole, NoOrganization],
        Origin::Public => &[NotPublic],
    }
}
