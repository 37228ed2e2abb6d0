#!/usr/bin/env bash
# Ask for a spot TPU machine through a queued resource and wait until it is ready.
# Usage: bash launch/tpu_create.sh     (settings: launch/tpu_settings.sh)
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/tpu_settings.sh"
need TPU_NAME ZONE ACCELERATOR_TYPE RUNTIME_VERSION POLL_SECONDS

resource create "--node-id=$TPU_NAME" "--accelerator-type=$ACCELERATOR_TYPE" \
  "--runtime-version=$RUNTIME_VERSION" --spot

while true; do
  state=$(machine_state)
  say "$TPU_NAME ($ACCELERATOR_TYPE in $ZONE): $state"
  case $state in
    READY) exit 0 ;;
    FAILED | SUSPENDING | SUSPENDED | DELETING | PREEMPTED | TERMINATED | ABSENT)
      echo "error: the request gave no machine; its state is $state" >&2
      exit 1
      ;;
  esac
  sleep "$POLL_SECONDS"
done
