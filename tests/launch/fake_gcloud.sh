#!/usr/bin/env bash
# A stand-in for gcloud, with the commands and flags that the real one documents; it refuses others.
# It records each call in $CLOUD/calls; gs://NAME is the folder $CLOUD/gs/NAME. One machine is
# in $CLOUD:
#   state          of the queued resource; no file, no resource
#   coming         states that the next looks find, one a line, after a create
#   node_state     of the machine (default READY)
#   machine        its home folder; "ssh" runs its command there
#   preempt_with   a signal: once step 5 is whole in the bucket, the machine is taken away with it
#   broken         commands that fail, one a line, once each
#   stall          part of a path: copying such a file lasts as long as this is there; then there is
#                  "stalled" too
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

take_away() {
  local pid
  pid=$(cat "$CLOUD/machine/cinegan-run/pid")
  kill "-$1" -- "-$pid"
  while kill -0 -- "-$pid" 2>/dev/null; do sleep 0.01; done
  rm -rf "$CLOUD/machine"
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

ssh() {
  cd "$CLOUD/machine" &&
    env -i "PATH=$PATH" "HOME=$CLOUD/machine" "CLOUD=$CLOUD" RESTART_SECONDS=0 bash -c "$1"
}

place() { # the folder or file that stands for a URL
  case $1 in
    gs://*) echo "$CLOUD/gs/${1#gs://}" ;;
    *) echo "$1" ;;
  esac
}

put() { # put FILE PLACE: an object is there whole or not at all
  while [[ -e $CLOUD/stall && $1 == *"$(cat "$CLOUD/stall")"* ]]; do
    touch "$CLOUD/stalled"
    sleep 0.01
  done
  mkdir -p "$(dirname "$2")" && cp -p "$1" "$CLOUD/object.$$" && mv "$CLOUD/object.$$" "$2"
}

files_below() { # files_below FOLDER: what rsync considers; $exclude matches from a path's beginning
  (
    shopt -s globstar dotglob nullglob
    cd "$1" || exit
    for file in **; do
      [[ ! -f $file || -n $exclude && $file =~ ^($exclude) ]] || echo "$file"
    done
  )
}

rsync() { # only files, without empty folders, as in a bucket
  local argument exclude='' delete='' keep_newer='' places=() from to file
  for argument in "$@"; do
    case $argument in
      --exclude=*) exclude=${argument#*=} ;;
      --delete-unmatched-destination-objects) delete=yes ;;
      --skip-if-dest-has-newer-mtime) keep_newer=yes ;;
      --*) ;;
      *) places+=("$(place "$argument")") ;;
    esac
  done
  from=${places[0]} to=${places[1]}
  [ -d "$from" ] || fail "Did not find existing container at: $from"
  while read -r file; do
    if [[ -n $keep_newer && $to/$file -nt $from/$file ]]; then continue; fi
    if [[ -e $to/$file && ! $to/$file -nt $from/$file && ! $to/$file -ot $from/$file ]]; then
      continue
    fi
    put "$from/$file" "$to/$file" || fail "$file could not be copied"
  done < <(files_below "$from")
  [ -n "$delete" ] || return 0
  while read -r file; do
    [ -e "$from/$file" ] || rm "$to/$file"
  done < <(files_below "$to")
}

if [ "$1 $2" = "storage --no-user-output-enabled" ]; then
  set -- storage "${@:3}"
fi
command="$1 $2 ${3:-} ${4:-}"
if line=$(grep -nxFm 1 -e "$command" "$CLOUD/broken" 2>/dev/null); then
  sed -i "${line%%:*}d" "$CLOUD/broken"
  fail "the network is down"
fi

case $command in
  "compute tpus queued-resources create")
    allow '--(zone|node-id|accelerator-type|runtime-version)=.+|--spot' "${@:5}"
    [ ! -e "$CLOUD/state" ] || fail "ALREADY_EXISTS: $5"
    mkdir -p "$CLOUD/machine"
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
    rm -rf "$CLOUD/state" "$CLOUD/coming" "$CLOUD/machine"
    ;;
  "compute tpus tpu-vm describe")
    allow '--zone=.+|--format=value\(state\)' "${@:5}"
    cat "$CLOUD/node_state" 2>/dev/null || echo READY
    ;;
  "compute tpus tpu-vm ssh")
    allow '--zone=.+|--command=.+' "${@:5}"
    for flag in "$@"; do
      [[ $flag != --command=* ]] || ssh "${flag#--command=}"
    done
    ;;
  "compute tpus tpu-vm scp")
    allow '--zone=.+|--recurse' "${@:5}"
    paths=()
    for argument in "${@:5}"; do
      [[ $argument == --* ]] || paths+=("${argument/#*:/$CLOUD/machine/}")
    done
    cp -r "${paths[@]}"
    ;;
  "storage cp - gs://"*)
    bucket=${4#gs://}
    [ -d "$CLOUD/gs/${bucket%%/*}" ] || fail "$4 not found: 404."
    cat >"$CLOUD/stdin.$$"
    put "$CLOUD/stdin.$$" "$(place "$4")" || fail "$4 could not be written"
    rm "$CLOUD/stdin.$$"
    ;;
  "storage cp --recursive gs://"*)
    [ -e "$(place "$4")" ] || fail "The following URLs matched no objects or files: $4"
    cp -r "$(place "$4")" "$5"
    ;;
  "storage rsync --recursive "*)
    allow '--exclude=.+|--delete-unmatched-destination-objects|--skip-if-dest-has-newer-mtime' \
      "${@:4}"
    rsync "${@:4}"
    ;;
  *) fail "Invalid choice: $command" ;;
esac
