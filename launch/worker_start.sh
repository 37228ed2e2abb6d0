#!/usr/bin/env bash
# Run on a worker: start worker_train.sh in the background unless it is running. It holds a lock
# while it or its training runs, which worker_state.sh checks.
# Usage: bash launch/worker_start.sh --config=... [FLAG...]     (settings as for worker_train.sh)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
RUN_FOLDER=${RUN_FOLDER:-$HOME/cinegan-run}

mkdir -p "$RUN_FOLDER"
exec 9>>"$RUN_FOLDER/lock"
if ! flock --nonblock 9; then
  echo "Training is already running on $(hostname)."
  exit 0
fi
rm -f "$RUN_FOLDER/exit_code"
nohup setsid bash launch/worker_train.sh "$@" >>"$RUN_FOLDER/log" 2>&1 </dev/null &
echo $! >"$RUN_FOLDER/pid"
