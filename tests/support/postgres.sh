#!/usr/bin/env bash
# The PostgreSQL of Kura's tests: Debian's, in a cluster of its own, on a socket and on loopback only.
#
#   postgres.sh start DIR     make a cluster and start it; prints `export` lines for `eval`
#   postgres.sh share DIR     like `start`, but it stops by itself when no process holds a lock (flock) on DIR/users
#                             any more; take a shared lock there first
#   postgres.sh env DIR       print those lines again
#   postgres.sh replica SOCKET PORT DIR   make a replica of that server, which never waits for its readers; prints
#                             `export` lines with its socket and port
#   postgres.sh stop DIR      stop it, wait for its end and remove its data
#
# Needs the Debian packages postgresql and postgresql-client (tests/run.sh installs them). Run by root, the server runs
# as the user postgres: PostgreSQL refuses to run as root. The database kura_fixture holds tests/support/postgres-fixture.sql.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
BIN=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -1)
[ -x "$BIN/initdb" ] || { echo "postgres.sh: install the Debian packages postgresql and postgresql-client" >&2; exit 1; }

# Runs a program of PostgreSQL as somebody who is not root.
as_server() {
  if [ "$(id -u)" = 0 ]; then
    (cd / && setpriv --reuid=postgres --regid=postgres --init-groups --reset-env "$@")
  else
    "$@"
  fi
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

is_running() {
  [ -f "$1/place" ] && as_server "$BIN/pg_ctl" -D "$(cat "$1/place")/data" status >/dev/null 2>&1
}

start_server() {
  local dir=$1 place port
  mkdir -p "$dir"
  is_running "$dir" && return 0
  # A socket's path has at most 107 bytes, and the server's user must reach it.
  place=$(mktemp -d /tmp/kura-postgres.XXXXXX)
  port=$(free_port)
  if [ "$(id -u)" = 0 ]; then chown postgres "$place"; fi
  chmod 755 "$place"
  as_server "$BIN/initdb" -D "$place/data" -U postgres -E UTF8 --locale=C.UTF-8 --auth-local=trust \
    --auth-host=scram-sha-256 --no-sync >"$dir/log" 2>&1
  as_server "$BIN/pg_ctl" -D "$place/data" -w -l "$place/log" start -o "-c listen_addresses=127.0.0.1 -p $port \
    -c unix_socket_directories=$place -c fsync=off -c full_page_writes=off -c synchronous_commit=off \
    -c shared_buffers=64MB -c max_connections=200" >>"$dir/log" 2>&1 8>&-
  echo "$place" >"$dir/place"
  echo "$port" >"$dir/port"
  local psql=("$BIN/psql" -X -q -v ON_ERROR_STOP=1 -h "$place" -p "$port" -U postgres)
  "${psql[@]}" -d postgres -c 'CREATE DATABASE kura_fixture' >>"$dir/log" 2>&1
  "${psql[@]}" -d kura_fixture -f "$HERE/postgres-fixture.sql" >>"$dir/log" 2>&1 ||
    { cat "$dir/log" >&2; return 1; }
}

start_replica() {
  local socket=$1 from=$2 dir=$3 place port
  mkdir -p "$dir"
  place=$(mktemp -d /tmp/kura-postgres.XXXXXX)
  port=$(free_port)
  if [ "$(id -u)" = 0 ]; then chown postgres "$place"; fi
  chmod 755 "$place"
  as_server "$BIN/pg_basebackup" -h "$socket" -p "$from" -U postgres -D "$place/data" \
    -R -X stream -c fast --no-sync >"$dir/log" 2>&1
  as_server "$BIN/pg_ctl" -D "$place/data" -w -l "$place/log" start -o "-c listen_addresses= -p $port \
    -c unix_socket_directories=$place -c fsync=off -c shared_buffers=64MB -c max_connections=200 \
    -c max_standby_streaming_delay=0 -c hot_standby_feedback=off" >>"$dir/log" 2>&1 8>&-
  echo "$place" >"$dir/place"
  echo "$port" >"$dir/port"
}

stop_server() {
  local place
  place=$(cat "$1/place" 2>/dev/null) || return 0
  as_server "$BIN/pg_ctl" -D "$place/data" -m immediate -w stop >/dev/null 2>&1 || true
  rm -rf "$place" "$1/place"
}

# Starts the server unless another process has done so, and leaves a guard behind that stops it after the last user.
share_server() {
  local dir=$1
  mkdir -p "$dir"
  touch "$dir/users"
  exec 8>"$dir/turn"
  flock 8
  if ! is_running "$dir"; then
    start_server "$dir"
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
    if flock --exclusive --nonblock "$dir/users" true; then
      stop_server "$dir"
    fi
    exec 8>&-
  done
}

print_env() {
  cat <<X
export KURA_TEST_POSTGRES_SOCKET=$(cat "$1/place")
export KURA_TEST_POSTGRES_PORT=$(cat "$1/port")
X
}

case ${1:-} in
  start) start_server "$2"; print_env "$2" ;;
  share) share_server "$2"; print_env "$2" ;;
  guard) guard_server "$2" ;;
  replica) start_replica "$2" "$3" "$4"; print_env "$4" ;;
  env) print_env "$2" ;;
  stop) stop_server "$2" ;;
  *) sed -n '2,13p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
