//! Cutting a stream of bytes into lines, in constant memory.

use axum::body::Bytes;

/// A line of a stream, without its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Its bytes.
    Text(Vec<u8>),
    /// It was longer than allowed, and thrown away.
    TooLong,
}

/// Takes bytes as they come and gives lines. It holds one piece of the stream and at most one line.
#[derive(Debug)]
pub(crate) struct Lines {
    bytes_max: usize,
    piece: Bytes,
    begun: Vec<u8>,
    too_long: bool,
}

impl Lines {
    /// Lines of at most `bytes_max` bytes.
    pub(crate) fn new(bytes_max: usize) -> Lines {
        Lines { bytes_max, piece: Bytes::new(), begun: Vec::new(), too_long: false }
    }

    /// The next piece of the stream. The lines of the piece before must have been taken.
    pub(crate) fn push(&mut self, piece: Bytes) {
        debug_assert!(self.piece.is_empty());
        self.piece = piece;
    }

    /// The next complete line of what has come.
    pub(crate) fn next(&mut self) -> Option<Line> {
        match self.piece.iter().position(|byte| *byte == b'\n') {
            Some(at) => {
                let end = self.piece.split_to(at + 1);
                self.extend(&end[..at]);
                Some(self.finish())
            }
            None => {
                let rest = std::mem::take(&mut self.piece);
                self.extend(&rest);
                None
            }
        }
    }

    /// What came after the last end of a line, once the stream is at its end.
    pub(crate) fn last(&mut self) -> Option<Line> {
        (self.too_long || !self.begun.is_empty()).then(|| self.finish())
    }

    fn extend(&mut self, bytes: &[u8]) {
        if self.too_long || self.begun.len() + bytes.len() > self.bytes_max {
            self.too_long = true;
            self.begun = Vec::new();
        } else {
            self.begun.extend_from_slice(bytes);
        }
    }

    fn finish(&mut self) -> Line {
        let text = std::mem::take(&mut self.begun);
        if std::mem::take(&mut self.too_long) { Line::TooLong } else { Line::Text(text) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(pieces: &[&'static str], bytes_max: usize) -> Vec<Option<String>> {
        let mut lines = Lines::new(bytes_max);
        let mut found = Vec::new();
        for piece in pieces {
            lines.push(Bytes::from_static(piece.as_bytes()));
            while let Some(line) = lines.next() {
                found.push(line);
            }
        }
        found.extend(lines.last());
        let text = |line| match line {
            Line::Text(text) => Some(String::from_utf8(text).unwrap()),
            Line::TooLong => None,
        };
        found.into_iter().map(text).collect()
    }

    #[test]
    fn lines_are_cut_wherever_the_pieces_end() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(cut(&["a\nb", "c\n", "\nd"], 9), [some("a"), some("bc"), some(""), some("d")]);
        assert_eq!(cut(&["a\n"], 9), [some("a")]);
        assert!(cut(&["", ""], 9).is_empty());
        assert_eq!(cut(&["abc", "d\nab\n", "abcd"], 3), [None, some("ab"), None]);
    }
}
