#!/usr/bin/env bash
# Start or continue training on all workers. It runs on when this computer disconnects.
# Usage: bash launch/tpu_train.sh [FLAG...]     e.g. --config.data.path=gs://BUCKET/shards
#        (settings: launch/tpu_settings.sh)
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/tpu_settings.sh"
need TPU_NAME ZONE ACCELERATOR_TYPE CONFIG WORKDIR

flags=$(printf ' %q' "--config=$CONFIG" "$@")
on_workers all "env $(printf '%q' "WORKDIR=$WORKDIR") bash cinegan/launch/worker_start.sh$flags"
echo "Training has started on $TPU_NAME. Follow it with: bash launch/tpu_logs.sh"
