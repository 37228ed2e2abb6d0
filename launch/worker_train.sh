#!/usr/bin/env bash
# Run on a worker: train, and start training again where that helps.
#   75            preempted, and saved: again
#   0, 2, 3, 130  finished, a mistake to mend, stopped by an alarm, Ctrl-C: stop
#   another code  a crash: again, but after MAX_CRASHES in a row stop. An hour of training ends the
#                 row.
# All workers of a slice run the same command; where one crashes, all leave and start again together.
# SIGTERM is passed on: training saves and leaves, and is not started again; the code is then 75.
# The last code is also written to ~/cinegan-run/exit_code.
# Usage: bash launch/worker_train.sh --config=... [FLAG...]     (settings: below)
set -uo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
WORKDIR=${WORKDIR:-run} # gs://BUCKET/FOLDER, or a folder, relative to the project
RUN_FOLDER=${RUN_FOLDER:-$HOME/cinegan-run}
MAX_CRASHES=${MAX_CRASHES:-5}
RESTART_SECONDS=${RESTART_SECONDS:-30}
ROW_ENDS_SECONDS=${ROW_ENDS_SECONDS:-3600}

[[ $WORKDIR == gs://* || $WORKDIR == /* ]] || WORKDIR=$PWD/$WORKDIR
mkdir -p "$RUN_FOLDER"
child=
told_to_stop=
trap 'told_to_stop=yes; signalled=yes; [ -z "$child" ] || kill -TERM "$child" 2>/dev/null' TERM

attend() { # run a command, which gets SIGTERM passed on, and return its exit code
  local code
  "$@" &
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

crashes=0
while true; do
  if [ -n "$told_to_stop" ]; then
    code=75
    break
  fi
  started=$SECONDS
  attend .venv/bin/python -m cinegan_jax.main "$@" "--workdir=$WORKDIR"
  code=$?
  echo "Training left with exit code $code after $((SECONDS - started)) s."
  case $code in
    0 | 2 | 3 | 130) break ;;
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
echo "$code" >"$RUN_FOLDER/exit_code"
exit "$code"
