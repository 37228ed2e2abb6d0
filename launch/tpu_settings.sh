# shellcheck shell=bash
# Sourced by the tpu_*.sh scripts: the settings of a run on a Cloud TPU VM, their checks, and the
# gcloud commands that several scripts need. Runs in bash 3.2 (macOS) too.
# Settings are environment variables; the Google Cloud project is the one that gcloud is set to.

# Version of the TPU software for the chip: https://cloud.google.com/tpu/docs/runtimes
default_runtime() {
  case $ACCELERATOR_TYPE in
    v6e-*) echo v2-alpha-tpuv6e ;;
    v5p-*) echo v2-alpha-tpuv5 ;;
    v5litepod-*) echo v2-alpha-tpuv5-lite ;;
    *) echo tpu-ubuntu2204-base ;;
  esac
}

PROJECT_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
TPU_NAME=${TPU_NAME:-cinegan}                      # name of the machine and its queued resource
ZONE=${ZONE:-}                                     # for example us-west4-a
ACCELERATOR_TYPE=${ACCELERATOR_TYPE:-}             # for example v5litepod-8
RUNTIME_VERSION=${RUNTIME_VERSION:-$(default_runtime)}
CONFIG=${CONFIG:-}                                 # for example configs/tpu_v3_8.py
WORKDIR=${WORKDIR:-}                               # gs://BUCKET/FOLDER, or a folder on the machine
REPOSITORY=${REPOSITORY:-$PROJECT_ROOT}            # a local checkout, or a URL to clone
REVISION=${REVISION:-HEAD}                         # its commit, branch or tag
POLL_SECONDS=${POLL_SECONDS:-60}                   # between two checks of the machine

export CLOUDSDK_CORE_DISABLE_PROMPTS=1

stop() {
  echo "error: $*" >&2
  exit 2
}

check() { # check NAME PATTERN WHAT-IT-MUST-BE
  [[ ${!1} =~ ^($2)$ ]] || stop "$1 is '${!1}', but must be $3; set it with: export $1=..."
}

IN_A_BUCKET='gs://[a-z0-9][-._a-z0-9]+(/[^/[:space:]]+)+'

check_workdir() {
  if [[ $ACCELERATOR_TYPE =~ ^(v[234]-8|v5p-8|(v5litepod|v6e)-[148])?$ ]]; then
    check WORKDIR "$IN_A_BUCKET|[^:[:space:]]+" 'gs://BUCKET/FOLDER, or a folder on the machine'
  else
    check WORKDIR "$IN_A_BUCKET" \
      "gs://BUCKET/FOLDER, since the hosts of a $ACCELERATOR_TYPE share no disk"
  fi
}

find_revision() { # a URL is checked on the worker
  [ ! -d "$REPOSITORY" ] || git -C "$REPOSITORY" rev-parse --quiet --verify "$REVISION^{commit}" \
    >/dev/null || stop "REVISION is '$REVISION', but $REPOSITORY has no such commit"
}

find_config() {
  find_revision
  [ ! -d "$REPOSITORY" ] || git -C "$REPOSITORY" cat-file -e "$REVISION:$CONFIG" 2>/dev/null ||
    stop "CONFIG is '$CONFIG', but commit '$REVISION' of $REPOSITORY has only" \
      "$(git -C "$REPOSITORY" ls-tree --name-only "$REVISION" configs/ | tr '\n' ' ')"
}

need() { # need NAME...: exit with an error unless these settings are valid
  local name
  for name in "$@"; do
    case $name in
      TPU_NAME) check "$name" '[a-z]([-a-z0-9]{0,61}[a-z0-9])?' \
        'lower-case letters, digits and dashes, such as cinegan-1' ;;
      ZONE) check "$name" '[a-z]+-[a-z]+[0-9]+-[a-z]' 'a zone, such as us-west4-a' ;;
      ACCELERATOR_TYPE) check "$name" '(v[234]|v5litepod|v5p|v6e)-[1-9][0-9]*' \
        'a chip and a size, such as v3-8, v4-32, v5litepod-256 (a v5e), v5p-8 or v6e-16' ;;
      RUNTIME_VERSION) check "$name" '[a-z0-9][-.a-z0-9]*' 'such as tpu-ubuntu2204-base' ;;
      CONFIG)
        check "$name" 'configs/[^[:space:]]+[.]py' 'a file of configs/, such as configs/tpu_v3_8.py'
        find_config
        ;;
      WORKDIR) check_workdir ;;
      REVISION) find_revision ;;
      POLL_SECONDS) check "$name" '[0-9]+' 'a number of seconds' ;;
    esac
  done
  command -v gcloud >/dev/null || stop "gcloud is missing: https://cloud.google.com/sdk/docs/install"
}

say() { echo "$(date +%H:%M:%S) $*" >&2; }

resource() { # resource VERB FLAG...: run a command on the queued resource
  gcloud compute tpus queued-resources "$1" "$TPU_NAME" "--zone=$ZONE" "${@:2}"
}

on_workers() { # on_workers all|NUMBER COMMAND
  gcloud compute tpus tpu-vm ssh "$TPU_NAME" "--zone=$ZONE" "--worker=$1" "--command=$2"
}

# Prints READY, ABSENT, or the state of the queued resource or, once that is ACTIVE, of the machine;
# UNKNOWN if gcloud fails. It requests a list, since an empty list is not an error.
machine_state() {
  local state
  state=$(gcloud compute tpus queued-resources list "--zone=$ZONE" \
    "--filter=name~/queuedResources/$TPU_NAME\$" '--format=value(state.state)') || state=UNKNOWN
  if [ "$state" = ACTIVE ]; then
    state=$(gcloud compute tpus tpu-vm describe "$TPU_NAME" "--zone=$ZONE" \
      '--format=value(state)') || state=UNKNOWN
  fi
  echo "${state:-ABSENT}"
}
