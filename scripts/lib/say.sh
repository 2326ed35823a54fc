# shellcheck shell=sh
# Messages of the scripts: progress and errors on standard error, one shape for all of them.

say() { printf '%s\n' "▸ $*" >&2; }

# die WHAT [WAY OUT]
die() {
  printf 'error: %s\n' "$1" >&2
  if [ -n "${2:-}" ]; then printf '  hint: %s\n' "$2" >&2; fi
  exit 1
}
