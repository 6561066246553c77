#!/usr/bin/env bash
# Writes .env with generated secrets, readable by its owner alone. Refuses to overwrite one.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ -e .env ]; then echo ".env is there already; remove it to make new secrets." >&2; exit 2; fi
umask 077
for name in CAVIAR_TOKEN CAVIAR_WORKER_TOKEN POSTGRES_PASSWORD REDIS_PASSWORD; do
  printf '%s=%s\n' "$name" "$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')"
done > .env
echo "Wrote .env"
