#!/bin/sh
# Makes the base image debian:SUITE-slim with debootstrap, for machines that cannot pull it; reports on stderr.
# $1: the suite (default: trixie). Does nothing if Docker has an image of that name.
# Certificates that the administrator added to this machine are copied, so that the image trusts the same networks.
# Needs root, debootstrap and Docker; LGBM_SM_DEBIAN_MIRROR replaces the default mirror.
set -eu

suite=${1:-trixie}
image=debian:$suite-slim
mirror=${LGBM_SM_DEBIAN_MIRROR:-}

say() { printf 'make-base-image: %s\n' "$*" >&2; }
fail() {
    printf 'error: %s\n' "$1" >&2
    printf 'hint: %s\n' "$2" >&2
    exit 1
}

docker version >/dev/null 2>&1 || fail 'Docker does not answer' 'start it: sudo sh tools/ensure-docker.sh'
if docker image inspect "$image" >/dev/null 2>&1; then
    say "$image exists"
    exit 0
fi
[ "$(id -u)" = 0 ] || fail "$image can only be made by root" "docker pull $image, or: sudo sh tools/make-base-image.sh"
command -v debootstrap >/dev/null || fail 'debootstrap is needed' 'sudo apt install debootstrap'

folder=$(mktemp -d)
root=$folder/root
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
chmod 755 "$folder"

say "making $image: about a minute"
if ! debootstrap --variant=minbase --include=ca-certificates "$suite" "$root" ${mirror:+"$mirror"} >"$folder/log" 2>&1; then
    tail -n 20 "$folder/log" >&2
    fail "debootstrap could not make $suite; its output is above" "check that the Debian mirror is reachable, or set LGBM_SM_DEBIAN_MIRROR"
fi

if ls /usr/local/share/ca-certificates/*.crt >/dev/null 2>&1; then
    cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/"
    chroot "$root" update-ca-certificates >"$folder/log" 2>&1 || {
        cat "$folder/log" >&2
        fail 'could not add the certificates; the output of update-ca-certificates is above' \
            'check that the files in /usr/local/share/ca-certificates are PEM certificates'
    }
fi

# remove what the slim images on Docker Hub leave out too, and the name of this machine
cat >"$root/etc/dpkg/dpkg.cfg.d/slim" <<'SLIM'
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/info/*
path-exclude /usr/share/locale/*
path-exclude /usr/share/man/*
SLIM
printf 'Acquire::Languages "none";\n' >"$root/etc/apt/apt.conf.d/no-languages"
find "$root/usr/share/doc" ! -type d ! -name copyright -delete
rm -rf "$root"/usr/share/info/* "$root"/usr/share/locale/* "$root"/usr/share/man/* \
    "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/*.log \
    "$root/etc/resolv.conf" "$root/etc/hostname"

tar --create --file "$folder/root.tar" --numeric-owner --exclude=./dev --exclude=./proc --exclude=./sys \
    --directory "$root" .
docker import --change 'CMD ["bash"]' "$folder/root.tar" "$image" >/dev/null
say "made $image: $(($(docker image inspect --format '{{.Size}}' "$image") / 1000000)) MB"
