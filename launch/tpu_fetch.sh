#!/usr/bin/env bash
# Copy the run (checkpoints, metrics, images) to this computer.
# Usage: bash launch/tpu_fetch.sh [FOLDER]     (default: the run's name under runs/)
#        (settings: launch/tpu_settings.sh)
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/tpu_settings.sh"
need TPU_NAME ZONE WORKDIR
folder=${1:-runs/$TPU_NAME}
mkdir -p "$folder"

case $WORKDIR in
  gs://*) gcloud storage rsync --recursive "$WORKDIR" "$folder" ;;
  /*) gcloud compute tpus tpu-vm scp --recurse "$TPU_NAME:$WORKDIR" "$folder" "--zone=$ZONE" ;;
  *) gcloud compute tpus tpu-vm scp --recurse "$TPU_NAME:cinegan/$WORKDIR" "$folder" "--zone=$ZONE" ;;
esac
echo "The results are in $folder"
