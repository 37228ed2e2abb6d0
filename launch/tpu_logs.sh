#!/usr/bin/env bash
# Follow what training prints. Ctrl-C ends the following, not the training.
# Usage: bash launch/tpu_logs.sh     (settings: launch/tpu_settings.sh)
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/tpu_settings.sh"
need TPU_NAME ZONE
on_worker 'tail -n 100 -F cinegan-run/log'
