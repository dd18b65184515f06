#!/usr/bin/env bash
# A private LNbits with its FakeWallet on 127.0.0.1, ready to take and make payments.
#
#   lnbits.sh up DIR       starts one with its data in DIR, prints what a test needs as JSON
#   lnbits.sh bare DIR     the same, but as it is before anybody has founded it: without wallets
#   lnbits.sh env DIR      the same as shell variables, for: eval "$(lnbits.sh env DIR)"
#   lnbits.sh stop DIR     a clean stop; the data, the port and the wallets stay
#   lnbits.sh crash DIR    kill -9 instead
#   lnbits.sh start DIR    starts it again, on the same port
#   lnbits.sh down DIR     stops it and removes DIR
#
# Wallets: `shop` (no money) and `payer` (LNBITS_FUND sat, 1000000 unless told). Each call needs a DIR
# of its own, and any number may run at once. The first call on a machine takes some 15 s more: it
# founds an instance and keeps it under .peers, from which all later ones are copied.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TIMEOUT=${LNBITS_TIMEOUT:-120}

say() { echo "lnbits: $*" >&2; }
die() { say "$*"; exit 1; }

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# The start time of a process: together with its number it names one process for ever. Nothing for
# one that has ended, though nobody has collected it yet (state Z).
born() { sed 's/.*) //; /^[ZX]/d' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

settings() {
  local dir=$1
  cat <<EOF
LNBITS_BACKEND_WALLET_CLASS=FakeWallet
LNBITS_DATA_FOLDER=$dir/db
LNBITS_EXTENSIONS_PATH=$dir/extensions
LNBITS_ADMIN_UI=true
SUPER_USER=00000000000040008000000000000001
AUTH_ALLOWED_METHODS=user-id-only,username-password
AUTH_HTTPS_ONLY=false
FORWARDED_ALLOW_IPS=127.0.0.1
LNBITS_CALLBACK_URL_RULES=["https?://127\\\\.0\\\\.0\\\\.1(:\\\\d+)?"]
LNBITS_CALLBACK_ALLOW_PRIVATE_IPS=true
LNBITS_RATE_LIMIT_NO=1000000
LNBITS_RATE_LIMIT_UNIT=second
LNBITS_PRICE_AGGREGATOR_ENABLED=false
LNBITS_EXCHANGE_RATE_PROVIDERS=[]
LNBITS_EXCHANGE_HISTORY_REFRESH_INTERVAL_SECONDS=0
LNBITS_EXTENSIONS_MANIFESTS=[]
LNBITS_WASM_EXTENSIONS_MANIFESTS=[]
LNBITS_EXTENSIONS_DEACTIVATE_ALL=true
LNBITS_NOTIFICATION_SERVER_START_STOP=false
ENABLE_LOG_TO_FILE=false
EOF
}

# spawn DIR VENV PORT: LNbits in a process group of its own. It serves its static files from
# ./lnbits/static, hence the link; descriptors of ours (a lock, a pipe) stay with us.
spawn() {
  local dir=$1 venv=$2 port=$3 variables pid
  mkdir -p "$dir/cwd"
  ln -sfn "$venv"/lib/python3*/site-packages/lnbits "$dir/cwd/lnbits"
  mapfile -t variables < <(settings "$dir")
  cd "$dir/cwd"
  env "${variables[@]}" setsid "$venv/bin/lnbits" --host 127.0.0.1 --port "$port" \
    >>"$dir/lnbits.log" 2>&1 </dev/null 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &
  pid=$!
  cd - >/dev/null
  echo "$pid $(born "$pid")" >"$dir/pid"
  # Whoever runs many tests ends what a broken one has left behind.
  [ -z "${PIPEROLL_TEST_SERVERS:-}" ] || cp "$dir/pid" "$PIPEROLL_TEST_SERVERS/lnbits-$pid"
}

running() {
  local pid birth
  [ -s "$1/pid" ] && read -r pid birth <"$1/pid" && [ -n "$birth" ] && [ "$(born "$pid")" = "$birth" ]
}

# end DIR SIGNAL: ends the process group that we started there, by its number.
end() {
  local dir=$1 signal=$2 pid deadline=$((SECONDS + 10))
  running "$dir" || { rm -f "$dir/pid"; return 0; }
  read -r pid _ <"$dir/pid"
  kill "-$signal" -- "-$pid" 2>/dev/null || true
  while running "$dir" && [ $SECONDS -lt $deadline ]; do sleep 0.05; done
  kill -KILL -- "-$pid" 2>/dev/null || true
  rm -f "$dir/pid"
}

# ready DIR URL: until it answers, or is gone, or it took too long.
ready() {
  local deadline=$((SECONDS + TIMEOUT))
  until python3 "$HERE/lnbits_bootstrap.py" ready "$2"; do
    running "$1" || return 1
    [ $SECONDS -lt $deadline ] || return 1
    sleep 0.1
  done
}

# launch DIR VENV: on a free port; somebody may take that port before LNbits does, so up to 3 times.
launch() {
  local dir=$1 venv=$2 port
  for _ in 1 2 3; do
    port=$(free_port)
    spawn "$dir" "$venv" "$port"
    if ready "$dir" "http://127.0.0.1:$port"; then
      echo "$port" >"$dir/port"
      return 0
    fi
    end "$dir" TERM
    grep -q 'ddress already in use' "$dir/lnbits.log" || break
  done
  tail -20 "$dir/lnbits.log" >&2 || true
  return 1
}

# found FOLDER VENV SAT: an instance with its superuser and wallets, stopped, as the others' model.
found() {
  local model=$1 venv=$2 fund=$3 work
  say "founding the model instance"
  work=$(mktemp -d)
  # shellcheck disable=SC2064  # the folder as it is named now
  trap "end '$work' KILL; rm -rf '$work'" EXIT
  launch "$work" "$venv"
  python3 "$HERE/lnbits_bootstrap.py" found "http://127.0.0.1:$(cat "$work/port")" "$fund" >"$work/wallets.json"
  end "$work" TERM
  rm -rf "$model.new"
  mkdir -p "$model.new"
  cp -a "$work/db" "$work/wallets.json" "$model.new/"
  mv "$model.new" "$model"
}

# model VENV: the folder of the model instance for this installation and these settings.
model() {
  local venv=$1 fund=${LNBITS_FUND:-1000000} key folder
  key=$(cat "$HERE/lnbits.sh" "$HERE/lnbits_bootstrap.py" | sha256sum | cut -c1-12)
  folder=$venv/model-$key-$fund
  if [ ! -d "$folder" ]; then
    (
      flock 9
      [ -d "$folder" ] || found "$folder" "$venv" "$fund"
    ) 9>"$folder.lock" >&2
  fi
  echo "$folder"
}

up() {
  local dir=$1 venv model
  mkdir -p "$dir"
  dir=$(cd "$dir" && pwd)
  ! running "$dir" || die "one runs in $dir already"
  [ ! -e "$dir/db" ] || die "$dir holds the data of another: start it, or take it down"
  venv=$("$HERE/install" lnbits)
  model=$(model "$venv")
  cp -a "$model/db" "$model/wallets.json" "$dir/"
  echo "$venv" >"$dir/venv"
  launch "$dir" "$venv" || die "did not come up in $dir"
  describe "$dir" json
}

bare() {
  local dir venv
  mkdir -p "$1"
  dir=$(cd "$1" && pwd)
  [ ! -e "$dir/pid" ] || die "one runs in $dir already"
  venv=$("$HERE/install" lnbits)
  echo '{}' >"$dir/wallets.json"
  echo "$venv" >"$dir/venv"
  launch "$dir" "$venv" || die "did not come up in $dir"
  describe "$dir" json
}

start() {
  local dir venv port
  dir=$(cd "$1" && pwd)
  ! running "$dir" || die "one runs in $dir already"
  venv=$(cat "$dir/venv")
  port=$(cat "$dir/port")
  spawn "$dir" "$venv" "$port"
  ready "$dir" "http://127.0.0.1:$port" || { tail -20 "$dir/lnbits.log" >&2; end "$dir" KILL; die "did not come up again"; }
  describe "$dir" json
}

describe() {
  local pid
  read -r pid _ <"$1/pid"
  python3 "$HERE/lnbits_bootstrap.py" describe "$2" "http://127.0.0.1:$(cat "$1/port")" "$pid" <"$1/wallets.json"
}

down() {
  [ -d "$1" ] || return 0
  end "$1" KILL
  rm -rf "$1/db" "$1/cwd" "$1/extensions" "$1"/{lnbits.log,port,pid,venv,wallets.json}
  rmdir "$1" 2>/dev/null || true
}

usage() { sed -n '2,14p' "${BASH_SOURCE[0]}" >&2; exit 2; }

[ $# -eq 2 ] || usage
case $1 in
  up) up "$2" ;;
  bare) bare "$2" ;;
  env) describe "$2" shell ;;
  stop) end "$2" TERM ;;
  crash) end "$2" KILL ;;
  start) start "$2" ;;
  down) down "$2" ;;
  *) usage ;;
esac
