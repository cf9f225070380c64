#!/usr/bin/env bash
# Trains on a Cloud TPU VM slice of any number of hosts.
#
#   TPU_NAME=my-slice ZONE=us-west4-a scripts/tpu_vm.sh setup
#   TPU_NAME=my-slice ZONE=us-west4-a scripts/tpu_vm.sh train \
#       --config=configs/300w.py --workdir=gs://bucket/300w
#
# setup  copies the last commit to every host and installs it there.
# train  runs scaf_jax.main on every host at once; what comes after it are its flags. A run that
#        was told to stop (exit code 75) is continued.
#
# The working folder is one that every host sees: a place in a bucket, or a shared disk.
# The slice exists already: gcloud compute tpus tpu-vm create. DRY_RUN=1 prints the commands.
set -euo pipefail
self="$(realpath "${BASH_SOURCE[0]}")"
cd "$(dirname "$self")/.."

: "${TPU_NAME:?the name of the slice}" "${ZONE:?the zone of the slice}"
readonly FOLDER=scaf_jax_code
readonly STOPPED=75

run() {
  if [[ "${DRY_RUN:-0}" == 1 ]]; then
    printf '%q ' "$@"
    printf '\n'
  else
    "$@"
  fi
}

on_every_host() {
  run gcloud compute tpus tpu-vm ssh "$TPU_NAME" --zone="$ZONE" --worker=all --command="$1"
}

setup() {
  local archive
  archive="$(mktemp -d)/scaf_jax.tar.gz"
  git archive --format=tar.gz --output="$archive" HEAD
  run gcloud compute tpus tpu-vm scp "$archive" "$TPU_NAME":scaf_jax.tar.gz \
    --zone="$ZONE" --worker=all
  on_every_host "mkdir -p $FOLDER && tar -xzf scaf_jax.tar.gz -C $FOLDER && cd $FOLDER \
&& python3 -m venv .venv && .venv/bin/pip install --quiet '.[tpu,gcs]'"
  rm -r "$(dirname "$archive")"
}

train() {
  local flags code
  printf -v flags '%q ' "$@"
  while true; do
    code=0
    # A slice started by hand says nothing of its hosts in the environment: JAX asks the cloud.
    on_every_host "cd $FOLDER && SCAF_JAX_DISTRIBUTED=1 .venv/bin/python -m scaf_jax.main $flags" \
      || code=$?
    ((code == STOPPED)) || return "$code"
    echo "stopped with everything saved: continuing" >&2
  done
}

case "${1:-}" in
  setup) setup ;;
  train) train "${@:2}" ;;
  *)
    sed -n '2,/^set /s/^# \{0,1\}//p' "$self" >&2
    exit 2
    ;;
esac
