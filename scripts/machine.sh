# shellcheck shell=bash
#
# What scripts/test and scripts/demo need from the machine: packages, a copy
# of the sources, and a PostgreSQL of their own.  To be sourced.
#
# The PostgreSQL that is installed is only read: a Debian server tree runs
# from wherever it is copied to, so the extension is built against, installed
# into and run from a private copy.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

die() {
  echo "$(basename "$0"): $*" >&2
  exit 1
}

# As root the server and its tests run as user postgres; PostgreSQL refuses
# root.
as_server_user() {
  if [ "$(id -u)" = 0 ]; then
    runuser -u postgres -- "$@"
  else
    "$@"
  fi
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "needs root or sudo to run: $*"
  fi
}

# Print those of the packages that are not installed.
missing_packages() {
  local package
  for package in "$@"; do
    dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null |
      grep -qx installed || echo "$package"
  done
}

# Install what is missing of the packages, naming it.  A package written "x?"
# is left out where the distribution has none of that name.
install_packages() {
  local package log
  local -a missing wanted=()
  command -v dpkg-query >/dev/null ||
    die "installs packages on Debian and its kin only; elsewhere see README.md"
  mapfile -t missing < <(missing_packages "${@%\?}")
  [ ${#missing[@]} -gt 0 ] || return 0
  update_packages
  for package in "${missing[@]}"; do
    if [[ " $* " == *" $package? "* ]] && ! apt-cache show "$package" >/dev/null 2>&1; then
      continue
    fi
    wanted+=("$package")
  done
  [ ${#wanted[@]} -gt 0 ] || return 0
  echo "installing ${wanted[*]}"
  log=$(mktemp)
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get -qq -y --no-install-recommends install "${wanted[@]}" </dev/null >"$log" 2>&1 || {
    cat "$log" >&2
    die "could not install ${wanted[*]}"
  }
  rm -f "$log"
}

# Refresh the list of packages, once.
update_packages() {
  [ -z "${packages_updated:-}" ] || return 0
  as_root apt-get -qq update </dev/null || die "could not refresh the list of packages"
  packages_updated=yes
}

# Set pg_config to the server to build against: $PG_CONFIG, else the newest
# one that has its headers here, else the distribution's, which is installed.
# Set pg_major to its major version.
find_server() {
  local found
  if [ -n "${PG_CONFIG:-}" ]; then
    pg_config=$(command -v "$PG_CONFIG") || die "there is no $PG_CONFIG"
    pg_major=$("$pg_config" --version | sed 's/^PostgreSQL \([0-9]*\).*/\1/')
    return
  fi
  found=$(compgen -G '/usr/lib/postgresql/*/bin/pg_config' | sort -V | tail -n 1) || true
  if [ -n "$found" ]; then
    pg_major=$("$found" --version | sed 's/^PostgreSQL \([0-9]*\).*/\1/')
  else
    pg_major=$(distribution_server)
    if [ -z "$pg_major" ]; then
      update_packages
      pg_major=$(distribution_server)
    fi
    [ -n "$pg_major" ] || die "this distribution has no package postgresql"
  fi
  pg_config=/usr/lib/postgresql/$pg_major/bin/pg_config
}

# The same for a server of major version $1; the status is 1 where this machine
# has none.
find_version() {
  if [ -z "${PG_CONFIG:-}" ] && [ -x "/usr/lib/postgresql/$1/bin/pg_config" ]; then
    pg_major=$1
    pg_config=/usr/lib/postgresql/$pg_major/bin/pg_config
  else
    find_server
    [ "$pg_major" = "$1" ]
  fi
}

# Print the packages of the server, unless it does not come from packages.
server_packages() {
  if [[ $pg_config == /usr/* ]]; then
    echo "postgresql-$pg_major" "postgresql-server-dev-$pg_major"
  fi
}

# The major version that the package "postgresql" stands for.
distribution_server() {
  apt-cache depends postgresql 2>/dev/null |
    sed -n 's/.*Depends: postgresql-\([0-9][0-9]*\)$/\1/p;T;q' || true
}

# Copy the server of $pg_config under the folder $1, and set pg_config and
# pg_bin to those of the copy.
copy_server() {
  local folder=$1 item path
  mkdir -p "$folder"
  for item in --bindir --pkglibdir --sharedir --pkgincludedir --includedir-server; do
    path=$("$pg_config" "$item")
    [ ! -d "$path" ] || [ -d "$folder$path" ] ||
      tar -C / -cf - "${path#/}" | tar -C "$folder" -xf -
  done
  use_server_copy "$folder"
  [[ $("$pg_config" --pkglibdir) == "$(realpath "$folder")"/* ]] ||
    die "the PostgreSQL of $pg_config cannot be moved"
}

use_server_copy() {
  pg_bin=$(find "$1" -path '*/bin/pg_config' -printf '%h\n' | head -n 1)
  pg_config=$pg_bin/pg_config
}

# Copy the sources, without what was built, into the folder $1.
copy_sources() {
  mkdir -p "$1"
  tar -C "$top" --exclude=./.git --exclude=./build --exclude=./tmp_check \
    --exclude='*.o' --exclude='*.bc' --exclude='*.so' --exclude=node_modules --exclude=target \
    -cf - . | tar -C "$1" -xf -
}

# Seconds since the time $1 of $EPOCHREALTIME, with one decimal.
seconds_since() {
  awk -v from="$1" -v now="$EPOCHREALTIME" 'BEGIN { printf "%.1f", now - from }'
}
