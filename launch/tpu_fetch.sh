#!/usr/bin/env bash
# Copy the run's workdir (checkpoints, metrics, pictures) to this computer.
# Usage: bash launch/tpu_fetch.sh [FOLDER]     (default: the run's name under runs/)
#        (settings: launch/tpu_settings.sh)
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/tpu_settings.sh"
need TPU_NAME ZONE WORKDIR
folder=${1:-runs/$TPU_NAME}
mkdir -p "$folder"

case $WORKDIR in
  gs://*) gcloud storage rsync --recursive "$WORKDIR" "$folder" ;;
  /*) remote=$WORKDIR ;;
  *) remote=cinegan/$WORKDIR ;; # as for training, relative to the project
esac
if [ -n "${remote:-}" ]; then
  gcloud compute tpus tpu-vm scp --recurse "$TPU_NAME:$remote" "$folder" "--zone=$ZONE" --worker=0
fi
echo "The results are in $folder"
