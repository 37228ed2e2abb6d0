#!/usr/bin/env bash
# Run on a worker: train, and start training again where that helps.
#   75            preempted, and saved: again
#   0, 2, 130     finished, a mistake to mend, Ctrl-C: stop
#   another code  a crash, which also takes the other workers' processes down: again, but after
#                 MAX_CRASHES in a row stop. An hour of training ends the row.
# SIGTERM is passed on: training saves and leaves, and is not started again.
# The last code is also written to ~/cinegan-run/exit_code.
# Usage: bash launch/worker_train.sh --config=... --workdir=... [FLAG...]
set -uo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
RUN_FOLDER=${RUN_FOLDER:-$HOME/cinegan-run}
MAX_CRASHES=${MAX_CRASHES:-5}
RESTART_SECONDS=${RESTART_SECONDS:-30} # lets the other workers notice that this one left
ROW_ENDS_SECONDS=${ROW_ENDS_SECONDS:-3600}

mkdir -p "$RUN_FOLDER"
child=
told_to_stop=
trap 'told_to_stop=yes; signalled=yes; [ -z "$child" ] || kill -TERM "$child"' TERM

attend() { # run a command and return its exit code, however many signals cut into the wait
  local code
  "$@" &
  child=$!
  [ -z "$told_to_stop" ] || kill -TERM "$child" # told between the two lines above, or before
  while true; do
    signalled=
    wait "$child"
    code=$?
    [ -n "$signalled" ] || break
  done
  child=
  return "$code"
}

crashes=0
while true; do
  started=$SECONDS
  attend .venv/bin/python -m cinegan_jax.main "$@"
  code=$?
  echo "Training left with exit code $code after $((SECONDS - started)) s."
  case $code in
    0 | 2 | 130) break ;;
    75) ;;
    *)
      [ $((SECONDS - started)) -lt "$ROW_ENDS_SECONDS" ] || crashes=0
      crashes=$((crashes + 1))
      [ "$crashes" -lt "$MAX_CRASHES" ] || break
      ;;
  esac
  attend sleep "$RESTART_SECONDS"
  [ -z "$told_to_stop" ] || break
done
echo "$code" >"$RUN_FOLDER/exit_code"
exit "$code"
