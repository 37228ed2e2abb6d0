#!/usr/bin/env bash
# Run on a worker: train, and restart training if its exit code says that this can help.
#   0        finished                                          stop
#   2        user error: wrong flag, config, path or rights    stop
#   3        stopped by a health alarm                         stop
#   4        the last checkpoint could not be written          stop
#   126, 127 Python or the project is not installed            stop
#   130      Ctrl-C                                            stop
#   75       preempted; the state is saved                     restart
#   others   crash, such as 1 (Python exception), 134 (aborted because another worker failed) and
#            137 (killed, such as out of memory)               restart, at most MAX_CRASHES in a row
# An attempt of ROW_ENDS_SECONDS or longer ends a row of crashes.
# All workers of a slice run the same command. If one crashes, all exit and restart together.
# SIGTERM is passed on: training saves and exits, and is not restarted; the exit code is then 75,
# or 4 if it could not save. The last exit code is also written to ~/cinegan-run/exit_code.
# Usage: bash launch/worker_train.sh --config=... [FLAG...]     (settings: below)
set -uo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
WORKDIR=${WORKDIR:-run} # gs://BUCKET/FOLDER, or a folder relative to the project
RUN_FOLDER=${RUN_FOLDER:-$HOME/cinegan-run}
MAX_CRASHES=${MAX_CRASHES:-5}
RESTART_SECONDS=${RESTART_SECONDS:-30}
ROW_ENDS_SECONDS=${ROW_ENDS_SECONDS:-3600}

[[ $WORKDIR == gs://* || $WORKDIR == /* ]] || WORKDIR=$PWD/$WORKDIR
mkdir -p "$RUN_FOLDER"
child=
stop_requested=
trap 'stop_requested=yes; signalled=yes; [ -z "$child" ] || kill -TERM "$child" 2>/dev/null' TERM

run_child() { # run_child COMMAND...: pass SIGTERM on to it, and return its exit code
  local code
  "$@" &
  child=$!
  [ -z "$stop_requested" ] || kill -TERM "$child" 2>/dev/null # requested before this line
  while true; do
    signalled=
    wait "$child"
    code=$?
    # A signal interrupts the wait. Waiting again for a child that has exited could block for ever.
    if [ -z "$signalled" ] || ! kill -0 "$child" 2>/dev/null; then break; fi
  done
  child=
  return "$code"
}

crashes=0
while true; do
  if [ -n "$stop_requested" ]; then
    code=75
    break
  fi
  started=$SECONDS
  run_child .venv/bin/python -m cinegan_jax.main "$@" "--workdir=$WORKDIR"
  code=$?
  echo "Training exited with code $code after $((SECONDS - started)) s."
  case $code in
    0 | 2 | 3 | 126 | 127 | 130) break ;;
    4)
      echo "The last checkpoint could not be written. The error above says what to do." >&2
      break
      ;;
    75) ;;
    *)
      [ -z "$stop_requested" ] || continue
      [ $((SECONDS - started)) -lt "$ROW_ENDS_SECONDS" ] || crashes=0
      crashes=$((crashes + 1))
      [ "$crashes" -lt "$MAX_CRASHES" ] || break
      ;;
  esac
  run_child sleep "$RESTART_SECONDS"
done
echo "$code" >"$RUN_FOLDER/exit_code"
exit "$code"
