# The two commands are `make run` and `make test`; everything else serves them.
# What each does stands in scripts/, one file per target.

SHELL := /bin/bash
PREFIX ?= /usr/local
DESTDIR ?=
ARGS ?=

.PHONY: run build test check-long bench sim chaos install clean setup

run: build
	@scripts/run.sh $(ARGS)

setup:
	@scripts/setup.sh

build: setup
	@scripts/build.sh

# The units are checked with systemd's own tool; the process tests make networks of their own, and use
# clients of WebDAV that others wrote.
test_tools := systemd-analyze=systemd ip=iproute2 nft=nftables litmus=litmus cadaver=cadaver rclone=rclone \
	mount.davfs=davfs2

test:
	@scripts/setup.sh $(test_tools)
	@scripts/test.sh

check-long:
	@scripts/setup.sh $(test_tools)
	@scripts/test.sh --long

bench: build
	@scripts/bench.sh $(ARGS)

# The simulator alone: it builds in a minute, without the network and the database.
sim: setup
	@scripts/sim.sh $(ARGS)

# Real nodes, faults and a check of what clients were told; wants root for its networks.
chaos: build
	@scripts/setup.sh ip=iproute2 nft=nftables
	@scripts/chaos.sh $(ARGS)

install: build
	@scripts/install.sh "$(DESTDIR)$(PREFIX)" "$(PREFIX)"

clean:
	rm -rf .build .build-release .build-fuzz build
