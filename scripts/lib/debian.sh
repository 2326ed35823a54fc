# shellcheck shell=bash
# Debian packages, installed without letting them start services of their own.

policy=/usr/sbin/policy-rc.d
policy_mark='# botbottle: no service starts while its scripts install packages'

# need_packages WHY PROGRAM=PACKAGE... : installs the packages whose program is missing.
need_packages() {
  local why=$1 pair missing=()
  shift
  for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null 2>&1 || missing+=("${pair#*=}")
  done
  [ ${#missing[@]} -eq 0 ] || install_packages "$why" "${missing[@]}"
}

# install_packages WHY PACKAGE... : the old policy file is put back however this ends; the
# subshell keeps the trap, and the lock, to itself.
install_packages() {
  local why=$1
  shift
  if ! may_install; then
    die "$why needs these Debian packages: $*" \
      "apt-get install --no-install-recommends $*, or set BB_INSTALL_ENGINE=1 and be root"
  fi
  say "installing $* ($why)"
  (
    exec 8>/run/lock/botbottle-apt.lock
    flock 8
    trap allow_services EXIT
    forbid_services
    apt_install "$@"
  )
}

# want_program WHY PACKAGE WITHOUT PROGRAM... : the package, unless one of its programs is here. What
# cannot come is said and fails nothing: whoever needs it is told so by name.
want_program() {
  local why=$1 package=$2 without=$3 program
  shift 3
  for program in "$@"; do
    if command -v "$program" >/dev/null; then return; fi
  done
  if may_install && install_packages "$why" "$package"; then return; fi
  say "no $package here: $without"
}

may_install() {
  [ "${BB_INSTALL_ENGINE:-}" != 0 ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null
}

apt_install() {
  local log
  log=$(mktemp)
  if ! apt_quiet "$@" >"$log" 2>&1; then
    tail -n 15 "$log" >&2
    rm -f "$log"
    die "apt-get could not install: $*"
  fi
  rm -f "$log"
}

# The lists of a fresh machine are empty or stale, so they are fetched once before the first install.
apt_quiet() {
  export DEBIAN_FRONTEND=noninteractive
  apt-get -q update &&
    apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold \
      install --no-install-recommends "$@" </dev/null
}

forbid_services() {
  if [ -e "$policy" ] && ! grep -qF "$policy_mark" "$policy"; then
    mv "$policy" "$policy.botbottle-saved"
  fi
  printf '#!/bin/sh\n%s\nexit 101\n' "$policy_mark" >"$policy"
  chmod 755 "$policy"
}

# Also repairs what a killed installation left: the marked file never survives the next one.
allow_services() {
  if [ -e "$policy" ] && grep -qF "$policy_mark" "$policy"; then rm -f "$policy"; fi
  if [ -e "$policy.botbottle-saved" ]; then mv "$policy.botbottle-saved" "$policy"; fi
}
