#!/usr/bin/env bash
# Let training save and stop. The machine is kept, and costs, until it is deleted.
# Usage: bash launch/tpu_stop.sh     (settings: launch/tpu_settings.sh)
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/tpu_settings.sh"
need TPU_NAME ZONE
# shellcheck disable=SC2016  # expands on the worker
on_workers all 'state=$(bash cinegan/launch/worker_state.sh); echo "$state"
[ "$state" != "training: running" ] || kill -TERM "$(cat cinegan-run/pid)"'
