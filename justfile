# The everyday commands. `just` is a convenience: every line also works typed by hand.

# list the commands
default:
  @just --list

# everything that must pass before a commit: format, lints, licences, all tests
check:
  bash tests/run.sh

# the same with the tests that take minutes
check-long:
  bash tests/run.sh --long

# some tests only, for example: just test retention
test *FILTER:
  bash tests/run.sh --tests-only -- {{FILTER}}

# the documentation of the code, private items too; a broken link is an error
doc:
  RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items

# licences, banned crates, sources
deny:
  cargo deny --locked check bans licenses sources

# a first backup and restore of the bundled sample, in ./kura-demo
demo:
  cargo run --release --locked -- quickstart --home kura-demo

# how fast each stage of the engine is, on one core
bench:
  cargo bench --locked --bench engine
