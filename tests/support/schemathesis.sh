#!/usr/bin/env bash
# schemathesis, which tries the API out against its own document (tests/it/api/fuzz.rs).
#
#   schemathesis.sh install       install it, once; needs python3 with venv
#   schemathesis.sh run ARGS…     run it; its settings are in schemathesis.toml beside this file
#
# It is kept in $KURA_TEST_TOOLS, or in test-tools/ of the cargo target folder, and is never part of Kura.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$HERE/../.." && pwd)
PINS=$HERE/schemathesis.txt
VERSION=$(sed -n 's/^schemathesis==//p' "$PINS")
TOOLS=${KURA_TEST_TOOLS:-${CARGO_TARGET_DIR:-$ROOT/target}/test-tools}/schemathesis-$VERSION

install_it() {
  [ -e "$TOOLS/is-complete" ] && return 0
  mkdir -p "$(dirname "$TOOLS")"
  # Two tests may come here at once: one installs, the other waits.
  exec 9>"$TOOLS.lock"
  flock 9
  if [ ! -e "$TOOLS/is-complete" ]; then
    rm -rf "$TOOLS"
    python3 -m venv "$TOOLS"
    "$TOOLS/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
      --requirement "$PINS" >&2
    touch "$TOOLS/is-complete"
  fi
  exec 9>&-
}

case ${1:-} in
  install) install_it ;;
  run)
    shift
    install_it
    exec "$TOOLS/bin/schemathesis" --config-file "$HERE/schemathesis.toml" run "$@"
    ;;
  *)
    sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
