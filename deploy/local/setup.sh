#!/bin/sh
# Sets up .venv from the lock file; nothing to do (some milliseconds) when it is already as the lock says.
# usage: deploy/local/setup.sh run|dev
set -eu
# What is installed must be readable for the user that Postgres runs as.
umask 022

cd "$(dirname "$0")/../.."
root=$(pwd)
case "${1:-run}" in
    run) lock=requirements.lock ;;
    dev) lock=requirements-dev.lock ;;
    *) echo "usage: $0 run|dev" >&2; exit 2 ;;
esac

fail() {
    echo "set-up: $1" >&2
    exit 1
}

# The lock for development holds everything that the one for running does.
installed() {
    [ -x .venv/bin/wangge ] && [ "$(cat .venv/wangge.root 2>/dev/null)" = "$root" ] &&
        { cmp -s "$lock" ".venv/$lock" || { cmp -s requirements-dev.lock .venv/requirements-dev.lock && [ "$lock" = requirements.lock ]; }; }
}

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

installed && exit 0

if ! { [ -x .venv/bin/python ] && new_enough .venv/bin/python; }; then
    python=
    for candidate in "${PYTHON:-}" python3 python3.11 python3.12 python3.13; do
        if [ -n "$candidate" ] && new_enough "$candidate"; then
            python=$candidate
            break
        fi
    done
    [ -n "$python" ] || fail "Python 3.11 or later is needed: install it, or name it with PYTHON=/path/to/python3"
    echo "set-up: creating .venv with $("$python" --version)"
    "$python" -m venv --clear .venv >/dev/null ||
        fail "could not create .venv: on Debian and Ubuntu, install python3-venv"
fi

log=.venv/setup.log
total=$(grep -c '^[A-Za-z0-9].*==' "$lock")
rm -f .venv/requirements.lock .venv/requirements-dev.lock
.venv/bin/python -m pip install --disable-pip-version-check --no-input --progress-bar off --require-hashes -r "$lock" >"$log" 2>&1 &
pip=$!
trap 'kill "$pip" 2>/dev/null; exit 130' INT TERM
seconds=0
[ -t 1 ] || echo "set-up: installing $total packages into .venv; the first time takes a minute or two"
while kill -0 "$pip" 2>/dev/null; do
    if [ -t 1 ]; then
        handled=$(grep -c -E '^(Collecting|Requirement already satisfied)' "$log" || true)
        printf '\rset-up: %s of %s packages, %s s ' "$handled" "$total" "$seconds"
    fi
    sleep 1
    seconds=$((seconds + 1))
done
[ -t 1 ] && printf '\r\033[K'
if ! wait "$pip"; then
    tail -n 5 "$log" >&2
    fail "installing the packages failed (whole log: $log)"
fi
trap - INT TERM

# The project runs from its own folder: a path file instead of an installation, which would need a build tool.
.venv/bin/python - "$root" <<'PYTHON'
import pathlib, sys, sysconfig
pathlib.Path(sysconfig.get_path("purelib"), "wangge.pth").write_text(sys.argv[1] + "\n", encoding="utf-8")
PYTHON
cat >.venv/bin/wangge <<'WANGGE'
#!/bin/sh
exec "$(dirname "$(readlink -f "$0")")/python" -m services.city "$@"
WANGGE
chmod +x .venv/bin/wangge
cp "$lock" ".venv/$lock"
printf '%s\n' "$root" >.venv/wangge.root
echo "set-up: ready, $total packages in $seconds s"
