use std::cell::Cell;
use std::collections::BTreeSet;

use super::*;

/// Well mixed, and so that some keys share theirs.
fn mixed(key: u64) -> u64 {
    (key / 2).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
}

fn add(table: &mut Growing<u64>, key: u64, hash_of: impl Fn(&u64) -> u64) -> bool {
    match table.entry(hash_of(&key), |one| *one == key, &hash_of) {
        Entry::Occupied(_) => false,
        Entry::Vacant(vacant) => {
            vacant.insert(key);
            true
        }
    }
}

fn remove(table: &mut Growing<u64>, key: u64, hash_of: impl Fn(&u64) -> u64) -> Option<u64> {
    table.find_entry(hash_of(&key), |one| *one == key).map(|found| found.remove().0)
}

#[test]
fn whatever_is_added_and_removed_it_has_what_a_plain_set_has() {
    let (mut table, mut plain) = (Growing::new(), BTreeSet::new());
    let mut while_it_grew = 0;
    for step in 0..200_000_u64 {
        let key = mixed(step * 2 + 1) % (step / 20 + 1);
        if step % 3 == 2 {
            let is_older = |older: &HashTable<u64>| older.find(mixed(key), |one| *one == key).is_some();
            while_it_grew += u32::from(table.older.as_ref().is_some_and(is_older));
            assert_eq!(remove(&mut table, key, |one| mixed(*one)), plain.take(&key), "step {step}");
        } else {
            assert_eq!(add(&mut table, key, |one| mixed(*one)), plain.insert(key), "step {step}");
        }
        let asked = mixed(step * 2) % (step / 20 + 1);
        let found = table.find(mixed(asked), |one| *one == asked);
        assert_eq!((found, table.len()), (plain.get(&asked), plain.len()), "step {step}");
    }
    assert!(while_it_grew > 50, "{while_it_grew} were removed before they had been moved");
    while table.grow(|one| mixed(*one)).is_some() {}
    let places = (0..table.places()).filter_map(|place| table.at(place).map(|found| *found.get()));
    assert_eq!(places.collect::<BTreeSet<_>>(), plain, "nothing is left where it was");
}

#[test]
fn to_add_takes_no_longer_the_larger_it_is_and_all_is_there_meanwhile() {
    const KEYS: u64 = 300_000;
    let mut table = Growing::new();
    let mut most = 0;
    for key in 0..KEYS {
        let hashed = Cell::new(0);
        let count = |one: &u64| {
            hashed.set(hashed.get() + 1);
            mixed(*one)
        };
        assert!(add(&mut table, key, count));
        most = most.max(hashed.get());
        let asked = mixed(key) % (key + 1);
        assert!(table.find(mixed(asked), |one| *one == asked).is_some(), "{asked} once {key} is there");
    }
    // and once for the key itself
    assert!((MOVED / 2..=MOVED + 1).contains(&most), "{most} at a time");
}

#[test]
fn it_hands_out_what_it_has_emptied_whoever_has_moved_it() {
    for adds_meanwhile in [false, true] {
        let mut table = Growing::new();
        assert!(table.grow(|one| mixed(*one)).is_none(), "there is nothing to do");
        let mut keys = 0..;
        let is_growing = |table: &Growing<u64>| table.older.as_ref().is_some_and(|older| older.len() > 10_000);
        while !is_growing(&table) {
            add(&mut table, keys.next().unwrap(), |one| mixed(*one));
        }
        let places = table.older.as_ref().map(HashTable::num_buckets).unwrap();
        while adds_meanwhile && table.older.as_ref().is_some_and(|older| !older.is_empty()) {
            add(&mut table, keys.next().unwrap(), |one| mixed(*one));
        }
        let len = table.len();
        let left: Vec<_> = std::iter::from_fn(|| table.grow(|one| mixed(*one))).collect();
        assert!(left.iter().all(HashTable::is_empty) && table.len() == len);
        assert_eq!(left.iter().map(HashTable::num_buckets).max(), Some(places), "with its memory");
        assert_eq!(left.len() == 1, adds_meanwhile);
    }
}

#[test]
fn what_comes_and_goes_makes_it_no_larger() {
    // all in one row, so that what is removed leaves places that can't be used again
    let row = |_: &u64| 0;
    let mut table = Growing::new();
    (0..448).for_each(|key| assert!(add(&mut table, key, row)));
    (0..440).for_each(|key| assert!(remove(&mut table, key, row).is_some()));
    assert_eq!((table.places(), table.current.capacity()), (512, table.len()), "there is no room left");
    for key in 448..4_000 {
        assert!(add(&mut table, key, row));
        assert!(remove(&mut table, key - 8, row).is_some());
    }
    assert!(table.places() <= 512, "{}", table.places());
}
