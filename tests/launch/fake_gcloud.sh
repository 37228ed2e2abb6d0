#!/usr/bin/env bash
# A stand-in for gcloud, with the commands and flags that the real one documents; it refuses others.
# It records each call in $CLOUD/calls and keeps one machine in $CLOUD:
#   state          of the queued resource; no file, no resource
#   coming         states that the next looks find, one a line, after a create
#   node_state     of the machine (default READY)
#   workers/N      the workers' home folders; "ssh" runs its command there
#   preempt_with   a signal: once training has saved step 5, the machine is taken away with it
#   broken         commands that fail, one a line, once each
set -u
printf '%q ' "$@" >>"$CLOUD/calls"
echo >>"$CLOUD/calls"

fail() {
  echo "ERROR: (gcloud) $*" >&2
  exit 1
}

# allow PATTERN FLAG...: refuse flags that do not fit
allow() {
  local flag
  for flag in "${@:2}"; do
    [[ ! $flag =~ ^-- || $flag =~ ^($1)$ ]] || fail "unrecognized arguments: $flag"
  done
}

worker_flag() {
  local flag
  for flag in "$@"; do
    [[ ! $flag =~ ^--worker=(.*)$ ]] || echo "${BASH_REMATCH[1]}"
  done
}

homes() { # of the workers that --worker names
  case $(worker_flag "$@") in
    all) echo "$CLOUD"/workers/* ;;
    *) echo "$CLOUD/workers/$(worker_flag "$@")" ;;
  esac
}

take_away() {
  local home pid
  for home in "$CLOUD"/workers/*; do
    pid=$(cat "$home/cinegan-run/pid")
    kill "-$1" -- "-$pid"
    while kill -0 -- "-$pid" 2>/dev/null; do sleep 0.01; done
    cat "$home/cinegan-run/log" >>"$CLOUD/lost_logs"
    rm -rf "$home"
  done
  echo SUSPENDED >"$CLOUD/state"
}

look() {
  if [ -s "$CLOUD/coming" ]; then
    head -n 1 "$CLOUD/coming" >"$CLOUD/state"
    sed -i 1d "$CLOUD/coming"
  elif [ -e "$CLOUD/preempt_with" ] && [ "$(cat "$CLOUD/bucket/step" 2>/dev/null || echo 0)" -ge 5 ]; then
    take_away "$(cat "$CLOUD/preempt_with")"
    rm "$CLOUD/preempt_with"
  fi
  [ ! -e "$CLOUD/state" ] || cat "$CLOUD/state"
}

ssh_all() { # ssh_all COMMAND HOME...
  local home code=0
  for home in "${@:2}"; do
    (cd "$home" && env -i "PATH=$PATH" "HOME=$home" "CLOUD=$CLOUD" RESTART_SECONDS=0 bash -c "$1") ||
      code=$?
  done
  return "$code"
}

command="$1 $2 ${3:-} ${4:-}"
if grep -qxF "$command" "$CLOUD/broken" 2>/dev/null; then
  sed -i "0,/^$command\$/{//d}" "$CLOUD/broken"
  fail "the network is down"
fi

case $command in
  "compute tpus queued-resources create")
    allow '--(zone|node-id|accelerator-type|runtime-version)=.+|--spot' "${@:5}"
    [ ! -e "$CLOUD/state" ] || fail "ALREADY_EXISTS: $5"
    mkdir -p "$CLOUD"/workers/0
    [ ! -e "$CLOUD/two_workers" ] || mkdir -p "$CLOUD"/workers/1
    echo WAITING_FOR_RESOURCES >"$CLOUD/state"
    cat "$CLOUD/after_create" >"$CLOUD/coming"
    ;;
  "compute tpus queued-resources list")
    allow '--zone=.+|--filter=name~/queuedResources/[a-z0-9-]+\$|--format=value\(state[.]state\)' "${@:5}"
    look
    ;;
  "compute tpus queued-resources delete")
    allow '--zone=.+|--force' "${@:5}"
    [ -e "$CLOUD/state" ] || fail "NOT_FOUND: $5"
    rm -rf "$CLOUD/state" "$CLOUD/coming" "$CLOUD/workers"
    ;;
  "compute tpus tpu-vm describe")
    allow '--zone=.+|--format=value\(state\)' "${@:5}"
    cat "$CLOUD/node_state" 2>/dev/null || echo READY
    ;;
  "compute tpus tpu-vm ssh")
    allow '--zone=.+|--worker=(all|[0-9]+)|--command=.+' "${@:5}"
    for flag in "$@"; do
      # shellcheck disable=SC2046  # home folders without spaces
      [[ $flag != --command=* ]] || ssh_all "${flag#--command=}" $(homes "$@")
    done
    ;;
  "compute tpus tpu-vm scp")
    allow '--zone=.+|--worker=(all|[0-9]+)|--recurse' "${@:5}"
    paths=()
    for argument in "${@:5}"; do
      [[ $argument == --* ]] || paths+=("$argument")
    done
    for home in $(homes "$@"); do
      cp -r "${paths[0]/#*:/$home/}" "${paths[1]/#*:/$home/}"
    done
    ;;
  "storage rsync --recursive "*)
    cp -r "$CLOUD/bucket/." "$5"
    ;;
  *) fail "Invalid choice: $command" ;;
esac
