# shellcheck shell=bash
# One private dockerd + containerd per name, each in its own network namespace.
#
# Layout under $home (kept short: unix socket paths end at 107 characters):
#   NAME.lock, NAME.owner     who holds it; the owner line is "PID START-TIME"
#   NAME/docker.sock          the API
#   NAME/data                 images: kept between runs, it is the build cache
#   NAME/{c,x}                containerd's and dockerd's run-time state: removed at stop
# shellcheck disable=SC2154  # home comes from scripts/engine

make_home() {
  mkdir -p -m 711 "$home"
  # Under a world-writable directory anybody may have been first.
  if [ -L "$home" ] || [ "$(stat -c %u "$home")" != "$(id -u)" ]; then
    die "$home is not ours" "set BB_ENGINE_HOME to a directory of your own"
  fi
}

netns_of() { echo "bb-$(printf %s "$home/$1" | sha256sum | cut -c1-10)"; }

# Field 22 of /proc/PID/stat, counted after the command name, which may contain spaces.
start_time() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

# daemons NAME FILE : processes of this engine, known by a file of its directory on
# their command line. No pid file is believed: one may be missing (its writer was killed) or old
# (the number belongs to another process by now). In a container that shares our process ids the
# same path is another directory, so the mount namespace must be ours. nsenter and setsid are the
# daemons themselves, a moment before.
daemons() {
  local file pid
  for file in $(grep -laF "$home/$1/$2" /proc/[0-9]*/cmdline 2>/dev/null); do
    pid=${file#/proc/}
    pid=${pid%/cmdline}
    case $(cat "/proc/$pid/comm" 2>/dev/null) in
      dockerd | containerd | containerd-shim* | nsenter | setsid) ;;
      *) continue ;;
    esac
    [ "$(readlink "/proc/$pid/ns/mnt")" != "$(readlink /proc/self/ns/mnt)" ] || echo "$pid"
  done
}

# A socket in a directory of ours that answers is ours; its process may not be ours to look at.
running() {
  [ -S "$home/$1/docker.sock" ] &&
    timeout 10 docker -H "unix://$home/$1/docker.sock" version >/dev/null 2>&1
}

print_env() {
  printf 'export DOCKER_HOST=unix://%s/%s/docker.sock\n' "$home" "$1"
  printf 'export BB_ENGINE_NETNS=/run/netns/%s\n' "$(netns_of "$1")"
}

start_engine() {
  local name=$1 dir=$home/$1
  if running "$name"; then return; fi
  need_packages "a private Docker Engine" dockerd=docker.io iptables=iptables ip=iproute2 \
    mmdebstrap=mmdebstrap
  need_packages "a private Docker Engine" docker=docker-cli # of its own from Debian 13 on
  if [ -n "${BB_ENGINE_OWNER:-}" ]; then need_packages "mmdebstrap without root" newuidmap=uidmap; fi
  tear_down "$name"
  say "starting a private Docker Engine ($name)"
  mkdir -p -m 711 "$dir" "$dir/data" "$dir/c" "$dir/x"
  write_config "$dir"
  ip netns add "$(netns_of "$name")"
  nsenter --net="/run/netns/$(netns_of "$name")" ip link set lo up
  launch "$name"
  wait_ready "$name"
  clean_leftovers "$name"
  chown "${BB_ENGINE_OWNER:-0}" "$dir/docker.sock"
}

# A containerd of our own: dockerd would otherwise join the machine's, and share its containers.
write_config() {
  local dir=$1
  cat >"$dir/containerd.toml" <<TOML
version = 2
root = "$dir/data/containerd"
state = "$dir/c"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "$dir/c.sock"
TOML
  cat >"$dir/daemon.json" <<JSON
{
  "data-root": "$dir/data",
  "exec-root": "$dir/x",
  "pidfile": "$dir/docker.pid",
  "hosts": ["unix://$dir/docker.sock"],
  "containerd": "$dir/c.sock",
  "default-address-pools": [{"base": "10.222.0.0/15", "size": 24}],
  "shutdown-timeout": 2,
  "log-level": "warn"
}
JSON
}

