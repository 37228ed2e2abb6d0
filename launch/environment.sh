# shellcheck shell=bash
# Sourced by the other scripts: create .venv in the project and install the project in it.
# Usage: make_environment [EXTRA]     e.g. make_environment test

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

find_python() {
  local candidate
  for candidate in "${PYTHON:-}" python3.11 python3.12 python3.13 python3; do
    # Debian and Ubuntu package ensurepip, which venv needs, separately.
    if [ -n "$candidate" ] && "$candidate" -c \
      'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  echo "error: no Python 3.11 or newer with its venv package; set PYTHON=/path/to/python" >&2
  return 1
}

make_environment() {
  local python
  if [ ! -x .venv/bin/python ]; then
    python=$(find_python) || exit 1
    "$python" -m venv .venv
    .venv/bin/python -m pip install --quiet --upgrade pip
  fi
  .venv/bin/python -m pip install --quiet --editable ".${1:+[$1]}"
}
