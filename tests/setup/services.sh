# PostgreSQL and Redis for one run, on free ports, with nothing that outlives it. Sourced by tests/run.
# shellcheck shell=bash disable=SC2154 # its variables are set there

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# Debian keeps the server's programs out of the path.
postgres_bin() {
    local initdb
    initdb="$(printf '%s\n' /usr/lib/postgresql/*/bin/initdb | sort -V | tail -n 1)"
    [ -x "$initdb" ] || initdb="$(command -v initdb)" || return 1
    dirname "$initdb"
}

# PostgreSQL refuses to run as root.
as_postgres() (
    cd /
    if [ "$(id -u)" = 0 ]; then exec runuser -u postgres -- "$@"; else exec "$@"; fi
)

start_postgres() {
    local bin port attempt data="$run/postgres"
    bin="$(postgres_bin)"
    mkdir -m 700 "$data"
    if [ "$(id -u)" = 0 ]; then chown postgres "$data"; fi
    as_postgres "$bin/initdb" --pgdata "$data/data" --username postgres --auth trust \
        --encoding UTF8 --locale C.UTF-8 --no-sync >"$run/initdb.log" 2>&1 || { cat "$run/initdb.log" && return 1; }
    local options="-c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=500"
    options+=" -c fsync=off -c synchronous_commit=off -c full_page_writes=off"
    # Nobody holds the port between asking for it and using it.
    for attempt in 1 2 3 4 5; do
        port="$(free_port)"
        if as_postgres "$bin/pg_ctl" start --wait --silent --pgdata "$data/data" --log "$data/log" \
            --options "-p $port $options"; then
            printf 'export LOCALAUTH_TEST_POSTGRES=%q\n' "postgres://postgres@127.0.0.1:$port/postgres" >>"$run/env"
            return
        fi
        echo "PostgreSQL did not start on port $port (attempt $attempt):"
        cat "$data/log"
    done
    return 1
}

start_redis() {
    local port attempt
    for attempt in 1 2 3 4 5; do
        port="$(free_port)"
        setsid redis-server --bind 127.0.0.1 --port "$port" --save '' --appendonly no --dir "$run" \
            >"$run/redis.log" 2>&1 &
        echo $! >"$run/redis.pid"
        while kill -0 $! 2>/dev/null; do
            if [ "$(redis-cli -p "$port" ping 2>/dev/null)" = PONG ]; then
                printf 'export LOCALAUTH_TEST_REDIS=%q\n' "redis://127.0.0.1:$port" >>"$run/env"
                return
            fi
        done
        echo "Redis did not start on port $port (attempt $attempt):"
        cat "$run/redis.log"
    done
    return 1
}

start_services() {
    start_postgres
    start_redis
}

stop_services() {
    local bin
    if [ -e "$run/postgres/data/postmaster.pid" ]; then
        bin="$(postgres_bin)"
        as_postgres "$bin/pg_ctl" stop --wait --silent --mode immediate --pgdata "$run/postgres/data"
    fi
    if [ -e "$run/redis.pid" ]; then
        kill "$(<"$run/redis.pid")" 2>/dev/null || true
        tail --pid="$(<"$run/redis.pid")" -f /dev/null
    fi
}
