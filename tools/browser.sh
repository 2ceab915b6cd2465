#!/bin/sh
# Make sure that there is a Chromium for the tests of drawings, as far as that can be done here.
# Safe to call again, quiet when there is nothing to do; never fails: without a browser those tests are left out.
set -eu
for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null 2>&1; then
        exit 0
    fi
done
left_out="The tests in tests/end_to_end/drawing are left out"
if [ ! -f /etc/debian_version ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "$left_out: there is no Chromium, and this is no Debian to install it on." >&2
    exit 0
fi
if [ "$(id -u)" != 0 ]; then
    echo "$left_out: there is no Chromium. Install it: sudo apt-get install chromium" >&2
    exit 0
fi
echo "Installing Chromium for the tests of drawings (once) ..." >&2
if ! { apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium fonts-dejavu-core; } \
    >/dev/null 2>&1; then
    echo "$left_out: apt-get could not install Chromium." >&2
fi
