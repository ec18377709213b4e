use super::*;
use crate::domain::facts::Plan;
use crate::domain::ids::PlanId;

#[test]
fn what_the_index_takes_for_another_key_is_not_gone_by() {
    const KEYS: i64 = 20_000;
    let (mut table, mut common) = (Table::<PlanId, Plan>::new(0), Common::new(usize::MAX));
    for key in 0..KEYS {
        let value = Plan { collaborator_limit: u32::try_from(key).ok() };
        table.complete(&mut common, PlanId(key), 0, Entry { value: Some(value), revision: Revision(0) });
    }
    let keys: Vec<PlanId> = (0..2 * KEYS).map(PlanId).collect();
    let mut taken_for_another = [0, 0];
    for key in &keys {
        let number = |entry: &Entry<Plan>| entry.value.and_then(|plan| plan.collaborator_limit).map(i64::from);
        let there = Some(key.0).filter(|number| *number < KEYS);
        let mut sought = table.seek(key);
        assert_eq!(sought.get(&common, false).and_then(number), there, "{key:?}, without a guess");
        sought.guess();
        assert_eq!(sought.get(&common, false).and_then(number), there, "{key:?}");
        if let Some(guessed) = sought.guessed() {
            taken_for_another[usize::from(there.is_none())] += usize::from(number(guessed) != there);
        }
    }
    let [of_those_there, of_the_others] = taken_for_another;
    assert!((1..2_000).contains(&of_those_there), "{of_those_there} of {KEYS}");
    assert!((1..5_000).contains(&of_the_others), "{of_the_others} of {KEYS}");
}
