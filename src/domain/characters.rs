//! What names are made of: told in one pass, as every check has a name to be read.

/// The kinds of characters in a text, as a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Characters(u8);

/// A letter in lower case, a digit, `_` or `-`.
const WORD: u8 = 1;
/// A letter in upper case.
const CAPITAL: u8 = 2;
const DOT: u8 = 4;
const OTHER: u8 = 8;

/// The kind of each byte.
#[expect(clippy::indexing_slicing, reason = "evaluated when it is compiled")]
static KINDS: [u8; 256] = {
    let mut kinds = [OTHER; 256];
    let mut byte = 0;
    while byte < kinds.len() {
        kinds[byte] = match byte as u8 {
            b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' => WORD,
            b'A'..=b'Z' => CAPITAL,
            b'.' => DOT,
            _ => OTHER,
        };
        byte += 1;
    }
    kinds
};

impl Characters {
    pub(super) fn of(text: &str) -> Self {
        let kind = |byte| KINDS.get(usize::from(byte)).copied().unwrap_or(OTHER);
        Self(text.bytes().fold(0, |kinds, byte| kinds | kind(byte)))
    }

    /// Whether there are none but letters, digits, `_` and `-`.
    pub(super) fn are_of_words(self) -> bool {
        self.0 & (DOT | OTHER) == 0
    }

    /// The same, and dots.
    pub(super) fn are_of_projects(self) -> bool {
        self.0 & OTHER == 0
    }

    pub(super) fn has_capitals(self) -> bool {
        self.0 & CAPITAL != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_is_told() {
        for character in (0..=0x17f).filter_map(char::from_u32) {
            let characters = Characters::of(&format!("a{character}"));
            let is_word = character.is_ascii_alphanumeric() || character == '_' || character == '-';
            assert_eq!(characters.are_of_words(), is_word, "{character:?}");
            assert_eq!(characters.are_of_projects(), is_word || character == '.', "{character:?}");
            assert_eq!(characters.has_capitals(), character.is_ascii_uppercase(), "{character:?}");
        }
    }
}
