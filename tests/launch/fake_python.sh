#!/usr/bin/env bash
# A fake Python for workers: venv and pip do almost nothing, and training runs $CLOUD/trainer with
# the flags of cinegan_jax.main.
case "$*" in
  "-c "*) ;;
  "-m venv .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
  "-m pip install "*) echo "$*" >>.venv/pip ;;
  "-m cinegan_jax.main"*) exec bash "$CLOUD/trainer" "${@:3}" ;;
  *) echo "fake python: unexpected $*" >&2 && exit 1 ;;
esac
