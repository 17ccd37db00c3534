# SPDX-License-Identifier: Apache-2.0
#
# The front door. CMake does the work (CMakePresets.json); every target first sees to
# it that the Debian packages it needs are there.
#
#   make                build/c-runner, build/plugins/*.so, build/liba6runner.{a,so}
#   make test           everything that can be tested; the last line is the sum
#   make bench          measure, beside other runners; make bench-check: against the last time;
#                       make bench-nginx: nginx with its module
#   make pgo            a build in build-pgo/ that is optimised for what the benchmark does
#   make demo           a gateway to try the plugins with; ONCE=1: try them once and stop
#   make install        PREFIX=/usr/local DESTDIR=
#   make deps           install the Debian packages
#   make format, lint   put the sources in form; look for mistakes
#   make asan, tsan, coverage   the special builds, and their tests
#   make fuzz FUZZ_SECONDS=30   each fuzz target for so long
#   make soak MINUTES=10   load, faults, reloads and takeovers together; then a table
#   make clean

PREFIX ?= /usr/local
DESTDIR ?=
JOBS ?= $(shell nproc)
FUZZ_SECONDS ?= 30
MINUTES ?= 10

.PHONY: all build deps test bench bench-nginx bench-check pgo install clean format lint asan tsan dev \
	clang fuzz soak coverage demo

all: build

deps:
	@scripts/deps

build:
	@scripts/deps --quiet build
	@scripts/build release -j$(JOBS) -- -DCMAKE_INSTALL_PREFIX=$(PREFIX)

test:
	@scripts/deps --quiet
	@scripts/test

bench: build
	@scripts/deps --quiet
	@bench/run

bench-nginx: build
	@scripts/deps --quiet
	@bench/nginx.py

bench-check: build
	@scripts/deps --quiet
	@bench/check

pgo:
	@scripts/deps --quiet build
	@bench/pgo

demo: build
	@ONCE=$(ONCE) scripts/demo

install: build
	@DESTDIR=$(DESTDIR) cmake --install build

clean:
	rm -rf build build-*

format:
	@scripts/deps --quiet
	@scripts/format

lint:
	@scripts/deps --quiet
	@scripts/lint

dev clang asan tsan:
	@scripts/deps --quiet
	@scripts/build $@ -j$(JOBS)
	@scripts/ctest $@

fuzz:
	@scripts/deps --quiet
	@scripts/build fuzz -j$(JOBS) -t fuzzers
	@scripts/fuzz $(FUZZ_SECONDS)

soak: build
	@scripts/deps --quiet
	@tests/fault/soak.py $(MINUTES)

coverage:
	@scripts/deps --quiet
	@scripts/build coverage -j$(JOBS)
	@scripts/coverage
