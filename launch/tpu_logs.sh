#!/usr/bin/env bash
# Follow the log of training. Ctrl-C stops following, not training. Of several workers, the first
# logs progress; all log warnings and errors.
# Usage: bash launch/tpu_logs.sh [WORKER]     a number (default 0) or all
#        (settings: launch/tpu_settings.sh)
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/tpu_settings.sh"
need TPU_NAME ZONE
on_workers "${1:-0}" 'tail -n 100 -F cinegan-run/log'
