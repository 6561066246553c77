#!/usr/bin/env bash
# Takes out of a virtual environment what nothing runs: a third of it. Only for images.
#
#   slim.sh FOLDER           for every image
#   slim.sh FOLDER service   of packages, parts too that the service does not use and that nobody adds code for
set -euo pipefail
cd "$1"
find lib -type d \( -name tests -o -name test \) -prune -exec rm -rf {} +
find lib -type f \( -name '*.pyi' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.h' -o -name '*.c' -o -name '*.a' -o -name '*.js.map' \) -delete
# Debug symbols of extension modules. The libraries in *.libs come stripped, and patched so that strip breaks them.
find lib -type f -name '*.so' ! -path '*.libs/*' -size +100k -exec strip --strip-unneeded {} +
# Of all of AWS's services the store of artifacts needs one, and ways to log in.
for data in lib/python*/site-packages/botocore/data; do
  if [ -d "$data" ]; then
    find "$data" -mindepth 1 -maxdepth 1 -type d ! -name s3 ! -name sts ! -name 'sso*' -exec rm -rf {} +
  fi
done
# Pictures need the names of glyphs, and no font's insides.
for fonts in lib/python*/site-packages/fontTools; do
  if [ -d "$fonts" ]; then find "$fonts" -mindepth 1 -maxdepth 1 -type d ! -name misc -exec rm -rf {} +; fi
done
# Formats that no picture of a round is in.
rm -f lib/python*/site-packages/PIL/_avif.*.so lib/python*/site-packages/pillow.libs/libavif*
rm -rf lib/python*/site-packages/matplotlib/mpl-data/{sample_data,fonts/afm,fonts/pdfcorefonts}

[ "${2:-}" = service ] || exit 0
cd lib/python*/site-packages
rm -rf scipy/{cluster,datasets,fftpack,io,odr,signal} sqlalchemy/testing databricks/sdk/service
rm -f numpy/_core/{_simd,_*_tests}.*.so
find boto3/data -mindepth 1 -maxdepth 1 -type d ! -name s3 -exec rm -rf {} +
# Pictures are SVG and PNG.
rm -f PIL/_{webp,imagingft,imagingcms}.*.so pillow.libs/lib{webp,sharpyuv,harfbuzz,freetype,brotli,lcms2}*
rm -f matplotlib/mpl-data/fonts/ttf/{DejaVuSerif,cm}* matplotlib/_{qhull,tri}.*.so
rm -rf matplotlib/backends/{web_backend,qt_editor,{,_}backend_{gtk,qt,tk,wx,mac,cairo,nbagg,webagg,pdf,pgf,ps}*}
