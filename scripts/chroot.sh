# shellcheck shell=bash
#
# Other versions of PostgreSQL than this machine's distribution has: each in a
# chroot with the Debian release that has it.  To be sourced after machine.sh.
#
# A chroot is made once, with debootstrap from the mirror that apt uses here,
# and kept in $PYRO_CHROOTS; remove its folder to have it made anew.  Commands
# in it have mounts and processes of their own, which end with them, and write
# to a folder outside, so that only packages change it, and what is kept of the
# sources of PostgreSQL.

chroots=${PYRO_CHROOTS:-/var/cache/pyro_ext}

# Print the Debian release that has PostgreSQL $1.
release_of() {
  case $1 in
    15) echo bookworm ;;
    17) echo trixie ;;
    18) echo forky ;;
    *) die "no release of Debian is known to have PostgreSQL $1" ;;
  esac
}

# Print where apt gets Debian from on this machine.
debian_mirror() {
  local format="\$(LABEL) \$(REPO_URI)" mirror
  mirror=$(apt-get indextargets --format "$format" 'Created-By: Packages' |
    sed -n 's/^Debian \([^ ]*\)$/\1/p;T;q')
  [ -n "$mirror" ] || die "apt has no mirror of Debian here"
  echo "$mirror"
}

# Run a command as root with mounts and processes of its own.
apart() {
  as_root env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
    unshare --mount --propagation private --ipc --pid --fork --kill-child "$@"
}

# in_chroot ROOT FOLDER [VARIABLE=VALUE]... COMMAND...: run a command as root
# in the chroot, with the folder as its /tmp.  The corpora, if there are any,
# are at /mnt there.
in_chroot() {
  # shellcheck disable=SC2016
  apart bash -euc '
    root=$1 folder=$2 corpora=$3
    shift 3
    mount -t proc proc "$root/proc"
    mkdir -p "$root/dev/shm"
    mount -t tmpfs tmpfs "$root/dev/shm"
    mount --bind "$folder" "$root/tmp"
    if [ -n "$corpora" ]; then
      mount --bind "$corpora" "$root/mnt"
      mount -o remount,bind,ro "$root/mnt"
    fi
    exec chroot "$root" env HOME=/root "$@"' \
    in_chroot "$1" "$2" "${PYRO_CORPORA:-}" "${@:3}"
}

# Install Debian's release $2 in the new folder $1.
debootstrap_into() {
  local root=$1 release=$2 mirror scripts=/usr/share/debootstrap/scripts script=
  mirror=$(debian_mirror) || return 1
  # a release newer than debootstrap
  [ -e "$scripts/$release" ] || script=$scripts/sid
  # nothing of it need survive a power cut, and nobody reads manuals there
  as_root mkdir -p "$root/etc/dpkg/dpkg.cfg.d" "$root/etc/apt/apt.conf.d"
  as_root tee "$root/etc/dpkg/dpkg.cfg.d/tests" >/dev/null <<'DPKG'
force-unsafe-io
path-exclude=/usr/share/doc/*
path-exclude=/usr/share/info/*
path-exclude=/usr/share/locale/*
path-exclude=/usr/share/man/*
path-exclude=/usr/lib/llvm-*/lib/libLLVM*.a
DPKG
  {
    echo 'Acquire::Languages "none";'
    # the lists of a mirror that stands still are soon out of date
    echo 'Acquire::Check-Valid-Until "false";'
    echo 'Dir::Cache::pkgcache "";'
    echo 'Dir::Cache::srcpkgcache "";'
    echo 'APT::Keep-Downloaded-Packages "false";'
    echo 'Binary::apt-get::APT::Keep-Downloaded-Packages "false";'
    apt-config dump | grep -E '^Acquire::https?::' || true
  } | as_root tee "$root/etc/apt/apt.conf.d/tests" >/dev/null
  # shellcheck disable=SC2086
  apart timeout -k 10 15m env ${http_proxy:+"http_proxy=$http_proxy"} \
    debootstrap --variant=minbase "$release" "$root" "$mirror" $script &&
    as_root rm -rf "$root/var/cache/apt/archives"
}

# Print the folder of the chroot of PostgreSQL $1.
chroot_of() {
  echo "$chroots/pg$1"
}

# Make the chroot of PostgreSQL $1, unless it is there, and install in it what
# scripts/test needs with the options $2...
make_chroot() {
  local release chroot new was_there=no made=no
  release=$(release_of "$1") || return 1
  chroot=$(chroot_of "$1")
  shift
  as_root true
  # one whose packages cannot be completed was left broken, or grew old
  if [ -d "$chroot" ]; then
    ! test_in_chroot "$chroot" --install "$@" || return 0
    was_there=yes
  fi
  install_packages debootstrap ca-certificates
  as_root mkdir -p "$chroots"
  new=$(as_root mktemp -d "$chroots/new.XXXXXX") || return 1
  as_root chmod 755 "$new"
  if debootstrap_into "$new" "$release" && test_in_chroot "$new" --install "$@"; then
    made=yes
    [ "$was_there" = no ] || as_root rm -rf --one-file-system "$chroot"
    # unless another run made it meanwhile
    as_root mv -T "$new" "$chroot" || true
  fi
  [ ! -d "$new" ] || as_root rm -rf --one-file-system "$new"
  [ "$made" = yes ] && [ -d "$chroot" ]
}

# test_in_chroot ROOT OPTION...: run this scripts/test in the chroot, on a copy
# of the sources in the folder of this run.
test_in_chroot() {
  local root=$1 folder name
  local -a variables=()
  shift
  folder=${work:?}/$(basename "$root")
  mkdir -p "$folder" && chmod 1777 "$folder" && copy_sources "$folder/sources" || return 1
  [ -z "${PYRO_CORPORA:-}" ] || variables+=(PYRO_CORPORA=/mnt)
  for name in CI PYRO_TEST_FULL FUZZ_RUNS FUZZ_SECONDS http_proxy; do
    [ -z "${!name:-}" ] || variables+=("$name=${!name}")
  done
  in_chroot "$root" "$folder" "${variables[@]}" bash /tmp/sources/scripts/test "$@" </dev/null
}
