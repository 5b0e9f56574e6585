#!/usr/bin/env bash
#
# The control file holds the version; META.json and CHANGELOG.md must agree.
set -euo pipefail
cd "$(dirname "$0")/../.."

status=0
version=$(sed -n "s/^default_version *= *'\(.*\)'/\1/p" pyro_ext.control)

if [[ ! $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]]; then
  echo "pyro_ext.control: '$version' is not a version of three numbers"
  exit 1
fi

# every "version" of META.json but that of its own format
while read -r found; do
  if [ "$found" != "$version" ]; then
    echo "META.json: version $found, pyro_ext.control has $version"
    status=1
  fi
done < <(sed '/"meta-spec"/,/}/d' META.json | sed -n 's/.*"version": *"\([^"]*\)".*/\1/p')

newest=$(sed -n 's/^## \([0-9][^ ]*\).*/\1/p' CHANGELOG.md | head -n 1)
if [ "$newest" != "$version" ]; then
  echo "CHANGELOG.md: begins with $newest, pyro_ext.control has $version"
  status=1
fi

# the scripts that update from one release to the next end at this one
if compgen -G 'sql/pyro_ext--*--*.sql' >/dev/null &&
   ! compgen -G "sql/pyro_ext--*--$version.sql" >/dev/null; then
  echo "sql/: no script updates to $version"
  status=1
fi
exit "$status"
