#!/usr/bin/env bash
#
# Prints the folder of PostgreSQL's own test suites: regress and isolation, of
# the source package of the server of $PG_CONFIG, which apt is asked for if
# the folder is not there yet.
#
#   test/suites/fetch.sh [FOLDER]
#
# It is kept in FOLDER/MAJOR, and FOLDER is /var/cache/pyro_ext/suites or
# $PYRO_SUITES.  The machine's own lists of packages are only read: those of
# sources are kept aside, and thrown away.  The suites may be of another minor
# version than the server, since distributions do not keep every source; remove
# the folder to ask again.  The status is 1, with the reason, where there is no
# source to be had.
set -euo pipefail

# shellcheck source=scripts/machine.sh
source "$(dirname "$0")/../../scripts/machine.sh"

find_server
kept=$(realpath -m "${1:-${PYRO_SUITES:-/var/cache/pyro_ext/suites}}")
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# Print, as sources of source packages, where apt gets Debian from.
source_list() {
  local options=
  [ ! -e "$keyring" ] || options="[signed-by=$keyring] "
  apt-get indextargets --format "\$(LABEL) \$(REPO_URI) \$(RELEASE) \$(COMPONENT)" \
    'Created-By: Packages' | sed -n "s|^Debian |deb-src $options|p" | sort -u
}

# Download the newest source of package $1 that is to be had into the folder.
download() {
  local package=$1 version
  local -a apt=(-q -o "Dir::Etc::sourcelist=$PWD/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::lists=$PWD/lists" -o "Dir::Cache=$PWD/cache" -o APT::Sandbox::User=
    -o APT::Update::Error-Mode=any)
  source_list >sources.list
  [ -s sources.list ] || die "apt has no mirror of Debian here"
  mkdir -p lists/partial cache/archives/partial
  timeout -k 10 3m apt-get "${apt[@]}" update >apt.log 2>&1 || {
    tail -n 3 apt.log >&2
    die "apt could not list the sources"
  }
  while read -r version; do
    # only the upstream archive of it is wanted, which is not unpacked by patches
    if timeout -k 10 5m apt-get "${apt[@]}" source --download-only "$package=$version" \
      >>apt.log 2>&1; then
      return
    fi
  done < <(apt-cache "${apt[@]}" showsrc "$package" 2>>apt.log |
    sed -n 's/^Version: //p' | sort -Vru)
  tail -n 3 apt.log >&2
  die "apt has no source of $package"
}

if [ ! -d "$kept/$pg_major" ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  cd "$work"
  download "postgresql-$pg_major"
  tar -xf ./*.orig.tar.* --strip-components=3 --wildcards '*/src/test/regress' '*/src/test/isolation'
  mkdir suites
  mv regress isolation suites
  compgen -G '*.dsc' | sed 's/\.dsc$//' >suites/SOURCE
  if ! mkdir -p "$kept" 2>/dev/null || [ ! -w "$kept" ]; then
    as_root install -d -o "$(id -un)" "$kept"
  fi
  # another run may have brought it meanwhile
  chmod -R go+rX suites
  cp -R suites "$kept/new.$$"
  mv -T "$kept/new.$$" "$kept/$pg_major" 2>/dev/null || rm -rf "$kept/new.$$"
fi
echo "$kept/$pg_major"
