#!/usr/bin/env bash
# Delete the machine and its queued resource; it costs nothing afterwards.
# Usage: bash launch/tpu_delete.sh     (settings: launch/tpu_settings.sh)
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/tpu_settings.sh"
need TPU_NAME ZONE
if [ "$(machine_state)" = ABSENT ]; then
  echo "There is no $TPU_NAME in $ZONE."
else
  resource delete --force
fi
