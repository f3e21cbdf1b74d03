#!/bin/bash
# Installs what the build and the tests need and this machine lacks: by apt when root (or sudo) is at
# hand, else by saying exactly what to install. Quick and quiet when nothing is missing.
set -euo pipefail

say() { printf 'setup: %s\n' "$*" >&2; }

if ! command -v swift >/dev/null; then
    say "the Swift toolchain (6.2 or newer) is not in PATH: https://www.swift.org/install/linux/"
    exit 1
fi
if ! swift --version >/dev/null 2>&1; then
    swift --version >&2 || true
    say "the Swift toolchain does not run: it needs the libraries of https://www.swift.org/install/linux/"
    exit 1
fi

missing=()
need_command() { command -v "$1" >/dev/null || missing+=("$2"); }
need_header() {
    local place
    for place in /usr/include /usr/local/include /usr/include/*-linux-gnu; do
        [ -e "$place/$1" ] && return 0
    done
    missing+=("$2")
}

need_command git git
need_command pkg-config pkg-config
# python3-minimal has the command and lacks most of its library.
python3 -c 'import unittest, http.client' 2>/dev/null || missing+=(python3)
need_command curl curl
need_command cc gcc
need_command c++ g++
need_command ld binutils
[ -e /etc/ssl/certs/ca-certificates.crt ] || missing+=(ca-certificates)
need_header stdio.h libc6-dev
need_header uv.h libuv1-dev
need_header sqlite3.h libsqlite3-dev
need_header lmdb.h liblmdb-dev
# Further Debian packages that one target alone needs (the benchmark names its peers here).
for pair in "$@"; do need_command "${pair%%=*}" "${pair#*=}"; done

[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
    say "please install (Debian names): ${missing[*]}"
    exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
        as_root=(sudo)
    else
        say "please install what is missing:  sudo apt-get install ${missing[*]}"
        exit 1
    fi
fi

say "installing ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install_missing() {
    # Services that a package brings are not to be started here: tests run their own, on own ports.
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
        apt-get install -y --no-install-recommends "${missing[@]}" </dev/null
}
update_lists() { "${as_root[@]}" apt-get update </dev/null; }
# A fresh machine may never have fetched the package lists; only then they are fetched.
if ! install_missing >"$log" 2>&1; then
    if ! { update_lists && install_missing; } >"$log" 2>&1; then
        cat "$log" >&2
        say "apt could not install: ${missing[*]}"
        exit 1
    fi
fi
