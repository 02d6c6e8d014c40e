#!/usr/bin/env bash
# The Python packages that check feeds and holidays from outside Kura (feed-requirements.txt): wheels, no compiler.
#
#   feed-tools.sh install    install them, once; needs python3 with pip
#   feed-tools.sh path       install them if they are missing, and print their folder (for PYTHONPATH)
#
# They are kept in $KURA_TEST_TOOLS, or in test-tools/ of the cargo target folder, under the digest of the list.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
PINS=$ROOT/tests/support/feed-requirements.txt
TOOLS=${KURA_TEST_TOOLS:-${CARGO_TARGET_DIR:-$ROOT/target}/test-tools}/feeds-$(sha256sum "$PINS" | cut -c1-16)

install_tools() {
  [ -f "$TOOLS/complete" ] && return 0
  mkdir -p "$(dirname "$TOOLS")"
  # Two tests may come here at once: one installs, the other waits.
  exec 9>"$TOOLS.lock"
  flock 9
  if [ ! -f "$TOOLS/complete" ]; then
    rm -rf "$TOOLS" "$TOOLS.new"
    python3 -m pip install --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
      --require-hashes --target "$TOOLS.new" --requirement "$PINS" >&2
    touch "$TOOLS.new/complete"
    mv "$TOOLS.new" "$TOOLS"
  fi
  exec 9>&-
}

case ${1:-} in
  install) install_tools ;;
  path) install_tools; echo "$TOOLS" ;;
  *) sed -n '2,7p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
