#!/usr/bin/env bash
# Copy the project to ~/cinegan on all workers, and install it there with the TPU extra.
# From a checkout on this computer, one commit with its history is copied; a URL is cloned.
# Usage: bash launch/tpu_install.sh     (settings: launch/tpu_settings.sh)
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/tpu_settings.sh"
need TPU_NAME ZONE REVISION

# A bundle has exactly what is committed, so the run can record its revision.
pack_checkout() { # pack_checkout FILE
  local scratch
  [ -z "$(git -C "$REPOSITORY" status --porcelain --untracked-files=no)" ] ||
    echo "warning: uncommitted changes in $REPOSITORY are not copied" >&2
  scratch=$(mktemp -d)
  git clone --quiet --shared --no-checkout "$REPOSITORY" "$scratch"
  git -C "$scratch" update-ref --no-deref HEAD "$(git -C "$REPOSITORY" rev-parse "$REVISION^{commit}")"
  git -C "$scratch" bundle create --quiet "$1" HEAD
  rm -rf "$scratch"
}

if [ -d "$REPOSITORY" ]; then
  package=$(mktemp)
  trap 'rm -f "$package"' EXIT
  pack_checkout "$package"
  gcloud compute tpus tpu-vm scp "$package" "$TPU_NAME:cinegan.bundle" "--zone=$ZONE" \
    --worker=all
  source_and_revision='../cinegan.bundle HEAD'
else
  source_and_revision=$(printf '%q %q' "$REPOSITORY" "$REVISION")
fi

on_workers all "git init --quiet cinegan && cd cinegan && git fetch --quiet $source_and_revision \
&& git checkout --quiet --force --detach FETCH_HEAD && bash launch/worker_install.sh"
