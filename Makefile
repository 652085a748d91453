# SPDX-License-Identifier: Apache-2.0
# Troupe. `make help` lists what this file can do.

SHELL   := /bin/bash
PREFIX  ?= /usr/local
DESTDIR ?=
VERSION := $(shell sed -n 's/^.define TROUPE_VERSION "\(.*\)"/\1/p' runtime/troupe.h)
V       ?=

# ---- flavours: SAN=address (with undefined behaviour), SAN=thread; CC=clang. Each has its own folder
ifeq ($(origin CC),default)
CC       := gcc
endif
SAN      ?=
ifeq ($(SAN),address)
SANFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -DTR_CHECKS
else ifeq ($(SAN),thread)
SANFLAGS := -fsanitize=thread -DTR_CHECKS
else ifneq ($(SAN),)
$(error SAN=$(SAN) is unknown: address or thread would do)
endif
OUT      := build$(if $(filter-out gcc cc,$(CC)),-$(notdir $(CC)))$(if $(SAN),-$(SAN))

PKGS     := libevent msgpack lmdb libcurl libuv libwebsockets libcrypto
WARN     := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wpointer-arith
# What gcc sees of truncation changes with -O, and snprintf is used to cut. clang does not know the warning.
ONLYGCC  := $(if $(findstring gcc,$(CC)),-Wno-format-truncation)
CFLAGS   ?= -O2 -g
OURS      = -std=c11 -D_GNU_SOURCE -fPIC $(WARN) $(ONLYGCC) $(CFLAGS) $(SANFLAGS) -I. -Iproto $(shell pkg-config --cflags $(PKGS) 2>/dev/null) -MMD -MP
LIBS      = $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lm

# Those of a list whose path holds a text; all when there is none.
pick = $(if $(1),$(foreach p,$(2),$(if $(findstring $(1),$p),$p)),$(2))
Q   := $(if $(V),,@)
say  = @printf '  %-7s %s\n' '$(1)' '$(2)'

ROOMS     := base core store sandbox sandbox/wire sandbox/provider sandbox/session gate main
LIB_SRC   := $(wildcard proto/*.c $(foreach d,$(ROOMS),runtime/$(d)/*.c))
PAGE      := $(OUT)/gen/page_files
LIB_OBJ   := $(LIB_SRC:%.c=$(OUT)/%.o) $(PAGE).o
ACTOR_OBJ := $(patsubst %.c,$(OUT)/%.o,$(wildcard actors/*.c))
PUBLIC    := $(addprefix $(OUT)/include/,troupe.h troupe_errors.h troupe_record.h)

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all deps deps-test run test unit e2e test-agents scenes sim sim-mutants parity fuzz bench check cover install clean help FORCE

all: $(OUT)/troupe $(OUT)/libtroupe.so ## builds build/troupe and the libraries

# ---- the library, the actors, the program
$(OUT)/include/troupe.h: runtime/troupe.h
$(OUT)/include/troupe_errors.h: proto/troupe_errors.h
$(OUT)/include/troupe_record.h: proto/troupe_record.h
$(PUBLIC):
	@mkdir -p $(@D) && cp $< $@

# An actor in the tree sees exactly what an embedder sees: the three public headers and the C library.
$(ACTOR_OBJ): $(OUT)/%.o: %.c $(PUBLIC)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -fPIC $(WARN) $(ONLYGCC) $(CFLAGS) $(SANFLAGS) -I$(OUT)/include -MMD -MP -c -o $@ $<
$(LIB_SRC:%.c=$(OUT)/%.o): $(OUT)/%.o: %.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(OURS) -c -o $@ $<
# The page's files are linked into the program.
$(PAGE).c: FORCE
	@mkdir -p $(@D)
	$(Q)sh runtime/gate/embed.sh $@
$(PAGE).o: $(PAGE).c
	$(call say,EMBED,clients/web clients/js)
	$(Q)$(CC) $(OURS) -c -o $@ $<
$(OUT)/libtroupe.a: $(LIB_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar qcs $@ $^
$(OUT)/libtroupe.so: $(LIB_OBJ)
	$(call say,LINK,$@)
	$(Q)$(CC) -shared $(CFLAGS) $(SANFLAGS) -Wl,-soname,libtroupe.so.0 -o $@ $^ $(LIBS)
$(OUT)/troupe: $(ACTOR_OBJ) $(OUT)/libtroupe.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(SANFLAGS) -o $@ $^ $(LIBS)

# ---- what it needs from Debian and npm
deps: ## installs what building and running need and is missing
	@sh .make/deps.sh
deps-test: ## installs what the tests need as well
	@sh .make/deps.sh test

run: deps ## installs what is missing, builds, and serves on http://127.0.0.1:6420/
	@$(MAKE) --no-print-directory all
	@exec $(OUT)/troupe serve $(ARGS)

# ---- unit tests: tests/unit/FOLDER/NAME_test.c is one program
KIT_OBJ  := $(patsubst %.c,$(OUT)/%.o,$(wildcard tests/kit/*.c))
UNIT_BIN := $(patsubst %.c,$(OUT)/%,$(wildcard tests/unit/*/*_test.c))
# Whoever defines fakes of ours must come first: the archive gives only what is still missing.
$(KIT_OBJ): $(OUT)/%.o: %.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(OURS) -c -o $@ $<
$(OUT)/libkit.a: $(KIT_OBJ)
	$(Q)rm -f $@ && ar qcs $@ $^
