#!/bin/sh
# Creates .venv in the current folder from requirements.lock and installs the project in it; reports on stderr.
# Finished steps are skipped, so a second run needs no network and almost no time. $1: see find-python.sh.
set -eu

venv=.venv
python=$venv/bin/python
pip_log=$venv/pip.log
# a stamp is written when its step is complete; the step runs again when the stamp no longer matches
python_stamp=$venv/python.stamp
packages_stamp=$venv/packages.stamp
project_stamp=$venv/project.stamp
lightgbm_stamp=$venv/lightgbm.stamp

say() { printf 'set-up: %s\n' "$*" >&2; }

# includes the folder, since a virtual environment cannot be moved
packages_now="$(cksum <requirements.lock) $(pwd -P)"
project_now=$(cksum <pyproject.toml)

# Runs pip with the given arguments; its output is shown only if it fails.
run_pip() {
    "$python" -m pip --disable-pip-version-check --no-input --quiet install "$@" >"$pip_log" 2>&1 && return
    cat "$pip_log" >&2
    if grep -q 'connection broken by' "$pip_log"; then
        printf 'error: no connection to the package index: the first set-up downloads the packages\n' >&2
        printf 'hint: connect to a network and run make again; later runs need no network\n' >&2
    else
        printf 'error: could not install the packages; the lines above are from pip\n' >&2
    fi
    exit 1
}

has_packages() {
    [ "$(cat "$packages_stamp" 2>/dev/null)" = "$packages_now" ] || return 1
    # the caller may ask for another Python
    [ -z "${1:-}" ] || [ "$(cat "$python_stamp" 2>/dev/null)" = "$1" ] || return 1
    # the Python that created it may be gone or have another version now
    "$python" -c 'import hatchling' 2>/dev/null
}

if ! has_packages "${1:-}"; then
    found=$(sh tools/find-python.sh "${1:-}")
    base_python=$(printf '%s\n' "$found" | sed -n 1p)
    say "$base_python (Python $(printf '%s\n' "$found" | sed -n 2p)) creates $venv"
    rm -f "$packages_stamp" # first: the rest may be interrupted
    rm -rf "$venv"
    "$base_python" -m venv "$venv"
    say "installing $(grep -c '==' requirements.lock) packages from requirements.lock: 800 MB on disk, one to five minutes"
    run_pip --require-hashes --requirement requirements.lock
    printf '%s\n' "${1:-}" >"$python_stamp"
    printf '%s\n' "$packages_now" >"$packages_stamp"
fi

if [ "$(cat "$project_stamp" 2>/dev/null)" != "$project_now" ]; then
    run_pip --no-deps --no-build-isolation --no-index --editable .
    # pip compiles packages too; without this, every command compiles again if Python may not write bytecode
    "$python" -m compileall -q lgbm_sm containers/runtime/lgbm_runtime
    printf '%s\n' "$project_now" >"$project_stamp"
    say "$venv is ready"
fi

if [ ! -f "$lightgbm_stamp" ]; then
    PYTHONPATH=containers/runtime "$python" tools/check_lightgbm.py
    : >"$lightgbm_stamp"
fi
