# Sourced by the scripts beside this folder: makes a clean clone ready to run, and does nothing when it is.
#   QUBUS_ROOT   the checkout
#   QUBUS_NODE   the pinned Node, whatever the host has
#   QUBUS_CACHE  what is built or copied once for this user (exported)
#   NODE_COMPILE_CACHE  where Node keeps what it compiled (exported): half the time to start, 30 MB less a thread
# Progress goes to stderr. QUBUS_SKIP_BROKER=1: the caller needs no broker.

QUBUS_ROOT=$(cd -- "${BASH_SOURCE[0]%/*}/../.." && pwd -P)
case $(uname -m) in
  x86_64) QUBUS_ARCH=x64 ;;
  aarch64 | arm64) QUBUS_ARCH=arm64 ;;
  *) QUBUS_ARCH= ;;
esac
QUBUS_NODE=$QUBUS_ROOT/node_modules/node-linux-$QUBUS_ARCH/bin/node

qubus_say() { printf 'qubus: %s\n' "$*" >&2; }
qubus_fail() { qubus_say "$*"; exit 3; }

# The user's cache, or a folder of the checkout where there is no home that can be written to.
qubus_cache_dir() {
  local wanted=${QUBUS_CACHE:-}
  [[ -n $wanted ]] || wanted=${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}
  [[ -n ${QUBUS_CACHE:-} || -z $wanted ]] || wanted=$wanted/qubus
  if [[ -n $wanted ]] && mkdir -p -- "$wanted" 2>/dev/null && [[ -w $wanted ]]; then
    printf '%s' "$wanted"
  else
    printf '%s' "$QUBUS_ROOT/.cache"
  fi
}

qubus_lock_digest() { sha256sum < "$QUBUS_ROOT/package-lock.json"; }

qubus_packages_ready() {
  local stamp=$QUBUS_ROOT/node_modules/.qubus-installed
  [[ -x $QUBUS_NODE && -r $stamp && $(< "$stamp") == "$(qubus_lock_digest)" ]]
}

# Somebody ran npm by hand, or the lock file changed only in what does not concern this machine.
qubus_adopt_packages() {
  [[ -x $QUBUS_NODE ]] || return 1
  "$QUBUS_NODE" --disable-warning=ExperimentalWarning "$QUBUS_ROOT/scripts/setup/fits-lock.ts" 2> /dev/null || return 1
  qubus_lock_digest > "$QUBUS_ROOT/node_modules/.qubus-installed"
}

# No package needs its install script: platform packages bring the binaries. `ci` refuses a lock file that lacks
# packages for other platforms, which a mirror without them leaves out; then `install` takes the same locked versions.
qubus_npm() {
  local cache=${npm_config_cache:-}
  [[ -n $cache || ( -n ${HOME:-} && -w $HOME ) ]] || cache=$QUBUS_CACHE/npm
  (cd -- "$QUBUS_ROOT" && env ${cache:+npm_config_cache="$cache"} npm "$@" --ignore-scripts --no-audit --no-fund --loglevel=error)
}

qubus_install_packages() {
  command -v npm > /dev/null || qubus_fail 'npm is missing: install Node 20 or newer with npm (Debian and Ubuntu: apt-get install nodejs npm)'
  local host_major
  host_major=$(node -p 'process.versions.node.split(".")[0]' 2> /dev/null) || host_major=0
  ((host_major >= 20)) || qubus_fail "npm needs Node 20 or newer on this host, found $(node --version 2> /dev/null || echo none)"
  qubus_say 'installing packages (once) ...'
  local log
  log=$(mktemp)
  if ! qubus_npm ci > "$log" 2>&1 && ! { grep -q EUSAGE "$log" && qubus_npm install --no-save > "$log" 2>&1; }; then
    cat -- "$log" >&2
    rm -f -- "$log"
    qubus_fail 'the packages could not be installed: see above; the npm registry must be reachable'
  fi
  rm -f -- "$log"
  [[ -x $QUBUS_NODE ]] || qubus_fail "no pinned Node for this machine ($(uname -sm)): Linux on x86_64 or arm64 is needed"
  local version
  version=$("$QUBUS_NODE" --version 2>&1) || qubus_fail "the pinned Node does not run here: $version"
  [[ $version == "v$(< "$QUBUS_ROOT/.node-version")" ]] || qubus_fail "the pinned Node is $version, .node-version says $(< "$QUBUS_ROOT/.node-version")"
  qubus_lock_digest > "$QUBUS_ROOT/node_modules/.qubus-installed"
  qubus_say "packages ready, Node $version"
}

# What was found last is written down, so that the usual case costs no process.
qubus_broker_ready() {
  [[ -n ${QUBUS_SKIP_BROKER:-} || -n ${QUBUS_URL:-} ]] && return 0
  local note=$QUBUS_CACHE/broker-path
  [[ -r $note && -x $(< "$note") ]]
}

qubus_get_broker() {
  local found
  found=$("$QUBUS_NODE" "$QUBUS_ROOT/infra/broker/print-broker.ts") || exit 3
  printf '%s\n' "$found" > "$QUBUS_CACHE/broker-path"
}

# Two at once: the second waits, and then finds everything there.
qubus_setup() {
  local lock_dir=$QUBUS_ROOT/.cache
  mkdir -p -- "$lock_dir" 2> /dev/null || lock_dir=$QUBUS_CACHE
  (
    if command -v flock > /dev/null; then
      flock -n 9 || { qubus_say 'waiting for another set-up of this checkout ...'; flock 9; }
    fi
    qubus_packages_ready || qubus_adopt_packages || qubus_install_packages
    qubus_broker_ready || qubus_get_broker
  ) 9> "$lock_dir/setup.lock" || exit $?
}

# Nobody else's: flows are compiled too. What has not been compiled anew for some days is forgotten, once a day.
qubus_keep_compiled() {
  export NODE_COMPILE_CACHE=${NODE_COMPILE_CACHE:-$QUBUS_CACHE/compiled}
  [[ $NODE_COMPILE_CACHE == "$QUBUS_CACHE/compiled" ]] || return 0
  [[ -d $NODE_COMPILE_CACHE ]] || mkdir -m 700 -- "$NODE_COMPILE_CACHE" 2> /dev/null || return 0
  local today tidied=$QUBUS_CACHE/compiled-tidied
  printf -v today '%(%Y-%j)T'
  [[ -r $tidied && $(< "$tidied") == "$today" ]] && return 0
  printf '%s\n' "$today" > "$tidied"
  find "$NODE_COMPILE_CACHE" -type f -mtime +3 -delete 2> /dev/null || true
}

[[ -n $QUBUS_ARCH ]] || qubus_fail "Linux on x86_64 or arm64 is needed, this is $(uname -sm)"
QUBUS_CACHE=$(qubus_cache_dir)
export QUBUS_CACHE
mkdir -p -- "$QUBUS_CACHE" 2> /dev/null || qubus_fail "no folder to write to: set QUBUS_CACHE or XDG_CACHE_HOME"
if ! { qubus_packages_ready && qubus_broker_ready; }; then qubus_setup; fi
qubus_keep_compiled
