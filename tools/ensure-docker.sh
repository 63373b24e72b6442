#!/bin/sh
# Starts a Docker engine where none answers, and says so on stderr. For a machine that is thrown away afterwards, such
# as a runner of the continuous integration: on Debian and Ubuntu, as root, it installs what is missing. The engine
# stays when the script has ended, with no descriptor of the caller's: who waits for the end of this script's output does
# not wait for the engine.
set -eu

start_seconds=60

say() { printf 'ensure-docker: %s\n' "$*" >&2; }
fail() {
    printf 'error: %s\n' "$1" >&2
    printf 'hint: %s\n' "$2" >&2
    exit 1
}
# a client that waits for an engine that hangs would wait for ever
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
    say "an engine answers: $(said_version)"
    exit 0
fi
[ -z "${DOCKER_HOST:-}" ] || fail "no Docker engine answers at DOCKER_HOST=$DOCKER_HOST" 'start that one, or unset DOCKER_HOST'
[ "$(uname -s)" = Linux ] || fail 'no Docker engine answers' 'start Docker Desktop'
[ "$(id -u)" = 0 ] || fail 'no Docker engine answers, and only root can start one' 'sudo sh tools/ensure-docker.sh'

if ! command -v dockerd >/dev/null || ! command -v docker >/dev/null || ! command -v iptables >/dev/null; then
    command -v apt-get >/dev/null || fail 'no Docker engine is installed' 'https://docs.docker.com/engine/install'
    log=$(mktemp)
    say 'installing docker.io'
    packages='docker.io debootstrap iptables'
    {
        apt-get update -q
        # since trixie the client is a package of its own
        if ! command -v docker >/dev/null && apt-cache show docker-cli >/dev/null 2>&1; then
            packages="$packages docker-cli"
        fi
        # shellcheck disable=SC2086 # a list of names
        DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $packages
    } >"$log" 2>&1 </dev/null || {
        tail -n 30 "$log" >&2
        fail 'docker.io could not be installed; the lines above are what apt-get says' "the whole log: $log"
    }
    rm -f "$log"
fi

if [ -d /run/systemd/system ]; then
    systemctl start docker || fail 'systemd could not start the Docker engine' 'journalctl --unit docker'
    wait_for_answer "$start_seconds" || fail "no Docker engine answers after $start_seconds s" 'journalctl --unit docker'
    say "started by systemd: $(said_version)"
    exit 0
fi

# Whether the file $1 names a process that runs, and is the program $2. One that nobody has waited for does not run.
names_running() {
    [ -s "$1" ] || return 1
    process=/proc/$(cat "$1")
    [ "$(cat "$process/comm" 2>/dev/null)" = "$2" ] && ! grep '^State:.*[ZX] (' "$process/status" >/dev/null
}
# An engine that was killed leaves such files. Once another process has that number, the next one takes it for itself,
# and does not start.
forget_killed() {
    for program in dockerd:/var/run/docker.pid containerd:/var/run/docker/containerd/containerd.pid; do
        file=${program#*:}
        if [ -e "$file" ] && ! names_running "$file" "${program%%:*}"; then
            say "removing $file, which a killed engine has left"
            rm -f "$file"
        fi
    done
}
# Starts dockerd with the folders "$1" in front of PATH.
start_engine() {
    forget_killed
    log=$(mktemp -t dockerd.log.XXXXXX)
    # a session of its own: what ends the terminal or the job does not end it in the middle of a test
    PATH=$1$PATH setsid dockerd >"$log" 2>&1 </dev/null 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &
    wait_for_answer "$start_seconds" $!
}

if names_running /var/run/docker.pid dockerd; then
    say 'an engine runs, but does not answer yet'
    wait_for_answer "$start_seconds" "$(cat /var/run/docker.pid)" || fail \
        "the Docker engine that runs does not answer after $start_seconds s" \
        "end it, and run this again: kill $(cat /var/run/docker.pid)"
    say "it answers: $(said_version)"
    exit 0
fi

if ! start_engine ''; then
    # kernels without nf_tables refuse the iptables that Debian prefers
    legacy=$(command -v iptables-legacy || true)
    if [ -n "$legacy" ] && grep -i iptables "$log" >/dev/null; then
        say 'once more, with iptables-legacy'
        # dockerd needs the folder as long as it runs
        folder=$(mktemp -d)
        ln -s "$legacy" "$folder/iptables"
        ln -s "$(command -v ip6tables-legacy)" "$folder/ip6tables"
        start_engine "$folder:" || true
    fi
fi
answers || {
    tail -n 20 "$log" >&2
    fail 'the Docker engine could not be started; the lines above are the end of its log' "the whole log: $log"
}
say "started: $(said_version), its log is $log"
