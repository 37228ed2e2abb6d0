#!/usr/bin/env bash
# Train a small CineGAN on the embedded photographs and show the result.
# Usage: bash launch/demo.sh [WORKDIR]     (default: demo)
set -euo pipefail
workdir=$(realpath -m "${1:-demo}")
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
make_environment

run=(.venv/bin/python -m cinegan_jax.main --config=configs/cpu_demo.py "--workdir=$workdir")
"${run[@]}"
"${run[@]}" --mode=evaluate
echo "Before and after: $workdir/before_after.png"
