//! Regular expressions of rules for logs: on bytes, because a log may hold anything, and in time linear in the line.

use regex_automata::meta::Regex;
use regex_automata::util::syntax;

/// The largest that an expression may become, bytes.
const BYTES_MAX: usize = 1 << 20;

/// A regular expression. Classes such as `\w` and `(?i)` mean ASCII; other characters stand for themselves.
#[derive(Clone, Debug)]
pub struct Expression(Regex);

impl Expression {
    /// Reads one, or says what is wrong with it.
    pub fn new(pattern: &str) -> Result<Self, String> {
        let limits = Regex::config().nfa_size_limit(Some(BYTES_MAX)).utf8_empty(false);
        let bytes = syntax::Config::new().unicode(false).utf8(false);
        let built = Regex::builder().configure(limits).syntax(bytes).build(pattern);
        built
            .map(Self)
            .map_err(|error| error.syntax_error().map_or_else(|| error.to_string(), ToString::to_string))
    }

    /// Whether it is found in a line.
    pub fn is_in(&self, line: &[u8]) -> bool {
        self.0.is_match(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_found_in_bytes_that_are_no_text() {
        let denied = Expression::new(r"(?i)\bdeny\b.*dport=(22|3389)").unwrap();
        assert!(denied.is_in(b"\xff\xfe DENY src=10.0.0.1 dport=22"));
        assert!(!denied.is_in(b"denying dport=22"));
        assert!(Expression::new("拒否").unwrap().is_in("接続を拒否".as_bytes()));
        assert!(Expression::new("(").is_err() && Expression::new(r"x{1000}{1000}").is_err());
    }
}
