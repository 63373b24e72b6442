#!/bin/sh
# This file is installed as `train` and as `serve`, for a container that is started without the entry point.
exec env --block-signal=TERM,INT python3 /opt/commands/start.py "${0##*/}" "$@"
