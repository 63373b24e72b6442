#!/bin/sh
# In the image under two names, `train` and `serve`, for those who start it without its entry point.
exec env --block-signal=TERM,INT python3 /opt/commands/start.py "${0##*/}" "$@"
