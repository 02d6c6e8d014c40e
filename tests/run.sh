#!/usr/bin/env bash
# The test command of Kura: bash tests/run.sh [--long] [--tests-only] [-- WORDS FOR cargo nextest run]
#
#   --long         also the tests that take minutes (their names begin with `long_`)
#   --tests-only   no format, lint and licence checks first
#
# Installs what is missing (Debian packages as root; cargo tools and the S3 test server without),
# starts an S3 server and a PostgreSQL cluster on the loopback address for the tests, and stops them at the end.
# Tools are kept in $KURA_TOOLS (default ~/.cache/kura-tools), so the second run starts at once.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

NEXTEST=0.9.143 # the versions installed when the machine has none
DENY=0.20.2
TOOLS=${KURA_TOOLS:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/kura-tools}

say() { printf '\n== %s\n' "$*"; }
stop() { printf 'tests/run.sh: %s\n' "$*" >&2; exit 2; }

long=0 tests_only=0
while [ $# -gt 0 ]; do
  case $1 in
    --long) long=1 ;;
    --tests-only) tests_only=1 ;;
    --) shift; break ;;
    -h | --help) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) stop "unknown option $1; try --help" ;;
  esac
  shift
done

# Debian packages, each with the command that shows that it is there.
system_packages() {
  local missing=() pair
  for pair in age:age zstd:zstd b3sum:b3sum openssl:openssl python3:python3 curl:curl getfattr:attr \
    setfacl:acl setpriv:util-linux unshare:util-linux ip:iproute2 mount:mount cc:build-essential \
    chromium:chromium node:nodejs npm:npm pdftotext:poppler-utils; do
    command -v "${pair%%:*}" >/dev/null 2>&1 || missing+=("${pair#*:}")
  done
  python3 -m pip --version >/dev/null 2>&1 || missing+=(python3-pip)
  python3 -c "import ensurepip" 2>/dev/null || missing+=(python3-venv)
  # The server does not start by itself: the tests make clusters of their own.
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql)
  compgen -G '/usr/lib/postgresql/*/bin/pg_dump' >/dev/null || missing+=(postgresql-client)
  # Without it the pictures of the console show boxes instead of Japanese.
  [ -e /usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc ] || missing+=(fonts-noto-cjk)
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null 2>&1 ||
    stop "this machine has no apt-get; install by its own means what Debian calls: ${missing[*]}"
  [ "$(id -u)" = 0 ] ||
    stop "some programs are missing; run this first, then try again: sudo apt-get install ${missing[*]}"
  say "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  # No cluster of Debian's own: only the programs are needed.
  if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    mkdir -p /etc/postgresql-common
    echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
  fi
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# cargo_tool NAME VERSION: builds a cargo subcommand once, fast rather than fast to run.
cargo_tool() {
  export PATH="$TOOLS/$1-$2/bin:$PATH"
  ! cargo "${1#cargo-}" --version >/dev/null 2>&1 || return 0
  say "building $1 $2 (once; some minutes) into $TOOLS"
  CARGO_TARGET_DIR="$TOOLS/build" CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off \
    CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_DEBUG=0 \
    cargo install --quiet --locked "$1" --version "$2" --root "$TOOLS/$1-$2"
  rm -rf "$TOOLS/build"
}

command -v cargo >/dev/null 2>&1 || stop "there is no cargo; install Rust $(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml) or later"
system_packages
cargo_tool cargo-nextest "$NEXTEST"

if [ "$tests_only" = 0 ]; then
  cargo_tool cargo-deny "$DENY"
  say "format"
  cargo fmt --check
  say "lints"
  cargo clippy --release --workspace --lib --bins --tests --benches --locked -- -D warnings
  say "licences, banned crates, sources"
  cargo deny --locked check bans licenses sources
fi

# Build before the server starts: a compile error then shows at once and nothing has to be stopped.
say "building the tests"
cargo nextest run --release --workspace --locked --no-run

say "packages that check feeds and files"
bash tests/support/python-tools.sh install feed
bash tests/support/python-tools.sh install parquet

say "tables that extracts are tested on"
bash tests/support/extract-data.sh install

say "S3 test server"
bash tests/support/s3-server.sh install
bash tests/support/schemathesis.sh install
bash tests/browser/install.sh >/dev/null
work=$(mktemp -d "${TMPDIR:-/tmp}/kura-tests.XXXXXX")
finish() {
  bash tests/support/s3-server.sh stop "$work/s3" >/dev/null 2>&1 || true
  bash tests/support/postgres.sh stop "$work/postgres" >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
server=$(bash tests/support/s3-server.sh start "$work/s3")
eval "$server"
say "PostgreSQL"
database=$(bash tests/support/postgres.sh start "$work/postgres")
eval "$database"

filter=()
if [ "$long" = 1 ]; then
  export KURA_LONG_TESTS=1
  filter=(--ignore-default-filter)
fi
say "tests"
cargo nextest run --release --workspace --locked "${filter[@]}" "$@"
