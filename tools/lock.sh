#!/bin/sh
# Writes requirements.lock, then the requirements of the images, which take their versions from it. Arguments are passed
# to uv: --upgrade takes the newest versions; without it, a version changes only if a source file asks for it.
# If uv is missing, it is installed for this run only. Needs network.
set -eu

fail() {
    printf 'error: %s\n' "$1" >&2
    exit 1
}

if ! command -v uv >/dev/null; then
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    found=$(sh tools/find-python.sh)
    printf 'lock: uv is missing: installing it for this run\n' >&2
    "$(printf '%s\n' "$found" | sed -n 1p)" -m venv "$folder"
    "$folder/bin/python" -m pip --disable-pip-version-check --no-input --quiet install uv || fail 'could not install uv'
    PATH=$folder/bin:$PATH
fi

# Compiles "$1" for Python "$2" and later into "$3"; the other arguments are for uv.
compile() {
    source=$1 python=$2 target=$3
    shift 3
    uv pip compile --quiet --universal --generate-hashes --python-version "$python" \
        --custom-compile-command 'make lock' --output-file "$target" "$@" "$source"
    printf 'lock: %s\n' "$target" >&2
}

compile pyproject.toml 3.11 requirements.lock --group dev "$@"

locked='--constraints requirements.lock'
toolkit=containers/inference_toolkit
# shellcheck disable=SC2086 # an option and its value
{
    compile containers/byoc/requirements.in 3.11 containers/byoc/requirements.txt $locked "$@"
    compile $toolkit/requirements.in 3.13 $toolkit/requirements.txt $locked --no-annotate "$@"
    for part in lightgbm build; do
        compile $toolkit/requirements-$part.in 3.13 $toolkit/requirements-$part.txt \
            $locked --constraints $toolkit/requirements.txt --no-annotate "$@"
    done
}
