#!/usr/bin/env bash
# Run on a worker: install the project with the TPU extra, bringing Python where it is too old.
# Usage: bash launch/worker_install.sh
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

# TPU VM images may bring only Python 3.10. uv brings a newer one into the home folder,
# without root and beside the system's own: https://docs.astral.sh/uv/reference/installer
bring_python() {
  local uv=$HOME/.local/bin/uv
  if [ ! -x "$uv" ]; then
    curl --location --silent --show-error --fail https://astral.sh/uv/install.sh |
      UV_UNMANAGED_INSTALL=$HOME/.local/bin sh >&2
  fi
  "$uv" python install --managed-python 3.11 >&2
  "$uv" python find --managed-python --no-project 3.11
}

rm -f .venv/installed
if [ ! -x .venv/bin/python ] && ! find_python >/dev/null 2>&1; then
  PYTHON=$(bring_python)
  export PYTHON # find_python tries it first
fi
make_environment tpu
touch .venv/installed # tells worker_state.sh that nothing was cut short
