# shellcheck shell=bash
# Sourced by worker_train.sh: what lies in buckets comes to this machine, where training reads and
# writes, and WORKDIR goes to its mirror BUCKET, which outlives the machine.
# Uses attend of worker_train.sh.

export CLOUDSDK_CORE_DISABLE_PROMPTS=1
gcloud_storage=(gcloud storage --no-user-output-enabled) # errors are told all the same
unfinished='.*[.]orbax-checkpoint-tmp.*'                  # these and others are Python's patterns

bring() { # bring gs://FILE-OR-FOLDER: copies it here, once; $brought is its path
  local source=${1%/} partial=$RUN_FOLDER/inputs/partial
  brought=$RUN_FOLDER/inputs/${source#gs://}
  [ ! -e "$brought" ] || return 0
  rm -rf "$partial"
  mkdir -p "$partial" "$(dirname "$brought")"
  attend "${gcloud_storage[@]}" cp --recursive "$source" "$partial/" &&
    mv "$partial/${source##*/}" "$brought"
}

bring_inputs() { # bring_inputs FLAG...: $flags are these, with each KEY=gs://... brought here
  local flag
  flags=()
  for flag in "$@"; do
    if [[ $flag == --*=gs://* ]]; then
      bring "${flag#*=}" || return
      flag=${flag%%=*}=$brought
    fi
    flags+=("$flag")
  done
}

# The bucket's run; what is newer here stays. A step without its manifest, which goes up last, was
# cut short on its way up.
copy_down() {
  local step
  mkdir -p "$WORKDIR"
  # The first copy needs a folder to copy from, and a bucket that refuses is found out before
  # anything is trained.
  date | "${gcloud_storage[@]}" cp - "$BUCKET/last_start" || return
  attend "${gcloud_storage[@]}" rsync --recursive --skip-if-dest-has-newer-mtime \
    "$BUCKET" "$WORKDIR" || return
  for step in "$WORKDIR"/checkpoints/*; do
    [[ ${step##*/} =~ ^[0-9]+$ && ! -e $step/manifest.json ]] || continue
    echo "$step is left out: its copy to $BUCKET was cut short."
    rm -r "$step"
  done
}

# The workdir as it is now, held still by hard links; then the manifests of its steps, and only then
# goes what was deleted: whenever it is cut short, the bucket holds whole steps.
copy_up() {
  local still=$WORKDIR.copying
  rm -rf "$still"
  cp -al "$WORKDIR" "$still" || return # training renamed something meanwhile
  "${gcloud_storage[@]}" rsync --recursive "--exclude=$unfinished|.*/manifest[.]json\$" \
    "$still" "$BUCKET" || return
  [ ! -d "$still/checkpoints" ] ||
    "${gcloud_storage[@]}" rsync --recursive "--exclude=$unfinished" \
      --delete-unmatched-destination-objects "$still/checkpoints" "$BUCKET/checkpoints"
}

# Copies up every SYNC_SECONDS, and once more when the other end of its input is closed, which
# worker_train.sh does, however it ends.
keep_mirrored() {
  trap '' TERM INT HUP
  while
    read -r -t "$SYNC_SECONDS"
    [ $? -gt 128 ] # time is up
  do
    copy_up || echo "warning: $WORKDIR could not be copied to $BUCKET; again in $SYNC_SECONDS s"
  done
  copy_up
}

start_mirror() {
  exec 8> >(keep_mirrored)
  mirror=$!
}

end_mirror() { # waits for the last copy; fails when that did
  exec 8>&-
  wait "$mirror"
}
