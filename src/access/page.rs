//! Fills a page from candidates, of which not all fit, at a bounded cost.

/// How many candidates are read at a time after the first that many fit a page.
const CHUNK: usize = 200;

/// How many candidates a page looks at besides those that it has room for. A page that finds too few ends there, and says
/// that there may be more.
const LOOKS: usize = 2_000;

/// Which page of a list: what comes after a key, and how much of it.
#[derive(Debug, Clone, Copy)]
pub struct Page<K> {
    /// The last key of the page before; `None` for the first page.
    pub after: Option<K>,
    /// How many at the most.
    pub size: usize,
}

/// A page as it fills.
pub(super) struct Filling<T, K> {
    size: usize,
    found: Vec<(K, T)>,
    seen: usize,
    last: K,
    ended: bool,
}

impl<T, K: Copy> Filling<T, K> {
    /// An empty page; keys come after `least`.
    pub(super) fn new(page: Page<K>, least: K) -> Self {
        let last = page.after.unwrap_or(least);
        Self { size: page.size, found: Vec::new(), seen: 0, last, ended: false }
    }

    /// After which key to read on, and how many candidates at the most; `None` once the page is done.
    pub(super) fn wants(&self) -> Option<(K, usize)> {
        // one more than fits tells whether there is another page
        let done = self.ended || self.found.len() > self.size || self.seen > self.size + LOOKS;
        let first = self.size + 1;
        (!done).then_some((self.last, if self.seen == 0 { first } else { first.max(CHUNK) }))
    }

    /// Takes a candidate that was read, in order.
    pub(super) fn take(&mut self, key: K, item: Option<T>) {
        self.seen += 1;
        self.last = key;
        self.found.extend(item.map(|item| (key, item)));
    }

    /// No candidate comes after those that were taken.
    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    /// What fits, and the key that the next page comes after, where there may be one.
    pub(super) fn finish(self) -> (Vec<T>, Option<K>) {
        let Self { size, mut found, last, ended, .. } = self;
        let more = found.len() > size;
        found.truncate(size);
        let next = if more { found.last().map(|(key, _)| *key) } else { Some(last).filter(|_| !ended) };
        (found.into_iter().map(|(_, item)| item).collect(), next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lists the numbers up to `last` that fit, page by page; every page comes with how many candidates it looked at.
    fn pages(last: usize, size: usize, fits: fn(usize) -> bool) -> Vec<(Vec<usize>, usize)> {
        let (mut pages, mut after) = (Vec::new(), None);
        loop {
            let mut filling = Filling::new(Page { after, size }, 0);
            while let Some((from, most)) = filling.wants() {
                let candidates: Vec<usize> = (from + 1..=last).take(most).collect();
                candidates.iter().for_each(|one| filling.take(*one, fits(*one).then_some(*one)));
                if candidates.len() < most {
                    filling.end();
                }
            }
            let seen = filling.seen;
            let (items, next) = filling.finish();
            pages.push((items, seen));
            if next.is_none() {
                return pages;
            }
            after = next;
        }
    }

    #[test]
    fn every_one_that_fits_is_listed_once_and_full_pages_cost_one_look_more() {
        let listed = pages(10, 5, |_| true);
        assert_eq!(listed, [(vec![1, 2, 3, 4, 5], 6), (vec![6, 7, 8, 9, 10], 5)], "no empty page at the end");
        assert_eq!(pages(0, 5, |_| true), [(vec![], 0)]);
        for size in [1, 7, 1_000] {
            let all: Vec<usize> = pages(5_000, size, |one| one % 3 == 0).into_iter().flat_map(|page| page.0).collect();
            assert_eq!(all, (1..=5_000).filter(|one| one % 3 == 0).collect::<Vec<_>>(), "{size}");
        }
    }

    #[test]
    fn a_page_that_finds_nothing_ends_at_a_bounded_cost() {
        let listed = pages(100_000, 50, |one| one == 99_999);
        assert!(listed.iter().all(|(_, seen)| *seen <= 50 + LOOKS + CHUNK), "{listed:?}");
        assert_eq!(listed.into_iter().flat_map(|page| page.0).collect::<Vec<_>>(), [99_999]);
    }
}
