#!/usr/bin/env bash
# Measures a written extract with pyCANON: prints its k, distinct l, entropy l and t, one a line.
#
#   pycanon.sh FILE QUASI-IDENTIFIERS SENSITIVE     columns by name, with commas between
#
# The packages (pycanon-requirements.txt, wheels of 200 MB unpacked) are kept in $KURA_TEST_TOOLS, or in test-tools/ of
# the cargo target folder, under the digest of the list.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
PINS=$ROOT/tests/support/pycanon-requirements.txt
TOOLS=${KURA_TEST_TOOLS:-${CARGO_TARGET_DIR:-$ROOT/target}/test-tools}/pycanon-$(sha256sum "$PINS" | cut -c1-16)

[ $# = 3 ] || { sed -n '2,7p' "${BASH_SOURCE[0]}" >&2; exit 2; }
if [ ! -f "$TOOLS/complete" ]; then
  mkdir -p "$(dirname "$TOOLS")"
  rm -rf "$TOOLS" "$TOOLS.new"
  python3 -m pip install --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --require-hashes --target "$TOOLS.new" --requirement "$PINS" >&2
  touch "$TOOLS.new/complete"
  mv "$TOOLS.new" "$TOOLS"
fi

PYTHONPATH=$TOOLS python3 -B - "$@" <<'PY'
import sys
import pandas
from pycanon import anonymity
file, quasi, sensitive = sys.argv[1], sys.argv[2].split(","), sys.argv[3].split(",")
# Without keep_default_na pandas drops the groups of cells that look empty to it.
table = pandas.read_csv(file, dtype=str, keep_default_na=False)
print(anonymity.k_anonymity(table, quasi))
print(anonymity.l_diversity(table, quasi, sensitive))
print(anonymity.entropy_l_diversity(table, quasi, sensitive))
print(anonymity.t_closeness(table, quasi, sensitive))
PY
