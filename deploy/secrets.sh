#!/usr/bin/env bash
# Draws the secrets of a deployment into deploy/secrets/, a file each that its owner alone may read, and writes into .env
# whose user the containers are. What is there stays: run it again after an upgrade that needs another secret.
set -euo pipefail
umask 077
cd "$(dirname "$0")/.."
folder=deploy/secrets
mkdir -p "$folder"
chmod 700 "$folder"

draw() { head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n'; }
made=()
keep() {  # NAME TEXT: nothing is ever half written, and nothing on a command line
  [ -e "$folder/$1" ] && return
  printf '%s\n' "$2" > "$folder/.$1"
  mv "$folder/.$1" "$folder/$1"
  made+=("$1")
}

for name in token worker_token metrics_token gate_secret mlflow_secret grafana_password; do keep "$name" "$(draw)"; done
for name in caviar mlflow; do keep "${name}_pgpass" "postgres:5432:$name:$name:$(draw)"; done
keep broker_url "redis://caviar:$(draw)@redis:6379/0"

# Redis is told the digest of the service's password, and nobody else is let in. It runs as a user of its own.
password=$(sed -E 's|^redis://caviar:([^@]+)@.*|\1|' "$folder/broker_url")
digest=$(printf %s "$password" | sha256sum | cut -d' ' -f1)
printf 'user default off resetpass\nuser caviar on #%s ~* &* +@all\n' "$digest" > "$folder/redis.acl"
chmod 644 "$folder/redis.acl"

# Docker shows a secret's file to a container as it is: the containers' user has to be its owner, and must not be root.
user=$(id -u) group=$(id -g)
if [ "$user" = 0 ]; then
  user=10001 group=10001
  chown "$user:$group" "$folder"/*
fi
touch .env
set_once() { grep -q "^$1=" .env || printf '%s=%s\n' "$1" "$2" >> .env; }
set_once CAVIAR_UID "$user"
set_once CAVIAR_GID "$group"
set_once CAVIAR_WORKER_HOST "$(hostname)"

if [ "${#made[@]}" = 0 ]; then echo "Nothing was missing in $folder."; else echo "Drawn in $folder: ${made[*]}"; fi
