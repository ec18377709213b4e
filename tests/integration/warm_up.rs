//! The warm-up of the view: everything is there after it, it is in nobody's way, and what it brought is never stale.

use std::time::Duration;

use rolegate::bench::{By, Facts, Kind, Mix, Population, Random, World, prepare};
use rolegate::domain::actions::ProjectAction;
use rolegate::domain::ids::ProjectId;
use rolegate::domain::names::{NameKey, ProjectName, Username};
use rolegate::domain::policy::Policy;
use rolegate::grpc::v1::ProjectRole;
use rolegate::store::Databases;
use rolegate::view::{Extent, ProjectKey, ProjectQuestion, View, ViewError, ViewSettings};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::Config;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::support::binary::{Process, url};
use crate::support::postgres::connect;
use crate::support::proxy::{Proxy, Purpose};
use crate::support::views::{databases, settings, start_view, until_fresh};
use crate::support::{Service, fresh_database};

const LOADS: [&str; 5] = ["load_names", "load_projects", "load_paths", "load_accounts", "load_plans"];
const PAGES: [&str; 3] = ["estimate_entries", "accounts_before", "projects_before"];

/// Long enough for any machine; nothing is measured by it.
const PATIENCE: Duration = Duration::from_secs(60);
const PLENTY: usize = 256 << 20;

/// What there is to know of a world of 1,000 facts: 102 names, 100 projects by id and by path, their owner, its plan.
const ENTRIES: usize = 304;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_warm_up_every_check_is_answered_without_a_load() {
    let (database, population) = world(5_000).await;
    let proxy = Proxy::start(&database).await;
    let (view, _kept) = start_view(&proxy.config(&database), PLENTY).await;
    let warmed = view.warm_up(&databases(&proxy.config(&database))).await;
    assert_eq!(warmed.extent, Extent::All);
    let before = loads(&proxy);
    for by in [By::Id, By::Path] {
        let population = asked_by(by, population.world);
        for kind in Kind::ALL {
            for project in 0..population.world.projects() {
                let fitting = population.world.fitting(kind, project);
                let user = population.world.user(kind, fitting, project);
                let allowed = check(&view, &user, &population.name(fitting)).await.unwrap();
                assert_eq!(allowed, kind != Kind::Denied, "{user} on {fitting}");
            }
        }
    }
    assert_eq!(loads(&proxy), before);
}

#[tokio::test]
async fn a_service_warms_up_only_where_it_is_told_to() {
    let (database, population) = world(1_000).await;
    for flags in [&["--warm-up"][..], &[]] {
        let proxy = Proxy::start(&database).await;
        let service = Service::start_on(proxy.config(&database), flags).await;
        let (user, project) = (population.world.user(Kind::Direct, 1, 0), population.name(1));
        if flags.is_empty() {
            assert!(service.check(&user, &project, "read_files").await.unwrap().allowed);
            assert_eq!(loads(&proxy), [1, 1, 0, 0, 0], "the check's own");
            assert_eq!(PAGES.map(|name| proxy.executions(name)), [0; 3]);
        } else {
            // the page after the last is asked for once what the last one has is there
            proxy.until_executed("accounts_before", 2).await;
            let before = loads(&proxy);
            assert!(service.check(&user, &project, "read_files").await.unwrap().allowed);
            assert_eq!(loads(&proxy), before);
        }
        service.stop().await;
    }
}

