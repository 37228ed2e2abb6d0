#!/usr/bin/env bash
# Train to the end on spot machines: create a machine, install, train, and replace it when it is
# preempted. Training continues from the last checkpoint in WORKDIR, a bucket.
# Decided by the exit code of training (see launch/worker_train.sh):
#   0, 2, 3, 130 and crashes that worker_train.sh gave up on: save the last lines of the logs in
#                TPU_NAME.log, delete the machine, and exit with the same code
#   4            the last checkpoint could not be written: save the logs, keep the machine, print
#                what to do, and exit with 4
#   75           preempted, but the machine is still there: start training again
# Run it on a computer that stays on. It can be restarted at any time and continues with the
# machine it finds.
# Usage: bash launch/tpu_supervise.sh [FLAG...]     flags as for launch/tpu_train.sh
#        (settings: launch/tpu_settings.sh)
# Exit code: that of training; 1 if MAX_ATTEMPTS attempts in a row did not start it.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/tpu_settings.sh"
need TPU_NAME ZONE ACCELERATOR_TYPE RUNTIME_VERSION REVISION CONFIG WORKDIR POLL_SECONDS
check WORKDIR "$IN_A_BUCKET" \
  'gs://BUCKET/FOLDER, since a machine that is taken away takes its disk with it'
MAX_ATTEMPTS=${MAX_ATTEMPTS:-10}

# All machines of the run get the same commit, even if the branch moves meanwhile.
pin_revision() {
  local pinned
  if [ -d "$REPOSITORY" ]; then
    pinned=$(git -C "$REPOSITORY" rev-parse "$REVISION^{commit}")
  else
    pinned=$(git ls-remote "$REPOSITORY" "$REVISION" | head -n 1 | cut -f 1)
  fi
  export REVISION=${pinned:-$REVISION}
}

# Prints absent, running, stopped or an exit code, as worker_state.sh does; fails if no worker can
# be reached. Of several workers, the first of the states below decides what to do.
training_state() {
  local answer states deciding
  answer=$(on_workers all \
    'bash cinegan/launch/worker_state.sh 2>/dev/null || echo "training: absent"') || return 1
  states=$(sed -n 's/^.*training: //p' <<<"$answer")
  for deciding in 4 '2|3|130' absent 'stopped|75' running '[1-9][0-9]*' 0; do
    grep -xEm 1 "$deciding" <<<"$states" && return
  done
}

run() { bash "$PROJECT_ROOT/launch/$1" "${@:2}"; }

attempt() { # attempt COMMAND...: a step towards running training, which may fail
  attempts=$((attempts + 1))
  "$@" || say "failed: $*"
}

save_logs() { # save_logs EXIT-CODE
  say "training ended with exit code $1; its last lines are in $TPU_NAME.log"
  # shellcheck disable=SC2016  # expands on the worker
  on_workers all 'tail -n 500 cinegan-run/log | sed "s/^/$(hostname): /"' >"$TPU_NAME.log" || true
}

keep_machine() { # keep_machine FLAG...
  local flags
  flags=$(printf ' %q' "$@")
  [ $# -gt 0 ] || flags=
  save_logs 4
  cat >&2 <<END
error: the last checkpoint could not be written to $WORKDIR. $TPU_NAME is kept, and still costs.
  1. Read the reason in $TPU_NAME.log, and fix it (rights of the service account, quota, space).
  2. Continue from the newest checkpoint, with the same settings:
       bash launch/tpu_train.sh$flags && bash launch/tpu_supervise.sh$flags
     or give up what is not saved:
       bash launch/tpu_delete.sh
END
  exit 4
}

finish() { # finish EXIT-CODE
  local tries=0
  save_logs "$1"
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

supervise_training() {
  local state
  state=$(training_state) || state=unknown
  say "training on $TPU_NAME: $state"
  case $state in
    running) attempts=0 ;;
    absent) attempt install_and_train "$@" ;;
    stopped | 75) attempt run tpu_train.sh "$@" ;;
    unknown | '') attempt false ;; # gcloud has printed the reason
    4) keep_machine "$@" ;;
    *) finish "$state" ;;
  esac
}

supervise_machine() {
  local state
  state=$(machine_state)
  say "$TPU_NAME: $state"
  case $state in
    READY) supervise_training "$@" ;;
    ABSENT) attempt run tpu_create.sh ;;
    SUSPENDED | FAILED | PREEMPTED | TERMINATED | STOPPED) attempt run tpu_delete.sh ;;
    UNKNOWN) attempt false ;; # gcloud has printed the reason
  esac
}

pin_revision
attempts=0
while true; do
  supervise_machine "$@"
  [ "$attempts" -lt "$MAX_ATTEMPTS" ] || give_up
  sleep "$POLL_SECONDS"
done
