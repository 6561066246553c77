#!/usr/bin/env bash
# A Chromium for the tests of the pages: the one that is there, the system's package, or Playwright's own build.
set -euo pipefail
for name in chromium chromium-browser google-chrome; do
  command -v "$name" >/dev/null && exit 0
done
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  echo "Installing chromium, once."
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null
else
  "$(dirname "$0")/../../.venv/bin/playwright" install chromium
fi
