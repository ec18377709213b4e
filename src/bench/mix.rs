//! What is asked: the kinds of questions, by what decides them, and how large a share each has.

use std::str::FromStr;

use serde::Serialize;

use super::random::Random;
use crate::grpc::v1::Origin;

/// What decides a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The user was added to the project.
    Direct,
    /// A team of the user's was.
    Team,
    /// The user owns the organization that owns the project, or is its admin.
    Admin,
    /// The project is public, and nothing else joins them.
    Public,
    /// Nothing joins them.
    Denied,
}

impl Kind {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 5] = [Self::Direct, Self::Team, Self::Admin, Self::Public, Self::Denied];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Team => "team",
            Self::Admin => "admin",
            Self::Public => "public",
            Self::Denied => "denied",
        }
    }

    /// Whether that is where a role comes from. No role comes from nowhere.
    pub fn explains(self, origin: Origin) -> bool {
        match self {
            Self::Direct => origin == Origin::Collaborator,
            Self::Team => origin == Origin::TeamMember,
            Self::Admin => matches!(origin, Origin::OrganizationOwner | Origin::OrganizationAdmin),
            Self::Public => origin == Origin::Public,
            Self::Denied => origin == Origin::Unspecified,
        }
    }
}

/// The share of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mix {
    shares: [u64; 5],
}

impl Mix {
    /// Nothing but one kind.
    pub fn only(kind: Kind) -> Self {
        Self { shares: Kind::ALL.map(|one| u64::from(one == kind)) }
    }

    /// A kind by chance.
    pub fn pick(&self, random: &mut Random) -> Kind {
        let mut left = random.below(self.shares.iter().sum::<u64>().max(1));
        for (kind, share) in Kind::ALL.into_iter().zip(self.shares) {
            match left.checked_sub(share) {
                Some(rest) => left = rest,
                None => return kind,
            }
        }
        Kind::Denied
    }
}

impl FromStr for Mix {
    type Err = String;

    /// Reads `direct=40,team=30,…`: what is not named has no share.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut shares = [None; 5];
        for part in text.split(',') {
            let (name, share) = part.split_once('=').ok_or_else(|| format!("`{part}` is no share: write direct=40"))?;
            let share: u32 = share.trim().parse().map_err(|_| format!("`{share}` is no whole number"))?;
            let found = Kind::ALL.into_iter().zip(&mut shares).find(|(kind, _)| kind.name() == name.trim());
            let (kind, place) = found.ok_or_else(|| format!("`{name}` is none of {}", names()))?;
            if place.replace(u64::from(share)).is_some() {
                return Err(format!("{} stands twice", kind.name()));
            }
        }
        let shares = shares.map(Option::unwrap_or_default);
        if shares.iter().sum::<u64>() == 0 { Err("asks nothing".to_owned()) } else { Ok(Self { shares }) }
    }
}

impl std::fmt::Display for Mix {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let named = Kind::ALL.into_iter().zip(self.shares).filter(|(_, share)| *share > 0);
        let parts: Vec<String> = named.map(|(kind, share)| format!("{}={share}", kind.name())).collect();
        formatter.write_str(&parts.join(","))
    }
}

fn names() -> String {
    Kind::ALL.map(Kind::name).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mix_is_written_as_it_is_read() {
        let mix: Mix = "direct=40, team=30,denied=30".parse().unwrap();
        assert_eq!(mix.to_string(), "direct=40,team=30,denied=30");
        assert_eq!(Mix::only(Kind::Public).to_string(), "public=1");
    }

    #[test]
    fn kinds_come_up_by_their_shares() {
        let (mix, mut random) = ("direct=3,public=1".parse::<Mix>().unwrap(), Random::new(5));
        let picked: Vec<Kind> = (0..40_000).map(|_| mix.pick(&mut random)).collect();
        let count = |kind| picked.iter().filter(|one| **one == kind).count();
        assert_eq!(count(Kind::Direct) + count(Kind::Public), picked.len());
        assert!((29_400..30_600).contains(&count(Kind::Direct)), "{}", count(Kind::Direct));
    }

    #[test]
    fn nonsense_is_refused_and_said() {
        for (text, said) in [
            ("", "is no share"),
            ("direct", "is no share"),
            ("direct=x", "no whole number"),
            ("direct=-1", "no whole number"),
            ("owner=1", "none of direct, team, admin, public, denied"),
            ("direct=1,direct=2", "stands twice"),
            ("direct=0", "asks nothing"),
        ] {
            let refused = text.parse::<Mix>().unwrap_err();
            assert!(refused.contains(said), "{text}: {refused}");
        }
    }
}
