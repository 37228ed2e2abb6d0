#!/usr/bin/env bash
# A stand-in for a worker's Python: venv and pip do next to nothing, and training is
# $CLOUD/trainer, given the flags of cinegan_jax.main.
case "$*" in
  "-c "*) ;;
  "-m venv .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
  "-m pip install "*) echo "$*" >>.venv/pip ;;
  "-m cinegan_jax.main"*) exec bash "$CLOUD/trainer" "${@:3}" ;;
  *) echo "fake python: unexpected $*" >&2 && exit 1 ;;
esac