# nsenter and not `ip netns exec`: that one remounts /sys, and the cgroup mounts would vanish.
# fd 9 is the caller's lock; a daemon that inherited it would hold the slot for ever.
launch() {
  local dir=$home/$1 ns
  ns=/run/netns/$(netns_of "$1")
  setsid containerd --config "$dir/containerd.toml" --log-level warn \
    </dev/null >"$dir/containerd.log" 2>&1 9>&- &
  beneath=$!
  wait_for 100 test -S "$dir/c.sock" || engine_failed "$dir"
  nsenter --net="$ns" setsid dockerd --config-file "$dir/daemon.json" \
    </dev/null >"$dir/dockerd.log" 2>&1 9>&- &
  launched=$!
}

# wait_for TENTHS CMD... : by the clock, as CMD itself may take seconds to say no.
wait_for() {
  local end=$((SECONDS + ($1 + 9) / 10 + 1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.1
  done
}

# Until it answers; not longer than it lives. Without its containerd it listens and never answers.
wait_ready() {
  wait_for 300 settled "$1" || true
  running "$1" || engine_failed "$home/$1"
}

settled() { running "$1" || gone "$launched" || gone "$beneath"; }

engine_failed() {
  tail -n 12 "$1/containerd.log" "$1/dockerd.log" >&2 2>/dev/null || true
  stop_engine "$(basename "$1")"
  die "the private Docker Engine did not start; its last words are above" "logs: $1/*.log"
}

# A killed run leaves containers, networks and volumes behind; a private engine starts without
# any. Images stay: they are content-addressed, and a week bounds what old ones take.
clean_leftovers() {
  local d=(docker -H "unix://$home/$1/docker.sock") ids
  ids=$("${d[@]}" ps -aq)
  # shellcheck disable=SC2086  # one argument an id
  [ -z "$ids" ] || "${d[@]}" rm -f -v $ids >/dev/null
  "${d[@]}" network prune -f >/dev/null
  ids=$("${d[@]}" volume ls -q) # newer engines' prune keeps the named ones
  # shellcheck disable=SC2086
  [ -z "$ids" ] || "${d[@]}" volume rm -f $ids >/dev/null
  "${d[@]}" image prune -a -f --filter until=168h >/dev/null
}

# Ends the engine when the process that ran it is gone, however it went (kill -9 included). A
# start that its dead owner left under way still holds the lock: the sweep waits for it.
watch_owner() {
  local owner=$1
  BB_SWEEP_WAIT=60 setsid bash -c 'tail --pid="$1" -f /dev/null; exec "$2" sweep' _ \
    "$owner" "$here/engine" \
    </dev/null >/dev/null 2>&1 9>&- &
}

# Stops engines whose recorded owner is dead. Engines of `start` have no owner and stay.
sweep() {
  local file name pid started
  for file in "$home"/*.owner; do
    [ -e "$file" ] || continue
    name=$(basename "$file" .owner)
    read -r pid started <"$file" || true
    [ "$(start_time "${pid:-0}")" = "${started:-none}" ] || (
      exec 9>"$home/$name.lock"
      flock -w "${BB_SWEEP_WAIT:-0}" 9 && stop_engine "$name"
    ) || true
  done
}

stop_engine() {
  tear_down "$1"
  rm -f "$home/$1.owner"
}

# The owner's line stays until everything else is gone: it is what a later sweep goes by.
tear_down() {
  local name=$1 dir=$home/$1 pid
  [ -d "$dir" ] || return 0
  if [ -n "$(daemons "$name" containerd.toml)" ]; then remove_containers "$dir"; fi
  for pid in $(daemons "$name" daemon.json); do
    # Without its containerd it would wait for one.
    [ -n "$(daemons "$name" containerd.toml)" ] || kill -9 "$pid" 2>/dev/null || true
    end_process "$pid" 100
  done
  for pid in $(daemons "$name" containerd.toml); do end_process "$pid" 50; done
  for pid in $(daemons "$name" c.sock); do end_process "$pid" 10; done # shims outlive containerd
  for pid in $(our_contained "$dir"); do kill -9 "$pid" 2>/dev/null || true; done
  unmount_below "$dir"
  ip netns del "$(netns_of "$name")" 2>/dev/null || true
  rm -rf "$dir/c" "$dir/x" "$dir"/*.sock "$dir"/*.sock.ttrpc "$dir/docker.pid"
}

remove_containers() {
  local ids
  ids=$(timeout 10 docker -H "unix://$1/docker.sock" ps -aq 2>/dev/null) || return 0
  # shellcheck disable=SC2086
  [ -z "$ids" ] || timeout 60 docker -H "unix://$1/docker.sock" rm -f -v $ids >/dev/null 2>&1 || true
}

# end_process PID TENTHS : asks, waits, then insists.
end_process() {
  kill "$1" 2>/dev/null || return 0
  wait_for "$2" gone "$1" || kill -9 "$1" 2>/dev/null || true
}

gone() { ! kill -0 "$1" 2>/dev/null || grep -q '^State:\sZ' "/proc/$1/status" 2>/dev/null; }

# Processes of containers whose shim is gone: their root is a mount from our data, and the very one
# (by device number) that is mounted there in this mount namespace.
our_contained() {
  local devices
  devices=$(awk -v d="$1/data/" 'index($5, d) == 1 { printf "%s ", $3 }' /proc/self/mountinfo)
  [ -n "$devices" ] || return 0
  grep -F "$1/data/" /proc/[0-9]*/mountinfo 2>/dev/null |
    awk -v devices="$devices" '
      BEGIN { split(devices, list, " "); for (i in list) ours[list[i]] = 1 }
      $5 == "/" && ($3 in ours) { split($1, path, "/"); print path[3] }' || true
}

# Anything still mounted below would be deleted through, not from.
unmount_below() {
  local point
  for point in $(awk -v d="$1/" 'index($2, d) == 1 { print $2 }' /proc/mounts | sort -r); do
    umount "$point" 2>/dev/null || umount -l "$point" || true
  done
}

purge_engine() {
  [ -z "$(awk -v d="$home/$1/" 'index($2, d) == 1' /proc/mounts)" ] ||
    die "something is still mounted below $home/$1"
  rm -rf "${home:?}/${1:?}" "$home/$1.lock"
}

purge_stopped() {
  local dir name
  for dir in "$home"/*/; do
    name=$(basename "$dir")
    if [ ! -d "$dir" ] || running "$name"; then continue; fi
    (
      exec 9>"$home/$name.lock"
      flock -n 9 || exit 0
      stop_engine "$name"
      purge_engine "$name"
    )
  done
}

list_engines() {
  local dir name state
  for dir in "$home"/*/; do
    [ -d "$dir" ] || continue
    name=$(basename "$dir")
    if running "$name"; then state=running; else state=stopped; fi
    printf '%-10s %-8s %s\n' "$name" "$state" "$(du -sh "$dir/data" 2>/dev/null | cut -f1)"
  done
}

# Without root: the engine through sudo, the command as the user who asked.
run_through_sudo() {
  [ "${BB_INSTALL_ENGINE:-}" = 1 ] && command -v sudo >/dev/null ||
    die "no Docker Engine answers, and starting a private one needs root" \
      "start your own engine, run this as root, or set BB_INSTALL_ENGINE=1 to allow sudo"
  local name=user-$(id -u) elevate=(sudo BB_INSTALL_ENGINE=1 BB_ENGINE_OWNER="$(id -u)") status=0
  trap '"${elevate[@]}" BB_ENGINE_HOME="$home" "$here/engine" stop --name "$name"' EXIT
  home=/var/tmp/botbottle-engine-0
  "${elevate[@]}" BB_ENGINE_HOME="$home" "$here/engine" start --name "$name" >/dev/null
  eval "$(print_env "$name")"
  "$@" || status=$?
  exit "$status"
}
