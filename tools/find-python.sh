#!/bin/sh
# Prints the path of a Python that can create this project's virtual environment, and its version, on two lines.
# $1, if given, is the only candidate: a name on PATH or a path.
# Every candidate is run first, since a shim on PATH (of pyenv) may refer to a version that is not installed.
set -euf

needed='Python 3.11 or newer'
probe='
import sys
print("%d.%d.%d" % sys.version_info[:3])
if sys.version_info < (3, 11):
    sys.exit(3)
try:
    import ensurepip, venv
except ImportError:
    sys.exit(4)
'
found=''       # the candidates that do not fit, one per line
no_ensurepip='' # the first that is new enough but cannot create a virtual environment

# Prints $1 and ends the script if it fits.
try_python() {
    if version=$("$1" -c "$probe" 2>/dev/null); then
        printf '%s\n%s\n' "$1" "$version"
        exit 0
    else
        status=$?
    fi
    case $status in
    3) found="$found
  $1 is Python $version" ;;
    4) found="$found
  $1 is Python $version, but has no ensurepip"
        [ -n "$no_ensurepip" ] || no_ensurepip=$version ;;
    *) found="$found
  $1 does not run" ;;
    esac
}

# Tries every file named $1 in the folders of PATH, in order.
try_name() {
    old_ifs=$IFS
    IFS=:
    for folder in $PATH; do
        IFS=$old_ifs
        if [ -f "${folder:-.}/$1" ] && [ -x "${folder:-.}/$1" ]; then
            try_python "${folder:-.}/$1"
        fi
    done
    IFS=$old_ifs
}

if [ -n "${1:-}" ]; then
    case $1 in
    */*) try_python "$1" ;;
    *) try_name "$1" ;;
    esac
    found=${found:-"
  $1 is not on PATH"}
else
    for name in python3.14 python3.13 python3.12 python3.11 python3; do
        try_name "$name"
    done
fi

if [ -n "$no_ensurepip" ]; then
    printf 'error: %s is here, but it cannot make a virtual environment. Found:%s\n' "$needed" "$found" >&2
    printf 'hint: on Debian and Ubuntu: sudo apt install python%s-venv\n' "${no_ensurepip%.*}" >&2
else
    printf 'error: %s is needed. Found:%s\n' "$needed" "${found:-" none on PATH"}" >&2
    printf 'hint: install one (python.org, apt, dnf, brew, pyenv), or name it: make PYTHON=/path/to/python3\n' >&2
fi
exit 1
