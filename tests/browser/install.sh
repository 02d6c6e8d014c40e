#!/usr/bin/env bash
# Installs what the browser story needs from npm, in the versions of package-lock.json, and prints the folder.
# Kept in $KURA_TEST_TOOLS, or in test-tools/ of the cargo target folder. The browser itself is the system's chromium.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tools=${KURA_TEST_TOOLS:-${CARGO_TARGET_DIR:-$here/../../target}/test-tools}
stamp=$(sha256sum "$here/package-lock.json" | cut -c1-16)
folder=$tools/browser-$stamp
if [ ! -e "$folder/done" ]; then
  mkdir -p "$folder"
  # Two tests may come here at once: one installs, the other waits.
  exec 9>"$tools/browser.lock"
  flock 9
  if [ ! -e "$folder/done" ]; then
    cp "$here/package.json" "$here/package-lock.json" "$folder/"
    (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund >&2)
    touch "$folder/done"
  fi
fi
cd "$folder" && pwd
