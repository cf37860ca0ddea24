# Builds, installs and tests plproxy as PostgreSQL people expect; `make help` lists the targets.
#
#   PG_CONFIG  pg_config of the PostgreSQL to build for: the first one on PATH, else the newest of Debian's
#   PG         or only its major version, looked up in pgrx-config.toml: make PG=17. Where it isn't there and the
#              distribution has no package of it, the tests have one of their own: tools/get-postgresql
#   DESTDIR    put before every path that is installed to, for packagers

ifdef PG
listed = $(or $(shell sed -n 's/^pg$(PG) *= *"\(.*\)"/\1/p' pgrx-config.toml),\
  $(error pgrx-config.toml has no line for PostgreSQL $(PG)))
PG_CONFIG ?= $(shell for file in '$(listed)' '$(CURDIR)/target/postgresql/$(PG)/bin/pg_config'; do \
  [ -x "$$file" ] && echo "$$file" && exit; done; echo '$(listed)')
endif
PG_CONFIG ?= $(shell command -v pg_config || ls -v /usr/lib/postgresql/*/bin/pg_config 2>/dev/null | tail -n 1)

# All of these are expanded when a recipe uses them, so that `setup` can install PostgreSQL first.
pg_config = $(abspath $(or $(shell command -v '$(PG_CONFIG)'),\
  $(error No pg_config$(if $(PG_CONFIG), at $(PG_CONFIG)). `make setup` installs what is missing; or name one: make PG_CONFIG=/path/to/pg_config)))
major = $(shell '$(pg_config)' --version | sed 's/^PostgreSQL \([0-9]*\).*/\1/')
bindir = $(shell '$(pg_config)' --bindir)
pkglibdir = $(DESTDIR)$(shell '$(pg_config)' --pkglibdir)
extensiondir = $(DESTDIR)$(shell '$(pg_config)' --sharedir)/extension
pg_regress = $(abspath $(dir $(shell '$(pg_config)' --pgxs))../test/regress/pg_regress)

# One build tree for each major version, and in it one profile for everything: lint, tests and library share what
# they can, and going back to another PostgreSQL rebuilds nothing.
target = target/pg$(major)$(if $(ASSERT),-assert)
# pgrx declares Rust 1.96; it builds and runs with 1.95.
older_rust = $(shell rustc --version | awk '{split($$2, v, "."); if (v[1] == 1 && v[2] < 96) print "--ignore-rust-version"}')
cargo = PGRX_PG_CONFIG_PATH='$(pg_config)' CARGO_TARGET_DIR=$(target) cargo
flags = --release --locked --no-default-features --features pg$(major) $(older_rust)

# The fault rig is a package of its own, without the library's features; so are the random tests.
fault = -p plproxy-fault --locked $(older_rust)
attack = -p plproxy-attack --locked $(older_rust)

# ASSERT=1, which goes with a PostgreSQL that has assertions, has those of Rust too; in a build tree of its own, and built fast.
ifdef ASSERT
export CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS = true
export CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS = true
export CARGO_PROFILE_RELEASE_LTO = off
export CARGO_PROFILE_RELEASE_OPT_LEVEL = 1
export CARGO_PROFILE_RELEASE_CODEGEN_UNITS = 16
endif
# A PostgreSQL of this major version with assertions, which is built the first time.
with_assertions = ASSERT=1 PG_CONFIG="$$(tools/assert-postgresql $(major))/bin/pg_config"

.PHONY: all install uninstall installcheck regress regress-assert attack attack-assert attack-check setup-assert psql docs lint pure fault fault-check soak fuzz setup test deb deb-check setup-deb dist demo demo-stop bench clean help

all:
	$(cargo) build $(flags)

# Root often has no cargo: then what was built before is installed.
install: $(if $(shell command -v cargo),all)
	install -d '$(pkglibdir)' '$(extensiondir)'
	install -m 755 $(target)/release/libplproxy.so '$(pkglibdir)/plproxy.so'
	install -m 644 plproxy.control sql/*.sql '$(extensiondir)'

uninstall:
	rm -f '$(pkglibdir)/plproxy.so' $(foreach file,plproxy.control $(notdir $(wildcard sql/*.sql)),'$(extensiondir)/$(file)')

# On the server that PGHOST and PGPORT name, with plproxy installed: as a superuser (PGUSER), who and all others get in by its
# unix socket without a password; it may be called from its own machine alone, and its databases regression and
# plproxy_shard0 to 3 are made anew. TESTS="topic topic" runs these alone; SESSION_OPTIONS are settings of the tests' sessions.
installcheck:
	@test -x '$(pg_regress)' || { echo >&2 'No pg_regress at $(pg_regress). It comes with the development files of PostgreSQL $(major).'; exit 1; }
	@mkdir -p $(target)/regress
	@$(if $(SESSION_OPTIONS),PGOPTIONS='$(SESSION_OPTIONS)') '$(pg_regress)' --bindir='$(bindir)' --inputdir=tests/pg_regress --outputdir=$(target)/regress \
	  $(or $(TESTS),--schedule=tests/pg_regress/schedule) || { cat $(target)/regress/regression.diffs 2>/dev/null; exit 1; }

# The same on a private server. Every test stands on the first one, setup.
regress: all
	@PG_CONFIG='$(pg_config)' SERVER_SETTINGS=tests/pg_regress/postgresql.conf \
	  tools/with-server test $(MAKE) --no-print-directory installcheck $(if $(TESTS),TESTS='setup $(filter-out setup,$(TESTS))')

# The same on a PostgreSQL with assertions; and those of DISCARD once more while it forgets all that it has cached whenever it
# may, as others' DDL could have it forget at any moment.
DISCARD = run_on recompile
regress-assert: setup-assert
	$(MAKE) --no-print-directory regress $(with_assertions)
	SESSION_OPTIONS='-c debug_discard_caches=1' $(MAKE) --no-print-directory regress $(with_assertions) TESTS='$(DISCARD)'

# A private server to try things on.
psql: all
	@PG_CONFIG='$(pg_config)' tools/with-server psql sh -c 'PATH=$(bindir):$$PATH && \
	  psql -X -q -d postgres -c "create extension plproxy" && exec psql -d postgres'

# DOCUMENT=word selects one by its name; UPDATE=1 writes what psql has printed into it.
docs: all
	@PG_CONFIG='$(pg_config)' UPDATE='$(UPDATE)' SERVER_SETTINGS=tests/docs/postgresql.conf \
	  tools/with-server docs tests/docs/run $(DOCUMENT)

lint:
	cargo fmt --all --check
	$(cargo) clippy $(flags) --all-targets -- -D warnings
	$(cargo) clippy $(fault) --all-targets -- -D warnings
	$(cargo) clippy $(attack) --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(cargo) doc $(flags) --no-deps --document-private-items
	RUSTDOCFLAGS='-D warnings' $(cargo) doc $(fault) --no-deps --document-private-items
	RUSTDOCFLAGS='-D warnings' $(cargo) doc $(attack) --no-deps --document-private-items
	cd fuzz && cargo fmt --check && CARGO_TARGET_DIR=../target/fuzz cargo clippy --release --locked --no-default-features -- -D warnings

pure:
	$(cargo) test $(flags) --test pure --test release --test own_sql

# TESTS="case_05 transaction" runs those whose names have one of these words in them.
fault: all
	$(cargo) test $(fault) --no-run
	PG_CONFIG='$(pg_config)' SERVER_SETTINGS=tests/fault/postgresql.conf tools/with-server fault \
	  $(MAKE) --no-print-directory fault-check

# On the private server that PGHOST and PGPORT name. The cases share its databases.
fault-check:
	$(cargo) test $(fault) -- --test-threads=1 $(TESTS)

# Random functions, values, conversations, signals and DDL. SECONDS is how long each test goes on; a failing round says how to
# repeat it: SEED, ROUND, TESTS. SHORT=1 is the form that is a part of the test run, always with the same seed.
attack: all
	$(cargo) test $(attack) --no-run
	@PG_CONFIG='$(pg_config)' SERVER_SETTINGS=tests/fault/postgresql.conf ATTACK_FULL=$(if $(SHORT),,1) \
	  ATTACK_SEED='$(or $(SEED),$(if $(SHORT),1,$(shell date +%s)))' ATTACK_SECONDS='$(SECONDS)' ATTACK_ROUND='$(ROUND)' \
	  TESTS='$(TESTS)' tools/with-server attack tests/attack/run
attack-assert: setup-assert
	$(MAKE) --no-print-directory attack $(with_assertions)

# On the private server that PGHOST and PGPORT name.
attack-check:
	$(cargo) test $(attack) --test attack -- --test-threads=1 --nocapture $(TESTS)

# SECONDS of each target, or of TARGET alone.
fuzz:
	@TARGET='$(TARGET)' SECONDS_EACH='$(SECONDS)' fuzz/run

# Fifty sessions for ten minutes, or SECONDS, with all kinds of faults: half of the time directly, half through a pooler. It
# prints what it has counted.
soak: all
	$(cargo) test $(fault) --no-run
	PG_CONFIG='$(pg_config)' SERVER_SETTINGS=tests/fault/postgresql.conf SOAK_SECONDS=$$(($(or $(SECONDS),600) / 2)) \
	  tools/with-server fault $(MAKE) --no-print-directory fault-check TESTS='case_30_soak --nocapture'

setup:
	@PG_CONFIG='$(PG_CONFIG)' tools/setup

# What building PostgreSQL takes.
setup-assert:
	@PG_CONFIG='$(PG_CONFIG)' tools/setup bison dpkg-dev flex libxml2-dev make zlib1g-dev

test: setup
	@PG_CONFIG='$(pg_config)' tools/test

# The package is for whoever has Debian's or the PostgreSQL project's packages of that version.
deb: setup-deb all
	@PG_CONFIG='$(pg_config)' tools/deb

# Installs and removes packages: THROWAWAY=yes says that the machine is made for that.
deb-check: deb
	@PG_CONFIG='$(pg_config)' THROWAWAY='$(THROWAWAY)' tools/deb-check

setup-deb:
	@PG_CONFIG='$(PG_CONFIG)' tools/setup debhelper $(if $(filter deb-check,$(MAKECMDGOALS)),lintian)

# What is committed, as PGXN wants it.
version = $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
dist:
	@mkdir -p target
	git archive --format=zip --prefix=plproxy-$(version)/ --output=target/plproxy-$(version).zip HEAD

demo: setup all
	@PG_CONFIG='$(pg_config)' KEEP='$(KEEP)' tools/with-server demo demo/run

demo-stop:
	@tools/with-server --stop demo

bench: setup all
	@PG_CONFIG='$(pg_config)' QUICK='$(QUICK)' ROWS='$(ROWS)' KEEP='$(KEEP)' bench/run

clean: demo-stop
	@tools/with-server --stop test
	@tools/with-server --stop docs
	@tools/with-server --stop psql
	@tools/with-server --stop pooler
	@tools/with-server --stop tls
	@tools/with-server --stop fault
	@tools/with-server --stop attack
	@tools/with-server --stop postmaster
	@tools/with-server --stop upgrade
	@tools/with-server --stop memory
	@tools/with-server --stop bench-ours
	@tools/with-server --stop bench-c
	rm -rf target

help:
	@echo 'make               build the library for the PostgreSQL of PG_CONFIG'
	@echo 'make install       install it there (DESTDIR is honoured); make uninstall removes it'
	@echo 'make installcheck  run the regression tests on a running server (PGHOST, PGPORT)'
	@echo 'make regress       the same on a private server, and nothing has to be installed; TESTS="topic topic" selects'
	@echo 'make psql          psql on a private server with plproxy, which is gone afterwards'
	@echo 'make docs          run the examples of README.md and docs, and compare their output; DOCUMENT=word selects one'
	@echo 'make deb           a Debian package of it, in target/deb; make deb-check THROWAWAY=yes tries it on a machine made for that'
	@echo 'make dist          an archive of what is committed, for PGXN, in target'
	@echo 'make demo          watch calls being routed to four shards; KEEP=1 leaves the demo running, make demo-stop ends it'
	@echo 'make fault         broken networks, shards and poolers; TESTS="word word" selects cases by their names'
	@echo 'make attack        random functions, values, conversations, signals, DDL; SECONDS=60 for each, TESTS="word word" selects'
	@echo 'make regress-assert, make attack-assert   the same with a PostgreSQL that has assertions, which is built first'
	@echo 'make soak          fifty sessions for ten minutes, with faults all the time; SECONDS=60 changes how long'
	@echo 'make test          lint, pure tests, build; tests of behaviour and documents on private servers'
	@echo 'make bench         compare our speed and memory with the C version; QUICK=1 takes three minutes, ROWS=pattern selects'
	@echo 'make lint          formatting, clippy, documentation'
	@echo 'make pure          the tests that need no server'
	@echo 'make fuzz          the same with inputs that look for trouble, SECONDS=60 for each kind; TARGET=name selects one'
	@echo 'make setup         install the packages that building and testing need (demo and test do it themselves)'
	@echo 'make clean         remove everything that was built'
	@echo
	@echo 'PG_CONFIG=/path/to/pg_config, or PG=17 for a version listed in pgrx-config.toml, chooses the PostgreSQL.'
