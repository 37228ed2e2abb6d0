#!/usr/bin/env bash
# Run on a worker: start worker_train.sh in the background, unless it runs already. It keeps a lock
# as long as it or its training lives; worker_state.sh looks at that.
# Usage: bash launch/worker_start.sh --config=... [FLAG...]     (settings as for worker_train.sh)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
RUN_FOLDER=${RUN_FOLDER:-$HOME/cinegan-run}

mkdir -p "$RUN_FOLDER"
exec 9>>"$RUN_FOLDER/lock"
if ! flock --nonblock 9; then
  echo "Training already runs on $(hostname)."
  exit 0
fi
rm -f "$RUN_FOLDER/exit_code"
nohup setsid bash launch/worker_train.sh "$@" >>"$RUN_FOLDER/log" 2>&1 </dev/null &
echo $! >"$RUN_FOLDER/pid"
