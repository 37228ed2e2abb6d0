#!/usr/bin/env bash
# Run on a worker: print one line, "training: " followed by
#   absent (not installed) | running | stopped (killed or never started) | its exit code
# Usage: bash launch/worker_state.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
RUN_FOLDER=${RUN_FOLDER:-$HOME/cinegan-run}

mkdir -p "$RUN_FOLDER"
if [ ! -e .venv/installed ]; then
  state=absent
elif ! flock --nonblock "$RUN_FOLDER/lock" true; then
  state=running
elif [ -s "$RUN_FOLDER/exit_code" ]; then
  state=$(cat "$RUN_FOLDER/exit_code")
else
  state=stopped
fi
echo "training: $state"
