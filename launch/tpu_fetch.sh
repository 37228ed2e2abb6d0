#!/usr/bin/env bash
# Copy the run (checkpoints, metrics, pictures) to this computer: from BUCKET, or without one from
# the machine.
# Usage: bash launch/tpu_fetch.sh [FOLDER]     (default: the run's name under runs/)
#        (settings: launch/tpu_settings.sh)
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/tpu_settings.sh"
need TPU_NAME ZONE WORKDIR BUCKET
folder=${1:-runs/$TPU_NAME}
mkdir -p "$folder"

if [ -n "$BUCKET" ]; then
  gcloud storage rsync --recursive "$BUCKET" "$folder"
else
  [[ $WORKDIR == /* ]] || WORKDIR=cinegan/$WORKDIR
  gcloud compute tpus tpu-vm scp --recurse "$TPU_NAME:$WORKDIR" "$folder" "--zone=$ZONE"
fi
echo "The results are in $folder"
