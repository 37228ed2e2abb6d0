#!/usr/bin/env bash
# Run on a worker: train, and start training again where that helps.
#   75            preempted, and saved: again
#   0, 2, 130     finished, a mistake to mend, Ctrl-C: stop
#   another code  a crash, or a bucket that cannot be reached: again, but after MAX_CRASHES in a row
#                 stop. An hour of training ends the row.
# SIGTERM is passed on: training saves and leaves, and is not started again; the code is then 75.
# With BUCKET=gs://BUCKET/FOLDER, WORKDIR is copied from there at the start, to there every
# SYNC_SECONDS, and once more at the end. Flags such as --config.data.path=gs://... are copied here.
# The last code is also written to ~/cinegan-run/exit_code, once the last copy is made.
# Usage: bash launch/worker_train.sh --config=... [FLAG...]     (settings: below)
set -uo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
source launch/worker_mirror.sh
WORKDIR=${WORKDIR:-run} # relative to the project
BUCKET=${BUCKET:-}
SYNC_SECONDS=${SYNC_SECONDS:-300}
RUN_FOLDER=${RUN_FOLDER:-$HOME/cinegan-run}
MAX_CRASHES=${MAX_CRASHES:-5}
RESTART_SECONDS=${RESTART_SECONDS:-30}
ROW_ENDS_SECONDS=${ROW_ENDS_SECONDS:-3600}

[[ $WORKDIR == /* ]] || WORKDIR=$PWD/$WORKDIR
mkdir -p "$RUN_FOLDER"
child=
mirror=
told_to_stop=
trap 'told_to_stop=yes; signalled=yes; [ -z "$child" ] || kill -TERM "$child" 2>/dev/null' TERM

attend() { # run a command, which gets SIGTERM passed on, and return its exit code
  local code
  "$@" 8>&- & # without the mirror's input, whose end it waits for
  child=$!
  [ -z "$told_to_stop" ] || kill -TERM "$child" 2>/dev/null # told before this line
  while true; do
    signalled=
    wait "$child"
    code=$?
    # A signal cuts into the wait; bash may then wait for ever for a child that left meanwhile.
    if [ -z "$signalled" ] || ! kill -0 "$child" 2>/dev/null; then break; fi
  done
  child=
  return "$code"
}

prepare() { # brings what lies in buckets, and starts the mirror; what is done is not done again
  bring_inputs "$@" || return
  [ -z "$BUCKET" ] || [ -n "$mirror" ] || { copy_down && start_mirror; }
}

crashes=0
while true; do
  if [ -n "$told_to_stop" ]; then
    code=75
    break
  fi
  started=$SECONDS
  prepare "$@" && attend .venv/bin/python -m cinegan_jax.main "${flags[@]}" "--workdir=$WORKDIR"
  code=$?
  echo "Training left with exit code $code after $((SECONDS - started)) s."
  case $code in
    0 | 2 | 130) break ;;
    75) ;;
    *)
      [ -z "$told_to_stop" ] || continue
      [ $((SECONDS - started)) -lt "$ROW_ENDS_SECONDS" ] || crashes=0
      crashes=$((crashes + 1))
      [ "$crashes" -lt "$MAX_CRASHES" ] || break
      ;;
  esac
  attend sleep "$RESTART_SECONDS"
done

trap '' TERM # the last copy goes on as long as it may
if [ -n "$mirror" ] && ! end_mirror; then
  echo "error: the last copy to $BUCKET failed; what it lacks is in $WORKDIR" >&2
  exit 1 # and no code is written: whoever looks after this machine starts again
fi
echo "$code" >"$RUN_FOLDER/exit_code"
exit "$code"
