//! What each RPC asks of its caller: one table. An RPC that does not stand in it is refused to everybody who is known, and a test
//! says so.

use std::collections::HashMap;

use crate::callers::Scope;

/// What an RPC asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The scope without which it is refused. A write without an actor asks for `admin` besides, once it has been read.
    pub scope: Scope,
    /// Who is confined to some accounts may call it: what it is about is held against them where it is found. Else it can't be
    /// bounded, and is refused to who is confined.
    pub is_bounded: bool,
    /// It goes on after it was let in: who calls is asked for again with every message.
    pub is_stream: bool,
}

/// The RPCs that go on.
const STREAMS: [&str; 2] = ["AuthorizationService/StreamCheck", "ChangeService/Watch"];

/// A method, its scope, and whether it is bounded.
type Method = (&'static str, Scope, bool);

/// All RPCs, by service.
const RPCS: &[(&str, &[Method])] = {
    use Scope::{Admin, Audit, Check, Read, Write};
    &[
        (
            "AuthorizationService",
            &[
                ("Check", Check, true),
                ("CheckOrganization", Check, true),
                ("CheckAccount", Check, true),
                ("BatchCheck", Check, true),
                ("StreamCheck", Check, true),
                ("ListActions", Check, true),
                ("Explain", Read, true),
                ("ListProjects", Read, true),
                ("ListUsers", Read, true),
            ],
        ),
        (
            "UserService",
            &[
                ("Create", Admin, false),
                ("Get", Read, false),
                ("List", Read, false),
                ("Update", Write, false),
                ("Delete", Write, false),
                ("RemoveUserEverywhere", Write, false),
            ],
        ),
        (
            "OrganizationService",
            &[
                ("Create", Write, false),
                ("Get", Read, true),
                ("List", Read, false),
                ("Update", Write, true),
                ("Delete", Write, true),
                ("Transfer", Write, true),
                ("AddMember", Write, true),
                ("GetMember", Read, true),
                ("ListMembers", Read, true),
                ("UpdateMember", Write, true),
                ("RemoveMember", Write, true),
            ],
        ),
        (
            "TeamService",
            &[
                ("Create", Write, true),
                ("Get", Read, true),
                ("List", Read, true),
                ("Update", Write, true),
                ("Delete", Write, true),
                ("AddTeamMember", Write, true),
                ("ListTeamMembers", Read, true),
                ("RemoveTeamMember", Write, true),
            ],
        ),
        (
            "ProjectService",
            &[
                ("Create", Write, true),
                ("Get", Read, true),
                ("List", Read, true),
                ("Update", Write, true),
                ("Delete", Write, true),
                ("Transfer", Write, true),
            ],
        ),
        (
            "CollaboratorService",
            &[
                ("Add", Write, true),
                ("Get", Read, true),
                ("List", Read, true),
                ("Update", Write, true),
                ("Remove", Write, true),
            ],
        ),
        (
            "PlanService",
            &[("Put", Admin, false), ("Get", Read, false), ("List", Read, false), ("Delete", Admin, false)],
        ),
        // each of its operations is held against the caller's bounds by itself
        ("WriteService", &[("Write", Write, true)]),
        ("ChangeService", &[("List", Audit, false), ("Watch", Audit, false)]),
        ("ReplicaService", &[("List", Read, false)]),
    ]
};

/// The rules, by the path of a request.
pub(super) type Rules = HashMap<String, Rule, foldhash::fast::RandomState>;

/// Builds the table that requests are looked up in.
pub(super) fn rules() -> Rules {
    all().collect()
}

/// Every RPC, by the path of its requests.
pub fn all() -> impl Iterator<Item = (String, Rule)> {
    RPCS.iter().flat_map(|(service, methods)| {
        methods.iter().map(move |(method, scope, is_bounded)| {
            let name = format!("{service}/{method}");
            let is_stream = STREAMS.contains(&name.as_str());
            (format!("/rolegate.v1.{name}"), Rule { scope: *scope, is_bounded: *is_bounded, is_stream })
        })
    })
}
