//! The end of what a program said, as an error quotes it.

/// The last bytes of an output, and no more.
#[derive(Clone, Debug)]
pub struct LastWords {
    bytes: Vec<u8>,
    bytes_max: usize,
}

impl LastWords {
    /// Nothing yet; at most so many bytes are kept.
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes: Vec::new(), bytes_max }
    }

    /// What it said next.
    pub fn hear(&mut self, part: &[u8]) {
        self.bytes.extend(part);
        self.bytes.drain(..self.bytes.len().saturating_sub(self.bytes_max));
    }

    /// One line without control characters: it goes into rows and onto pages.
    pub fn line(&self) -> String {
        let text = String::from_utf8_lossy(&self.bytes);
        let shown = text.chars().map(|c| if c.is_control() { ' ' } else { c });
        shown.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_kept_on_one_line() {
        let mut words = LastWords::new(12);
        assert_eq!(words.line(), "");
        words.hear(b"a long beginning\n");
        words.hear(b"the \x1b[1mend\r\n");
        assert_eq!(words.line(), "he [1mend");
    }
}