$(UNIT_BIN): $(OUT)/%: %.c $(OUT)/libkit.a $(OUT)/libtroupe.a
	$(call say,TEST,$*)
	@mkdir -p $(@D)
	$(Q)$(CC) $(OURS) -o $@ $< $(OUT)/libkit.a $(OUT)/libtroupe.a $(LIBS) -lcmocka -ljansson
T ?=
unit: $(UNIT_BIN) ## builds and runs the unit tests (T=ledger: those whose path holds "ledger")
	@sh .make/unit.sh $(call pick,$(T),$(UNIT_BIN))

# ---- scenes: short plays against the core and the actors
$(OUT)/tests/scenes/play: tests/scenes/play.c $(OUT)/libkit.a $(OUT)/libtroupe.a $(filter-out %/main.o,$(ACTOR_OBJ))
	$(call say,TEST,$*)
	@mkdir -p $(@D)
	$(Q)$(CC) $(OURS) -o $@ $< $(filter-out %/main.o,$(ACTOR_OBJ)) $(OUT)/libkit.a $(OUT)/libtroupe.a $(LIBS) -ljansson
S ?=
scenes: $(OUT)/tests/scenes/play ## plays tests/scenes/*.scene (S=rooms: one file)
	@$< $(call pick,$(S),$(wildcard tests/scenes/*.scene))

# ---- the simulation: one seed decides all that happens. Its ids come from the seed as well
SIM_OBJ  := $(patsubst %.c,$(OUT)/%.o,$(wildcard tests/sim/*.c))
$(SIM_OBJ): $(OUT)/%.o: %.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(OURS) -c -o $@ $<
$(OUT)/sim: $(SIM_OBJ) $(OUT)/libkit.a $(OUT)/libtroupe.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(SANFLAGS) -o $@ $^ $(LIBS) $(foreach f,tr_random tr_random_id tr_random_uuid,-Wl,--wrap=$(f))
SEEDS ?= 1000
SEED  ?=
sim: $(OUT)/sim ## runs SEEDS=1000 runs of the simulation; SEED=7 repeats one, V=1 tells all of it (tests/sim/README.md)
	@SEED=$(SEED) V=$(V) $< $(SEEDS)
sim-mutants: ## puts faults into a copy of the sources, one by one; the simulation must find each (M=name: this one)
	@bash tests/sim/mutants.sh $(M)

# ---- the actors of RivetKit's driver suite, for tests/parity/run
PARITY_OBJ := $(patsubst %.c,$(OUT)/%.o,$(wildcard tests/parity/*.c))
$(PARITY_OBJ): $(OUT)/%.o: %.c $(PUBLIC)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE $(WARN) $(CFLAGS) $(SANFLAGS) -I$(OUT)/include -MMD -MP -c -o $@ $<
$(OUT)/parity: $(PARITY_OBJ) $(OUT)/libtroupe.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(SANFLAGS) -o $@ $^ $(LIBS) -ljansson
parity: $(OUT)/parity ## builds the server that RivetKit's own driver suite judges (tests/parity/README.md)

# ---- fuzzing: tests/fuzz/NAME_fuzz.c, with clang's libFuzzer
FUZZ_SRC := $(wildcard tests/fuzz/*_fuzz.c)
FUZZ_OUT := build-fuzz
FUZZ_BIN := $(FUZZ_SRC:tests/fuzz/%.c=$(FUZZ_OUT)/%)
FUZZ_LIB := $(patsubst %.c,$(FUZZ_OUT)/%.o,$(wildcard proto/*.c) runtime/base/log.c runtime/base/mem.c \
            $(wildcard runtime/gate/http_head.c runtime/gate/http_body.c runtime/gate/address.c runtime/gate/forwarded.c runtime/gate/text.c \
            runtime/sandbox/wire/sse.c runtime/sandbox/session/config.c runtime/sandbox/items.c \
            runtime/sandbox/provider/bridge_reply.c runtime/sandbox/wire/problem.c))
FUZZ_FLAGS = -std=c11 -D_GNU_SOURCE -O1 -g $(WARN) -I. -Iproto -fsanitize=address,undefined -fno-sanitize-recover=all
SECONDS_EACH ?= 10
F ?=
$(FUZZ_LIB): $(FUZZ_OUT)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)clang $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<
$(FUZZ_OUT)/libfuzzed.a: $(FUZZ_LIB)
	$(Q)rm -f $@ && ar qcs $@ $^
$(FUZZ_BIN): $(FUZZ_OUT)/%: tests/fuzz/%.c $(FUZZ_OUT)/libfuzzed.a
	$(call say,FUZZ,$*)
	@mkdir -p $(@D)
	$(Q)clang $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $< $(FUZZ_OUT)/libfuzzed.a -lmsgpackc -ljansson -lcrypto -lm
fuzz: $(FUZZ_BIN) ## builds and runs each fuzz target SECONDS_EACH=10 (F=json: one of them)
	@sh .make/fuzz.sh $(SECONDS_EACH) $(call pick,$(F),$(FUZZ_BIN))

# ---- a disk that takes its time, for whoever is started with it in LD_PRELOAD
$(OUT)/slow_disk.so: tests/slow_disk.c
	$(call say,LINK,$@)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE $(WARN) $(CFLAGS) -fPIC -shared -o $@ $<

# ---- everything
e2e: deps-test all parity $(OUT)/slow_disk.so ## real clients, a real sandbox-agent and Chromium against build/troupe (T="resume bridge": these files)
	@sh .make/e2e.sh $(OUT)/troupe $(T)
test-agents: deps-test all ## the real codex-acp and claude-agent-acp, from npm, with a model of our own (not in `make test`)
	@sh .make/agents.sh $(OUT)/troupe
test: deps-test ## everything that must pass: checks, units (plain and with sanitizers), fuzzing, end to end
	@bash .make/test.sh

check: $(LIB_OBJ) ## style, includes that point the right way, no circle that is not in a list, cppcheck
	@bash .make/check.sh $(LIB_OBJ)

# ---- measuring
bench: deps ## speed and memory as ratios against a bare epoll server in the same run (B=echo: one figure)
	@$(MAKE) --no-print-directory all $(OUT)/bench/load $(OUT)/bench/bare $(OUT)/slow_disk.so
	@sh .make/bench.sh $(OUT)
$(OUT)/bench/load: $(filter-out tests/bench/bare.c,$(wildcard tests/bench/*.c)) $(wildcard tests/bench/*.h)
$(OUT)/bench/bare: tests/bench/bare.c tests/bench/handshake.h
$(OUT)/bench/load $(OUT)/bench/bare:
	$(call say,BENCH,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE $(WARN) $(ONLYGCC) -O2 -g -I. -o $@ $(filter %.c,$^)

cover: ## coverage of the unit tests, by file
	@$(MAKE) --no-print-directory OUT=build-cover CFLAGS="-O0 -g --coverage" unit
	@sh .make/cover.sh build-cover

# ---- installing
install: all ## DESTDIR=, PREFIX=/usr/local: the program, the libraries, the headers, troupe.pc
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/pkgconfig $(DESTDIR)$(PREFIX)/include
	install -m 755 $(OUT)/troupe $(DESTDIR)$(PREFIX)/bin/troupe
	install -m 644 $(OUT)/libtroupe.a $(DESTDIR)$(PREFIX)/lib/libtroupe.a
	install -m 755 $(OUT)/libtroupe.so $(DESTDIR)$(PREFIX)/lib/libtroupe.so.0
	ln -sf libtroupe.so.0 $(DESTDIR)$(PREFIX)/lib/libtroupe.so
	install -m 644 $(PUBLIC) $(DESTDIR)$(PREFIX)/include/
	install -d $(DESTDIR)$(PREFIX)/share/troupe/demo $(DESTDIR)$(PREFIX)/share/troupe/bridge
	install -m 644 runtime/sandbox/provider/bridge/main.mjs $(DESTDIR)$(PREFIX)/share/troupe/bridge/
	install -m 644 $(wildcard clients/demo/*.mjs clients/demo/*.json) $(DESTDIR)$(PREFIX)/share/troupe/demo/
	@printf '%s\n' 'prefix=$(PREFIX)' 'libdir=$${prefix}/lib' 'includedir=$${prefix}/include' '' 'Name: troupe' \
	  'Description: a multiplayer coordinator actor runtime' 'Version: $(VERSION)' \
	  'Libs: -L$${libdir} -ltroupe' 'Libs.private: $(strip $(LIBS))' 'Cflags: -I$${includedir}' \
	  > $(DESTDIR)$(PREFIX)/lib/pkgconfig/troupe.pc
	@echo 'installed in $(DESTDIR)$(PREFIX)'

clean: ## removes what was built (data and npm packages stay)
	rm -rf build build-*

help: ## lists these targets
	@sed -n 's/^\([a-z][a-z0-9-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-18s %s\n", $$1, $$2 }'

-include $(LIB_OBJ:.o=.d) $(ACTOR_OBJ:.o=.d) $(KIT_OBJ:.o=.d) $(SIM_OBJ:.o=.d) $(PARITY_OBJ:.o=.d) $(UNIT_BIN:=.d) $(FUZZ_LIB:.o=.d)
