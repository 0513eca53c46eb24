#!/bin/sh
# mkimage.sh runs this as root (fakeroot) in an empty folder to get $1.apkovl.tar.gz. The archive was made beforehand and
# lies beside this script. mkimage.sh names its cache after this text alone: the sum below makes another overlay another text.
sum=@SHA256@
set -eu
archive=$(dirname "$0")/psyopsos.apkovl.tar.gz
found=$(sha256sum "$archive")
if [ "${found%% *}" != "$sum" ]; then
  echo "genapkovl-psyopsos.sh: $archive is not the overlay that this script was made for" >&2
  exit 1
fi
cp "$archive" "$1.apkovl.tar.gz"
