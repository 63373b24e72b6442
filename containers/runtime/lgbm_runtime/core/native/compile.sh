#!/bin/sh
# Makes the shared library $1 of the C beside this script, at once or not at all, with the compiler that CC names.
set -eu
sources=$(dirname "$0")
partial=$1.$$
trap 'rm -f "$partial"' EXIT
# no option for this very processor: an image is built on one machine and runs on another
${CC:-cc} -std=c11 -O3 -fPIC -shared -o "$partial" "$sources"/*.c -lm
mv "$partial" "$1"
