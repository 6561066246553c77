#!/bin/sh
# A worker in a container: takes the first folder of the volume that no other worker of this machine has, so that
# `--scale worker=N` works, and a container that is made anew goes on with what the one before had not shipped.
set -eu
number=1
while [ "$number" -le 256 ]; do
  folder=/var/lib/caviar/worker-$number
  mkdir -p "$folder"
  if flock --nonblock "$folder/agent.lock" true; then
    # Between this look and the worker's own lock another may come first: then this one ends and is started again.
    export CAVIAR_WORKER_DIR="$folder" CAVIAR_WORKER_HOST="${CAVIAR_WORKER_HOST:-$(hostname)}-$number"
    exec caviar worker
  fi
  number=$((number + 1))
done
echo "256 workers have all folders of this volume." >&2
exit 1
