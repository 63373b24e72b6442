#!/bin/sh
# The commands `train` and `serve` of the image, for a start without the entry point.
exec env --block-signal=TERM,INT python3 /opt/commands/start.py "${0##*/}" "$@"
