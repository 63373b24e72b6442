#!/bin/sh
# Compile the C files next to this script into the shared library $1, atomically, with the compiler in CC.
set -eu
sources=$(dirname "$0")
partial=$1.$$
trap 'rm -f "$partial"' EXIT
# no option for this machine's processor: an image is built on one machine and runs on another
${CC:-cc} -std=c11 -O3 -fPIC -shared -o "$partial" "$sources"/*.c -lm
mv "$partial" "$1"
