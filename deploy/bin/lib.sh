# shellcheck shell=bash
# What the scripts beside this one share. They are run from anywhere, and work in the checkout that they lie in.
set -euo pipefail
umask 077
from=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# shellcheck disable=SC2034  # used by those that source this
DATABASES=(caviar mlflow)
# shellcheck disable=SC2034
SERVICE=(gateway scheduler refiner mlflow)  # what uses the databases, and stops while they are changed
WAIT_S=300

say() { printf '%s\n' "$@"; }
step() { printf '\n== %s\n' "$*"; }
fail() { printf '%s\n' "$@" >&2; exit 1; }
wrong() { printf '%s\n' "$@" >&2; exit 2; }  # what was given is wrong; nothing was changed

# The text at the top of a script is its help.
help_of() { sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$1"; }

absolute() { case $1 in /*) printf '%s\n' "$1" ;; *) printf '%s\n' "$from/$1" ;; esac; }  # as whoever called means it

compose() { docker compose "$@"; }
in_postgres() { compose exec -T --env PGOPTIONS=--client-min-messages=warning postgres "$@"; }
sql() { in_postgres psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 --username postgres "$@"; }

need_docker() {
  command -v docker > /dev/null || wrong "Docker is not installed: https://docs.docker.com/engine/install/"
  docker info > /dev/null 2>&1 || wrong "Docker does not answer. Is it started, and may $(id -un) use it? Try: docker info"
  local version
  version=$(docker compose version --short 2> /dev/null) || wrong "Docker's Compose plugin is missing: 2.24 or later is needed."
  at_least "${version#v}" 2.24 || wrong "Compose $version is too old: 2.24 or later is needed."
  use_files_of_what_runs
}

# What was started with overlays (TLS, S3) is started with them again, also where .env does not name them.
use_files_of_what_runs() {
  local gateway
  [ -z "${COMPOSE_FILE:-}" ] || return 0
  ! grep -qs '^COMPOSE_FILE=' .env || return 0
  gateway=$(compose ps --all --quiet gateway 2> /dev/null | head -n 1) || return 0
  [ -n "$gateway" ] || return 0
  COMPOSE_FILE=$(docker inspect --format '{{index .Config.Labels "com.docker.compose.project.config_files"}}' "$gateway" | tr , :)
  export COMPOSE_FILE
}

at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

need_secrets() { [ -s deploy/secrets/token ] || wrong "There are no secrets here: deploy/bin/install makes them."; }

# Starts PARTS, or everything, and waits until they are healthy.
# shellcheck disable=SC2120
up() {
  come_up "$@" || fail "Not everything is healthy. \`docker compose logs PART\` says why."
}

come_up() {
  if compose up --detach --wait --wait-timeout "$WAIT_S" "$@" && all_healthy "$@"; then return 0; fi
  compose ps --all >&2
  return 1
}

# Of the PARTS among the words. Compose says that all is well also when its time was over (2.26 at least).
all_healthy() {
  local word parts=() containers container form
  form='{{if eq (index .Config.Labels "com.docker.compose.oneoff") "True"}}0{{else if .State.Health}}{{.State.Health.Status}}{{else}}{{.State.ExitCode}}{{end}}'
  for word; do case $word in -*) ;; *) parts+=("$word") ;; esac; done
  containers=$(compose ps --all --quiet "${parts[@]}")
  for container in $containers; do
    case $(docker inspect --format "$form" "$container") in healthy | 0) ;; *) return 1 ;; esac
  done
}

# Where artifacts lie: a folder of MLflow's container, or an address such as s3://bucket/path.
artifacts() { compose config --format json | sed -n 's/.*"CAVIAR_MLFLOW_ARTIFACTS": "\(.*\)".*/\1/p' | head -n 1; }

commit() { git rev-parse --short=12 HEAD 2> /dev/null || echo unknown; }
value_of() { sed -n "s/^$2=//p" "$1"; }

set_to() {  # NAME VALUE in .env
  touch .env
  { grep -v "^$1=" .env || :; } > .env.new
  printf '%s=%s\n' "$1" "$2" >> .env.new
  mv .env.new .env
}
