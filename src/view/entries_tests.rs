use std::pin::pin;
use std::task::{Context, Poll, Waker};

use uuid::Uuid;

use super::*;

#[test]
fn a_sweep_of_a_full_view_lets_others_have_their_turn() {
    let entries = Entries::new(0);
    let loading = EntryKey::Account(AccountId(1));
    (0..20_000).for_each(|number| _ = entries.write().join_or_begin(EntryKey::Account(AccountId(number))));
    let (mut sweep, mut context) = (pin!(entries.make_room()), Context::from_waker(Waker::noop()));
    let mut turns = 0;
    while sweep.as_mut().poll(&mut context) == Poll::Pending {
        turns += 1;
        assert!(entries.read().join(&loading).is_some(), "others get through, and what is loading stays");
    }
    assert!(turns > 4, "it can drop nothing, and comes by all places: {turns}");
}

#[test]
fn what_is_one_of_few_goes_no_sooner_than_what_is_one_of_many() {
    const NAMES: i64 = 50_000;
    const PLANS: i64 = 2_000;
    let entries = Entries::new(usize::MAX);
    (0..NAMES).for_each(|number| settle::<Named>(&entries, NameKey::from_stored(&format!("user-{number}"))));
    (0..PLANS).for_each(|number| settle::<Plan>(&entries, PlanId(number)));
    let has_half_the_plans = || entries.read().plans.len() > PLANS as usize / 2;
    while has_half_the_plans() {
        // one entry too much: room is made often, and for little
        let mut tables = entries.write();
        tables.common.most = tables.common.used - 1;
        drop(tables);
        let mut sweep = pin!(entries.make_room());
        while sweep.as_mut().poll(&mut Context::from_waker(Waker::noop())) == Poll::Pending {}
    }
    let names = entries.read().names.len();
    assert!(names < NAMES as usize * 2 / 3, "half of the plans are gone, and of {NAMES} names {names} are there");
}

/// An entry that was found again.
fn settle<V: Stored + Weight>(entries: &Entries, key: V::Key)
where
    V::Key: Clone + Eq + Hash + Weight,
{
    entries.complete::<V>(key.clone(), 0, Entry { value: None, revision: Revision(0) });
    let mut tables = entries.write();
    let (table, common) = V::table(&mut tables);
    for waited in [true, false] {
        assert!(table.seek(&key).get(common, waited).is_some());
    }
}

#[test]
fn what_has_begun_to_grow_is_ended_in_every_table() {
    grows_to_the_end::<Named>(|number| NameKey::from_stored(&format!("user-{number}")));
    grows_to_the_end::<Project>(|number| ProjectId(Uuid::from_u64_pair(0, number)));
    grows_to_the_end::<ProjectId>(|number| {
        (NameKey::from_stored("ann"), ProjectName::parse(&format!("trees-{number}")).unwrap())
    });
    grows_to_the_end::<Account>(|number| AccountId(number as i64));
    grows_to_the_end::<Plan>(|number| PlanId(number as i64));
}

fn grows_to_the_end<V: Stored + Weight>(key: impl Fn(u64) -> V::Key)
where
    V::Key: Eq + Hash + Weight,
{
    let entries = Entries::new(usize::MAX);
    let grows = || V::table(&mut entries.write()).0.grow().is_some();
    let mut numbers = 0..;
    // a part takes some steps by then
    while entries.len() < 3_000 || !grows() {
        entries.complete::<V>(key(numbers.next().unwrap()), 0, Entry { value: None, revision: Revision(0) });
    }
    assert!(grows(), "it has only begun");
    let mut ended = pin!(entries.end_growth());
    let mut turns = 0;
    while ended.as_mut().poll(&mut Context::from_waker(Waker::noop())) == Poll::Pending {
        turns += 1;
    }
    assert!(turns > 1, "others have their turn: {turns}");
    assert!(!grows(), "nothing is left");
    let mut tables = entries.write();
    let (table, common) = V::table(&mut tables);
    let mut keys = (0..numbers.start).map(key);
    assert!(keys.all(|key| table.seek(&key).get(common, false).is_some()), "all is there");
}

#[test]
fn where_the_budget_is_kept_nothing_is_swept() {
    let entries = Entries::new(usize::MAX);
    let sweep = pin!(entries.make_room());
    assert_eq!(sweep.poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(()));
}
