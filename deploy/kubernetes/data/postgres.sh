#!/usr/bin/env bash
# Once, when the database is empty: a role and a database for the service and for MLflow, each of which sees its own alone.
# The superuser has no password from here on: only who is inside of this container is let in as such.
set -eu
for name in caviar mlflow; do
  PASSWORD=$(cut -d: -f5 "/run/secrets/${name}_pgpass") psql --no-psqlrc --set ON_ERROR_STOP=1 --username postgres --dbname postgres <<SQL
\getenv password PASSWORD
CREATE ROLE $name LOGIN PASSWORD :'password';
CREATE DATABASE $name OWNER $name;
REVOKE ALL ON DATABASE $name FROM PUBLIC;
SQL
done
psql --no-psqlrc --set ON_ERROR_STOP=1 --username postgres --dbname postgres --command 'ALTER ROLE postgres PASSWORD NULL'
