#!/usr/bin/env bash
# Takes out of a virtual environment what nothing runs: a third of it. Only for images.
set -euo pipefail
cd "$1"
find lib -type d \( -name tests -o -name test \) -prune -exec rm -rf {} +
find lib -type f \( -name '*.pyi' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.h' -o -name '*.c' -o -name '*.js.map' \) -delete
# Debug symbols of extension modules; the libraries in *.libs come stripped, and patched.
find lib -type f -name '*.so' -size +100k -exec strip --strip-unneeded {} +
# Of all of AWS's services the store of artifacts needs one, and ways to log in.
for data in lib/python*/site-packages/botocore/data; do
  if [ -d "$data" ]; then
    find "$data" -mindepth 1 -maxdepth 1 -type d ! -name s3 ! -name sts ! -name 'sso*' -exec rm -rf {} +
  fi
done
