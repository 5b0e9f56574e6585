# shellcheck shell=bash
#
# Gets what the browser test needs.  To be sourced behind scripts/machine.sh.

# Install node, npm and chromium where they are missing, and the packages of
# package-lock.json into the folder $1.  What cannot be had is said, and left
# out: the test skips itself.
install_browser() {
  local folder=$1 command
  local -a missing=()
  command -v node >/dev/null || missing+=('nodejs?')
  command -v npm >/dev/null || missing+=('npm?')
  [ -n "${CHROMIUM:-}" ] || command -v chromium chromium-browser google-chrome >/dev/null ||
    missing+=('chromium?')
  if [ ${#missing[@]} -gt 0 ]; then
    (install_packages "${missing[@]}") || true
  fi
  for command in node npm; do
    if ! command -v "$command" >/dev/null; then
      echo "# $command is not installed, and could not be"
      return 0
    fi
  done
  # as the caller, whose npm knows its registry; then it is the test's
  if ! (cd "$folder" && npm ci --no-progress </dev/null); then
    rm -rf "$folder/node_modules"
    echo '# the packages could not be installed'
  elif [ "$(id -u)" = 0 ]; then
    chown -R postgres: "$folder/node_modules"
  fi
}
