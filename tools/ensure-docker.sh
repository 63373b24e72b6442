#!/bin/sh
# Starts Docker if it does not answer, and reports that on stderr. Meant for a disposable machine, such as a CI runner: on
# Debian and Ubuntu, as root, it installs the missing packages. Docker keeps running after the script. It inherits no
# file descriptor of the caller, so a pipe from this script ends when the script does.
set -eu

start_seconds=60

say() { printf 'ensure-docker: %s\n' "$*" >&2; }
fail() {
    printf 'error: %s\n' "$1" >&2
    printf 'hint: %s\n' "$2" >&2
    exit 1
}
# without a limit, the client would wait forever for an engine that hangs
answers() { timeout 10 docker version >/dev/null 2>&1; }
# Waits $1 seconds for an answer; gives up at once when the process $2 has ended.
wait_for_answer() {
    end=$(($(date +%s) + $1))
    until answers; do
        [ "$(date +%s)" -lt "$end" ] || return 1
        [ -z "${2:-}" ] || kill -0 "$2" 2>/dev/null || return 1
        sleep 0.5
    done
}
said_version() { docker version --format '{{.Server.Version}}'; }

if answers; then
    say "Docker answers: $(said_version)"
    exit 0
fi
[ -z "${DOCKER_HOST:-}" ] || fail "Docker does not answer at DOCKER_HOST=$DOCKER_HOST" 'start it there, or unset DOCKER_HOST'
[ "$(uname -s)" = Linux ] || fail 'Docker does not answer' 'start Docker Desktop'
[ "$(id -u)" = 0 ] || fail 'Docker does not answer, and only root can start it' 'sudo sh tools/ensure-docker.sh'

if ! command -v dockerd >/dev/null || ! command -v docker >/dev/null || ! command -v iptables >/dev/null; then
    command -v apt-get >/dev/null || fail 'Docker is not installed' 'https://docs.docker.com/engine/install'
    log=$(mktemp)
    say 'installing docker.io'
    packages='docker.io debootstrap iptables'
    {
        apt-get update -q
        # since trixie the client is a separate package
        if ! command -v docker >/dev/null && apt-cache show docker-cli >/dev/null 2>&1; then
            packages="$packages docker-cli"
        fi
        # shellcheck disable=SC2086 # a list of names
        DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $packages
    } >"$log" 2>&1 </dev/null || {
        tail -n 30 "$log" >&2
        fail 'could not install docker.io; the lines above are from apt-get' "the whole log: $log"
    }
    rm -f "$log"
fi

if [ -d /run/systemd/system ]; then
    systemctl start docker || fail 'systemd could not start Docker' 'journalctl --unit docker'
    wait_for_answer "$start_seconds" || fail "Docker does not answer after $start_seconds s" 'journalctl --unit docker'
    say "started by systemd: $(said_version)"
    exit 0
fi

# Whether the process whose id is in the file $1 runs the program $2. A zombie does not run.
names_running() {
    [ -s "$1" ] || return 1
    process=/proc/$(cat "$1")
    [ "$(cat "$process/comm" 2>/dev/null)" = "$2" ] && ! grep '^State:.*[ZX] (' "$process/status" >/dev/null
}
# An engine that was killed leaves its pid files behind. If another process now has that id, the next engine believes that
# it is already running and does not start.
forget_killed() {
    for program in dockerd:/var/run/docker.pid containerd:/var/run/docker/containerd/containerd.pid; do
        file=${program#*:}
        if [ -e "$file" ] && ! names_running "$file" "${program%%:*}"; then
            say "removing $file of an engine that was killed"
            rm -f "$file"
        fi
    done
}
# Starts dockerd with the folders "$1" in front of PATH.
start_engine() {
    forget_killed
    log=$(mktemp -t dockerd.log.XXXXXX)
    # a separate session: the end of the terminal or of the job must not end Docker in the middle of a test
    PATH=$1$PATH setsid dockerd >"$log" 2>&1 </dev/null 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &
    wait_for_answer "$start_seconds" $!
}

if names_running /var/run/docker.pid dockerd; then
    say 'Docker is running but does not answer yet'
    wait_for_answer "$start_seconds" "$(cat /var/run/docker.pid)" || fail \
        "Docker is running but does not answer after $start_seconds s" \
        "end it, and run this again: kill $(cat /var/run/docker.pid)"
    say "it answers: $(said_version)"
    exit 0
fi

if ! start_engine ''; then
    # kernels without nf_tables refuse the iptables that Debian prefers
    legacy=$(command -v iptables-legacy || true)
    if [ -n "$legacy" ] && grep -i iptables "$log" >/dev/null; then
        say 'trying again with iptables-legacy'
        # dockerd needs the folder as long as it runs
        folder=$(mktemp -d)
        ln -s "$legacy" "$folder/iptables"
        ln -s "$(command -v ip6tables-legacy)" "$folder/ip6tables"
        start_engine "$folder:" || true
    fi
fi
answers || {
    tail -n 20 "$log" >&2
    fail 'could not start Docker; the lines above are the end of its log' "the whole log: $log"
}
say "started: $(said_version), its log is $log"
