#!/usr/bin/env bash
# Run on a worker: install the project with the TPU extra, and a newer Python if needed.
# Usage: bash launch/worker_install.sh
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

# TPU VM images may have only Python 3.10. uv installs a newer one in the home folder, without root
# and separate from the system's: https://docs.astral.sh/uv/reference/installer
install_python() {
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
  PYTHON=$(install_python)
  export PYTHON # find_python tries it first
fi
make_environment tpu
touch .venv/installed # worker_state.sh reads it: the installation is complete
