#!/usr/bin/env bash
# Trains on TPU slices of a GKE cluster, through XPK (pip install xpk).
#
#   CLUSTER=my-cluster ZONE=us-west4-a PROJECT=my-project TPU_TYPE=v5litepod-16 \
#       scripts/gke_xpk.sh my-run --config=configs/300w.py --workdir=gs://bucket/300w
#
# NUM_SLICES (default 1) slices work on one run. A pod that is told to leave saves, and ends with
# exit code 75; the workload is then started again, up to MAX_RESTARTS (default 100) times.
# The working folder is one that every pod sees: a place in a bucket, or a shared disk.
# IMAGE is a Python 3.11 image that XPK adds this folder to. DRY_RUN=1 prints the command.
set -euo pipefail
self="$(realpath "${BASH_SOURCE[0]}")"
cd "$(dirname "$self")/.."

: "${CLUSTER:?the name of the cluster}" "${ZONE:?its zone}" "${PROJECT:?its project}"
: "${TPU_TYPE:?such as v5litepod-16}"
if (($# < 2)); then
  sed -n '2,/^set /s/^# \{0,1\}//p' "$self" >&2
  exit 2
fi
name="$1"
printf -v flags '%q ' "${@:2}"

command=(
  xpk workload create
  --cluster="$CLUSTER" --zone="$ZONE" --project="$PROJECT"
  --workload="$name" --tpu-type="$TPU_TYPE" --num-slices="${NUM_SLICES:-1}"
  --base-docker-image="${IMAGE:-python:3.11}" --script-dir="$PWD"
  --max-restarts="${MAX_RESTARTS:-100}" --restart-on-exit-codes=75
  --command="pip install --quiet '.[tpu,gcs]' && exec python -m scaf_jax.main $flags"
)
if [[ "${DRY_RUN:-0}" == 1 ]]; then
  printf '%q ' "${command[@]}"
  printf '\n'
else
  "${command[@]}"
fi
