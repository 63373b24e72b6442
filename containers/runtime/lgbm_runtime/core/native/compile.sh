#!/bin/sh
# Compile the C files next to this script into the shared library $1. CC names the compiler (default cc).
set -eu
sources=$(dirname "$0")
partial=$1.$$
trap 'rm -f "$partial"' EXIT
# no -march=native: the image may run on another kind of processor than the one that builds it
${CC:-cc} -std=c11 -O3 -fPIC -shared -o "$partial" "$sources"/*.c -lm
mv "$partial" "$1"
