#!/usr/bin/env bash
# Run the tests. Usage: bash launch/test.sh [PYTEST ARGUMENTS]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
make_environment test
.venv/bin/python -m pytest --numprocesses=auto -m "not slow" "$@"