#[tokio::test]
async fn the_log_says_when_the_view_is_warm() {
    let (database, _) = world(1_000).await;
    let process = Process::start("serve", &["--database-url", &url(&database), "--warm-up"]).await;
    let said = async {
        loop {
            let log = process.errors();
            if let Some(line) = log.lines().find(|line| line.contains("the view is warm: all is there")) {
                return serde_json::from_str::<serde_json::Value>(line).unwrap();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let line = timeout(PATIENCE, said).await.unwrap();
    assert_eq!((&line["accounts"], &line["projects"], &line["unreadable"]), (&102.into(), &100.into(), &0.into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_ends_at_the_bound_of_the_memory_and_leaves_what_callers_asked_for() {
    const MEMORY: usize = 4 << 20;
    let (database, population) = world(60_000).await;
    let proxy = Proxy::start(&database).await;
    let (view, _kept) = start_view(&proxy.config(&database), MEMORY).await;
    let asked = |project: u64| (population.world.user(Kind::Direct, project, 0), population.name(project));
    // oldest ones, which it would bring last
    let (regulars, once): (Vec<_>, Vec<_>) = ((0..30).map(asked).collect(), (30..60).map(asked).collect());
    all(&view, &regulars).await;
    all(&view, &regulars).await;
    all(&view, &once).await;
    let warmed = view.warm_up(&databases(&proxy.config(&database))).await;
    assert_eq!(warmed.extent, Extent::MemoryFull);
    let room = MEMORY - MEMORY / 8;
    assert!((room..MEMORY).contains(&view.memory()), "{} bytes", view.memory());
    let before = loads(&proxy);
    all(&view, &regulars).await;
    all(&view, &once).await;
    assert_eq!(loads(&proxy), before, "nothing of it was pushed out");

    // what it brought goes before what is asked for all the time
    let others: Vec<_> = (100..6_000).map(asked).collect();
    for some in others.chunks(500) {
        all(&view, some).await;
    }
    assert!(view.memory() < MEMORY + (1 << 20), "{} bytes", view.memory());
    let before = loads(&proxy);
    all(&view, &regulars).await;
    assert_eq!(loads(&proxy), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_takes_nothing_of_what_checks_may_load() {
    let (database, _) = world(1_000).await;
    let proxy = Proxy::start(&database).await;
    let config = proxy.config(&database);
    let (view, kept, stop) = keep(&config, ViewSettings { loading: 1, ..settings(PLENTY) }, None).await;
    proxy.hold(Purpose::Loads);
    let warming = warm_up_beside(&view, databases(&config));
    // on a connection that is new, its statement is still being prepared
    proxy.until_kept(1).await;
    let absent = ProjectKey::Id(ProjectId(Uuid::from_u128(7)));
    let asked = tokio::spawn({
        let view = view.clone();
        async move { ask(&view, None, absent, ProjectAction::ViewProject).await }
    });
    proxy.until_kept(2).await;
    assert!(!asked.is_finished(), "it waits for its load");
    proxy.release(Purpose::Loads);
    assert!(!timeout(PATIENCE, asked).await.unwrap().unwrap().unwrap());
    assert_eq!(timeout(PATIENCE, warming).await.unwrap().unwrap(), Extent::All);
    stop.cancel();
    kept.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_revoke_overtakes_on_its_way_into_the_view_is_not_kept() {
    let (database, population) = world(1_000).await;
    let named = |by| asked_by(by, population.world);
    let proxy = Proxy::start(&database).await;
    let own = databases(&proxy.config(&database));
    {
        // so that its statements are prepared
        let (view, _kept) = start_view(&proxy.config(&database), PLENTY).await;
        view.warm_up(&own).await;
    }
    let service = Service::start_on(database.clone(), &["--lease", "1s", "--heartbeat", "100ms"]).await;
    for by in [By::Path, By::Id] {
        let (view, kept, stop) = keep(&proxy.config(&database), settings(PLENTY), None).await;
        proxy.hold_from("load_paths", Purpose::Loads);
        let kept_before = proxy.kept();
        let warming = warm_up_beside(&view, own.clone());
        proxy.until_kept(kept_before + 1).await;
        let (user, project) = (population.world.user(Kind::Direct, 1, 0), named(by).name(1));
        service.unconfirmed().remove_collaborator(&project, &user).await.unwrap();
        caught_up(&view).await;
        assert!(!warming.is_finished(), "it is stopped between its read and its insert");
        proxy.release(Purpose::Loads);
        assert_eq!(timeout(PATIENCE, warming).await.unwrap().unwrap(), Extent::All);
        for by in [By::Id, By::Path] {
            let named = named(by).name(1);
            assert!(!check(&view, &user, &named).await.unwrap(), "it was revoked");
        }
        service.unconfirmed().add_collaborator(&project, &user, ProjectRole::Editor).await.unwrap();
        stop.cancel();
        kept.await.unwrap();
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_beside_it_is_never_stale() {
    let (database, population) = world(5_000).await;
    let service = Service::start_on(database.clone(), &[]).await;
    let (world, mut random) = (population.world, Random::new(20));
    let private = |number: u64| world.fitting(Kind::Denied, number);
    let mut is_added = vec![true; usize::try_from(world.projects()).unwrap()];
    for _ in 0..5 {
        let (view, kept, stop) = keep(&database, settings(PLENTY), None).await;
        let warming = warm_up_beside(&view, databases(&database));
        let mut writes = 0;
        while !warming.is_finished() || writes < 20 {
            let project = private(random.below(world.projects()));
            let (user, name) = (world.user(Kind::Direct, project, 0), population.name(project));
            let added = &mut is_added[usize::try_from(project).unwrap()];
            *added = !*added;
            if *added {
                service.add_collaborator(&name, &user, ProjectRole::Reader).await.unwrap();
            } else {
                service.remove_collaborator(&name, &user).await.unwrap();
            }
            assert_eq!(check(&view, &user, &name).await, Ok(*added), "{user} on {name}");
            writes += 1;
        }
        assert_eq!(warming.await.unwrap(), Extent::All);
        let (fresh, fresh_kept, fresh_stop) = keep(&database, settings(PLENTY), None).await;
        for project in (0..world.projects()).map(private) {
            let (user, name) = (world.user(Kind::Direct, project, 0), population.name(project));
            let answers = (check(&view, &user, &name).await, check(&fresh, &user, &name).await);
            assert_eq!(answers, (Ok(is_added[usize::try_from(project).unwrap()]), answers.0.clone()), "{name}");
        }
        for (kept, stop) in [(kept, stop), (fresh_kept, fresh_stop)] {
            stop.cancel();
            kept.await.unwrap();
        }
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_waits_for_the_database_and_begins_again_when_the_view_does() {
    let (database, population) = world(1_000).await;
    let service = Service::start_on(database.clone(), &[]).await;
    let (user, project) = (population.world.user(Kind::Direct, 1, 0), population.name(1));
    service.remove_collaborator(&project, &user).await.unwrap();
    service.stop().await;
    let proxy = Proxy::start(&database).await;
    let config = proxy.config(&database);
    proxy.hold(Purpose::Loads);
    let (lease, heartbeat) = (Duration::from_secs(2), Duration::from_millis(100));
    let settings = ViewSettings { lease, heartbeat, ..settings(PLENTY) };
    let (view, kept, stop) = keep(&config, settings, Some(databases(&config))).await;
    proxy.until_kept(1).await;
    proxy.sever();
    proxy.release(Purpose::Loads);
    proxy.mend();
    until_warm(&view).await;

    let history = view.token().history;
    let renamed = "UPDATE revision SET history = gen_random_uuid(); NOTIFY rolegate";
    connect(&database).await.batch_execute(renamed).await.unwrap();
    let seen = async {
        // of the new history, nothing is known before it has a revision
        while view.token().history == history || view.token().revision.0 == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, seen).await.expect("the view starts over");
    until_warm(&view).await;
    stop.cancel();
    kept.await.unwrap();
}

/// A world of that size, in a database of its own.
async fn world(facts: u64) -> (Config, Population) {
    let population = asked_by(By::Id, World::new(Facts(facts), 1));
    let database = fresh_database().await;
    prepare(&database.clone().into(), population.world, &|_| {}).await.unwrap();
    (database, population)
}

fn asked_by(by: By, world: World) -> Population {
    Population::new(world, by, Mix::only(Kind::Direct), 0.0, 0.0)
}

/// A view that ends in order, and so holds up no writes then; and what keeps it, and ends it.
async fn keep(
    config: &Config,
    settings: ViewSettings,
    warm_up: Option<Databases>,
) -> (View, JoinHandle<()>, CancellationToken) {
    let (view, keeper) = View::new(databases(config), settings);
    let keeper = match warm_up {
        Some(databases) => keeper.with_warm_up(databases),
        None => keeper,
    };
    let stop = CancellationToken::new();
    let kept = tokio::spawn(keeper.run(stop.clone()));
    until_fresh(&view).await;
    (view, kept, stop)
}

fn warm_up_beside(view: &View, databases: Databases) -> JoinHandle<Extent> {
    let view = view.clone();
    tokio::spawn(async move { view.warm_up(&databases).await.extent })
}

/// Waits until everything of a world of 1,000 facts is there.
async fn until_warm(view: &View) {
    let warm = async {
        while view.len() != ENTRIES {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, warm).await.expect("everything is there");
}

async fn caught_up(view: &View) {
    view.wait_for(rolegate::view::Freshness::Full, None).await.unwrap();
}

/// Asks about all of these at once; all are allowed.
async fn all(view: &View, questions: &[(String, String)]) {
    let answers = questions.iter().map(|(user, project)| check(view, user, project));
    assert!(futures::future::join_all(answers).await.into_iter().all(|allowed| allowed == Ok(true)));
}

async fn check(view: &View, user: &str, project: &str) -> Result<bool, ViewError> {
    let key = match project.split_once('/') {
        Some((owner, name)) => ProjectKey::Path((NameKey::of(owner), ProjectName::parse(name).unwrap())),
        None => ProjectKey::Id(ProjectId(project.parse().unwrap())),
    };
    ask(view, Some(Username::parse(user).unwrap().key()), key, ProjectAction::ReadFiles).await
}

async fn ask(
    view: &View,
    user: Option<NameKey>,
    project: ProjectKey,
    action: ProjectAction,
) -> Result<bool, ViewError> {
    let policy = Policy::built_in().unwrap();
    let question = ProjectQuestion { user, project, rule: policy.project(action) };
    Ok(view.check_project(&policy, &question, || None).await?.value.allowed())
}

/// How often each load has run.
fn loads(proxy: &Proxy) -> [u64; 5] {
    LOADS.map(|name| proxy.executions(name))
}
