#!/bin/sh
# Runs in the builder container: mkimage.sh and its arguments are "$@", $WORK and $OUT the folders they name.
# WORK is a volume that earlier runs have used.
set -u
if [ -e "$WORK/.unfinished" ]; then
  # Stopped half way, or failed: a package root that was being made can't be used any more ("unable to lock database").
  echo "build.sh: clearing up after a run that did not end" >&2
  rm -rf "$WORK"/apkroot-* "$WORK"/*.work
fi
: >"$WORK/.unfinished" || exit
# An image that was there before must not pass for a new one.
rm -rf "${OUT:?}"/*
date +%s >"$OUT/started" || exit
"$@"
code=$?
[ "$code" -ne 0 ] || rm -f "$WORK/.unfinished"
exit "$code"
