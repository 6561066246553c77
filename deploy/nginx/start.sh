#!/bin/sh
# Starts the gateway as whatever user the container has; the image's own start wants to write into its files.
set -eu
umask 077
mkdir -p /tmp/nginx
# nginx reads no secret from a file by itself. It stays off the command line and out of the environment.
secret=$(cat /run/secrets/gate_secret)
case $secret in
  *[!A-Za-z0-9_-]*|"") echo "deploy/secrets/gate_secret holds something else than letters and digits" >&2; exit 2 ;;
esac
printf 'map "" $gate_secret { default "%s"; }\n' "$secret" > /tmp/nginx/gate.conf
if [ -e /run/secrets/tls_certificate ]; then cp /etc/caviar/tls.conf /tmp/nginx/tls.conf; else rm -f /tmp/nginx/tls.conf; fi
exec nginx -c /etc/caviar/nginx.conf
