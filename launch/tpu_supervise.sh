#!/usr/bin/env bash
# Train to the end on spot machines: create one, install, train, and when it is taken away delete
# what is left and begin again; training goes on from the last checkpoint in WORKDIR, a bucket.
# When training ended, well or badly, its last lines are kept in TPU_NAME.log and the machine is
# deleted. Let it run where it is not switched off; started again, it takes up what it finds.
# Usage: bash launch/tpu_supervise.sh [FLAG...]     flags as for launch/tpu_train.sh
#        (settings: launch/tpu_settings.sh)
# Exit code: that of training; 1 when MAX_ATTEMPTS attempts in a row did not get it running.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/tpu_settings.sh"
need TPU_NAME ZONE ACCELERATOR_TYPE RUNTIME_VERSION REVISION CONFIG WORKDIR POLL_SECONDS
check WORKDIR "$IN_A_BUCKET" \
  'gs://BUCKET/FOLDER, since a machine that is taken away takes its disk with it'
MAX_ATTEMPTS=${MAX_ATTEMPTS:-10}

# All machines of the run get one commit, however the branch moves meanwhile.
pin_revision() {
  local pinned
  if [ -d "$REPOSITORY" ]; then
    pinned=$(git -C "$REPOSITORY" rev-parse "$REVISION^{commit}")
  else
    pinned=$(git ls-remote "$REPOSITORY" "$REVISION" | head -n 1 | cut -f 1)
  fi
  export REVISION=${pinned:-$REVISION}
}

# absent, running, stopped or an exit code, as worker_state.sh says; fails when it cannot be asked.
# Of several workers: the state that decides what is to be done.
training_state() {
  local answer states deciding
  answer=$(on_workers all \
    'bash cinegan/launch/worker_state.sh 2>/dev/null || echo "training: absent"') || return 1
  states=$(sed -n 's/^.*training: //p' <<<"$answer")
  for deciding in '2|3|130' absent 'stopped|75' running '[1-9][0-9]*' 0; do
    grep -xEm 1 "$deciding" <<<"$states" && return
  done
}

run() { bash "$PROJECT_ROOT/launch/$1" "${@:2}"; }

attempt() { # attempt COMMAND...: what should lead to running training, and may fail
  attempts=$((attempts + 1))
  "$@" || say "failed: $*"
}

finish() { # finish EXIT-CODE
  local tries=0
  say "training ended with exit code $1; its last lines are in $TPU_NAME.log"
  # shellcheck disable=SC2016  # the worker's own name
  on_workers all 'tail -n 500 cinegan-run/log | sed "s/^/$(hostname): /"' >"$TPU_NAME.log" || true
  until run tpu_delete.sh; do
    tries=$((tries + 1))
    [ "$tries" -lt "$MAX_ATTEMPTS" ] || give_up
    sleep "$POLL_SECONDS"
  done
  exit "$1"
}

give_up() {
  echo "error: gave up after $MAX_ATTEMPTS attempts; $TPU_NAME may still cost:" \
    "bash launch/tpu_delete.sh" >&2
  exit 1
}

install_and_train() { run tpu_install.sh && run tpu_train.sh "$@"; }

look_after_training() {
  local state
  state=$(training_state) || state=unknown
  say "training on $TPU_NAME: $state"
  case $state in
    running) attempts=0 ;;
    absent) attempt install_and_train "$@" ;;
    stopped | 75) attempt run tpu_train.sh "$@" ;;
    unknown | '') attempt false ;; # gcloud has said why
    *) finish "$state" ;;
  esac
}

look_after_machine() {
  local state
  state=$(machine_state)
  say "$TPU_NAME: $state"
  case $state in
    READY) look_after_training "$@" ;;
    ABSENT) attempt run tpu_create.sh ;;
    SUSPENDED | FAILED | PREEMPTED | TERMINATED | STOPPED) attempt run tpu_delete.sh ;;
    UNKNOWN) attempt false ;; # gcloud has said why
  esac
}

pin_revision
attempts=0
while true; do
  look_after_machine "$@"
  [ "$attempts" -lt "$MAX_ATTEMPTS" ] || give_up
  sleep "$POLL_SECONDS"
done
