#!/usr/bin/env bash
# A fake gcloud that accepts commands and flags which the real one documents, and refuses others. It
# records each call in $CLOUD/calls; gs://NAME is the folder $CLOUD/gs/NAME. $CLOUD has one slice:
#   state          state of the queued resource; no file: no resource
#   coming         later states, one per line: each query after a create takes the next
#   node_state     state of the slice (default READY)
#   workers        number of workers (default 1)
#   machine, machine-1, ...   home folders of the workers; "ssh" runs its command there
#   preempt_with   a signal that preempts the slice once step 5 is complete in the bucket
#   broken         commands that fail, one per line, once each
set -u
printf '%q ' "$@" >>"$CLOUD/calls"
echo >>"$CLOUD/calls"

fail() {
  echo "ERROR: (gcloud) $*" >&2
  exit 1
}

# allow PATTERN FLAG...: refuse flags that do not match
allow() {
  local flag
  for flag in "${@:2}"; do
    [[ ! $flag =~ ^-- || $flag =~ ^($1)$ ]] || fail "unrecognized arguments: $flag"
  done
}

each_machine() { # each_machine all|NUMBER: home folders
  local worker
  for ((worker = 0; worker < $(cat "$CLOUD/workers" 2>/dev/null || echo 1); worker++)); do
    [[ $1 != all && $1 != "$worker" ]] || echo "$CLOUD/machine$([ $worker = 0 ] || echo "-$worker")"
  done
}

take_away() {
  local home pid
  for home in $(each_machine all); do
    pid=$(cat "$home/cinegan-run/pid")
    kill "-$1" -- "-$pid"
    while kill -0 -- "-$pid" 2>/dev/null; do sleep 0.01; done
    rm -rf "$home"
  done
  echo SUSPENDED >"$CLOUD/state"
}

look() {
  if [ -s "$CLOUD/coming" ]; then
    head -n 1 "$CLOUD/coming" >"$CLOUD/state"
    sed -i 1d "$CLOUD/coming"
  elif [ -e "$CLOUD/preempt_with" ] && [ -e "$CLOUD/gs/bucket/look/checkpoints/5/manifest.json" ]; then
    take_away "$(cat "$CLOUD/preempt_with")"
    rm "$CLOUD/preempt_with"
  fi
  [ ! -e "$CLOUD/state" ] || cat "$CLOUD/state"
}

on_workers() { # on_workers all|NUMBER COMMAND
  local home code=0
  for home in $(each_machine "$1"); do
    (cd "$home" && exec env -i "PATH=$PATH" "HOME=$home" "CLOUD=$CLOUD" RESTART_SECONDS=0 \
      bash -c "$2") || code=1
  done
  return $code
}

copy() { # copy all|NUMBER PATH...: paths on a worker are NAME:PATH
  local home argument paths
  for home in $(each_machine "$1"); do
    paths=()
    for argument in "${@:2}"; do
      case $argument in
        --*) ;;
        *:/*) paths+=("${argument#*:}") ;;
        *) paths+=("${argument/#*:/$home/}") ;;
      esac
    done
    cp -r "${paths[@]}" || return
  done
}

flag() { # flag NAME DEFAULT FLAG...: its value
  local argument value=$2
  for argument in "${@:3}"; do
    [[ $argument != --$1=* ]] || value=${argument#*=}
  done
  echo "$value"
}

command="$1 $2 ${3:-} ${4:-}"
if line=$(grep -nxFm 1 -e "$command" "$CLOUD/broken" 2>/dev/null); then
  sed -i "${line%%:*}d" "$CLOUD/broken"
  fail "the network is down"
fi

case $command in
  "compute tpus queued-resources create")
    allow '--(zone|node-id|accelerator-type|runtime-version)=.+|--spot' "${@:5}"
    [ ! -e "$CLOUD/state" ] || fail "ALREADY_EXISTS: $5"
    each_machine all | while read -r home; do mkdir -p "$home"; done
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
    rm -rf "$CLOUD/state" "$CLOUD/coming" "$CLOUD"/machine*
    ;;
  "compute tpus tpu-vm describe")
    allow '--zone=.+|--format=value\(state\)' "${@:5}"
    cat "$CLOUD/node_state" 2>/dev/null || echo READY
    ;;
  "compute tpus tpu-vm ssh")
    allow '--zone=.+|--worker=(all|[0-9]+)|--command=.+' "${@:5}"
    on_workers "$(flag worker 0 "$@")" "$(flag command '' "$@")"
    ;;
  "compute tpus tpu-vm scp")
    allow '--zone=.+|--worker=(all|[0-9]+)|--recurse' "${@:5}"
    copy "$(flag worker 0 "$@")" "${@:5}"
    ;;
  "storage rsync --recursive gs://"*)
    [ -d "$CLOUD/gs/${4#gs://}" ] || fail "Did not find existing container at: $4"
    cp -r "$CLOUD/gs/${4#gs://}/." "$5"
    ;;
  *) fail "Invalid choice: $command" ;;
esac
