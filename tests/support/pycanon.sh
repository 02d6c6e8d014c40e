#!/usr/bin/env bash
# Measures a written extract with pyCANON: prints its k, distinct l, entropy l and t, one a line.
#
#   pycanon.sh FILE QUASI-IDENTIFIERS SENSITIVE     columns by name, with commas between
#
# The packages are those of pycanon-requirements.txt (wheels of 200 MB unpacked), by python-tools.sh.
set -euo pipefail

[ $# = 3 ] || { sed -n '2,6p' "${BASH_SOURCE[0]}" >&2; exit 2; }
TOOLS=$(bash "$(dirname "${BASH_SOURCE[0]}")/python-tools.sh" path pycanon)

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
