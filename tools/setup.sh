#!/bin/sh
# Make a virtual environment and install stepwell with pinned dependencies into it.
# Usage: tools/setup.sh VENV [EXTRA-REQUIREMENT ...]. Safe to call again; says in one line what is missing.
set -eu
venv=$1
shift

python=
for candidate in ${PYTHON:-} python3.11 python3.12 python3.13 python3.14 python3; do
    if command -v "$candidate" >/dev/null 2>&1 \
        && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "stepwell needs Python 3.11 or newer, and found none. Install it, or name it: make PYTHON=/path/to/python3" >&2
    exit 1
fi

if [ ! -x "$venv/bin/python" ]; then
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
            apt-get update -qq && apt-get install -qq -y python3-venv >/dev/null
        else
            echo "$python has no venv module. On Debian or Ubuntu: sudo apt-get install python3-venv" >&2
            exit 1
        fi
    fi
    "$python" -m venv "$venv"
fi
echo "Installing stepwell and its pinned dependencies into $venv (once) ..." >&2
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --constraint constraints.txt "$@"
