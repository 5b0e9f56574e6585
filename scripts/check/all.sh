#!/usr/bin/env bash
#
# Runs the rules of the house and prints one TAP line for each, the
# findings before it.  Needs no server; symbols.sh needs a built module.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

status=0

# check NAME COMMAND...
check() {
  local name=$1 findings
  shift
  if findings=$("$@" 2>&1); then
    echo "ok - $name"
  else
    echo "# ${findings//$'\n'/$'\n'# }"
    echo "not ok - $name"
    status=1
  fi
}

skip() {
  echo "ok - $1 # SKIP $2"
}

check 'includes follow the layers' scripts/check/layers.sh
check 'every error has an errcode' scripts/check/errors.sh
check 'one version' scripts/check/version.sh
check 'file sizes and words' scripts/check/words.sh
if command -v pg_bsd_indent >/dev/null; then
  check 'C is indented' scripts/indent.sh --check
else
  skip 'C is indented' 'pg_bsd_indent is not installed'
fi
if command -v shellcheck >/dev/null; then
  mapfile -t scripts < <(grep -rlE -m 1 --exclude-dir=node_modules '^#!.*\bbash$|^# shellcheck shell' .ci scripts test)
  check 'shell scripts pass shellcheck' shellcheck -x "${scripts[@]}"
else
  skip 'shell scripts pass shellcheck' 'shellcheck is not installed'
fi
if [ -f pyro_ext.so ]; then
  check 'exported symbols' scripts/check/symbols.sh
fi
exit "$status"
