//! Tells, from the bytes of one direction of an HTTP/2 connection, whether anything but pings goes over it.
//!
//! Only lengths and types of frames are looked at. What the frames say, and whether they are right, is hyper's business.

/// What a client sends before its first frame.
pub(super) const PREFACE: usize = 24;

const HEADER: usize = 9;
const PING: u8 = 6;

/// Where in the bytes it is.
#[derive(Debug)]
pub(super) struct Frames {
    /// Bytes to pass over: the preface, or the rest of a frame.
    rest: usize,
    header: [u8; HEADER],
    /// How much of the next header is there.
    filled: usize,
}

impl Frames {
    /// Begins at the first byte, and passes over so many.
    pub(super) fn after(preface: usize) -> Self {
        Self { rest: preface, header: [0; HEADER], filled: 0 }
    }

    /// Takes the next bytes; whether a frame that is no ping began, or went on, in them.
    pub(super) fn take(&mut self, mut bytes: &[u8]) -> bool {
        let mut is_busy = false;
        while !bytes.is_empty() {
            if self.rest > 0 {
                let passed = self.rest.min(bytes.len());
                self.rest -= passed;
                bytes = bytes.get(passed..).unwrap_or_default();
                is_busy |= self.filled == HEADER && !self.is_ping();
                continue;
            }
            if self.filled == HEADER {
                self.filled = 0;
            }
            let wanted = self.header.iter_mut().skip(self.filled);
            let taken = wanted.zip(bytes).map(|(place, byte)| *place = *byte).count();
            self.filled += taken;
            bytes = bytes.get(taken..).unwrap_or_default();
            if self.filled == HEADER {
                let [high, middle, low, ..] = self.header;
                self.rest = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
                is_busy |= !self.is_ping();
            }
        }
        is_busy
    }

    fn is_ping(&self) -> bool {
        let [_, _, _, kind, ..] = self.header;
        kind == PING
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, length: u8) -> Vec<u8> {
        let mut frame = vec![0, 0, length, kind, 0, 0, 0, 0, 0];
        frame.extend(vec![7; length.into()]);
        frame
    }

    #[test]
    fn pings_are_told_from_all_else_however_the_bytes_are_cut() {
        let bytes = [vec![b'P'; PREFACE], frame(4, 0), frame(PING, 8), frame(1, 30), frame(PING, 8)].concat();
        let ends = [PREFACE, PREFACE + 9, PREFACE + 26, PREFACE + 65, PREFACE + 82];
        for size in 1..=bytes.len() {
            let mut frames = Frames::after(PREFACE);
            let mut from = 0;
            for piece in bytes.chunks(size) {
                let to = from + piece.len();
                // a header counts once it is whole
                let header = from < PREFACE + 9 && to >= PREFACE + 9;
                let headers = from < ends[3] && to >= ends[2] + 9;
                assert_eq!(frames.take(piece), header || headers, "{size}: {from} to {to}");
                from = to;
            }
        }
    }

    #[test]
    fn half_a_preface_is_nothing() {
        let mut frames = Frames::after(PREFACE);
        assert!(!frames.take(b"PRI * HTTP/2.0\r\n"));
        assert!(!frames.take(b""));
    }

    #[test]
    fn any_bytes_at_all_are_taken() {
        let mut frames = Frames::after(0);
        for byte in 0..=u8::MAX {
            frames.take(&vec![byte; 5_000]);
        }
    }
}
