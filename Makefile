# SPDX-License-Identifier: Apache-2.0
# Troupe. `make help` lists what this file can do.

SHELL   := /bin/bash
CC      ?= cc
PREFIX  ?= /usr/local
DESTDIR ?=
VERSION := $(shell sed -n 's/^\#define TROUPE_VERSION "\(.*\)"/\1/p' runtime/troupe.h)

# Flavours: SAN=address (with undefined), SAN=thread. Each has its own folder.
SAN     ?=
ifeq ($(SAN),address)
FLAVOUR  := -asan
SANFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
else ifeq ($(SAN),thread)
FLAVOUR  := -tsan
SANFLAGS := -fsanitize=thread
else ifneq ($(SAN),)
$(error SAN=$(SAN) is unknown: address or thread would do)
endif
OUT      := build$(FLAVOUR)

PKGS     := libevent msgpack lmdb libcurl libuv libwebsockets libcrypto
WARN     := -Wall -Wextra -Werror -Wshadow=local -Wstrict-prototypes -Wpointer-arith
CFLAGS   ?= -O2 -g
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -fPIC -fvisibility=default $(WARN) $(CFLAGS) $(SANFLAGS) -I. -Iproto $(PKG_CFLAGS) -MMD -MP
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
LIBS     := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lm

Q := $(if $(V),,@)
say = @printf '  %-7s %s\n' '$(1)' '$(2)'

LIB_SRC  := $(wildcard proto/*.c runtime/base/*.c runtime/core/*.c runtime/store/*.c runtime/sandbox/*.c runtime/gate/*.c runtime/main/*.c)
LIB_OBJ  := $(LIB_SRC:%.c=$(OUT)/%.o)
ACTOR_SRC := $(wildcard actors/*.c)
ACTOR_OBJ := $(ACTOR_SRC:%.c=$(OUT)/%.o)

.DEFAULT_GOAL := all
all: $(OUT)/troupe ## builds build/troupe

$(OUT)/include/%.h: runtime/%.h
	@mkdir -p $(@D) && cp $< $@
$(OUT)/include/%.h: proto/%.h
	@mkdir -p $(@D) && cp $< $@
PUBLIC := $(OUT)/include/troupe.h $(OUT)/include/troupe_errors.h $(OUT)/include/troupe_record.h

$(OUT)/actors/%.o: actors/%.c $(PUBLIC)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c11 $(WARN) $(CFLAGS) $(SANFLAGS) -fPIC -I$(OUT)/include -MMD -MP -c -o $@ $<
$(OUT)/%.o: %.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(OUT)/libtroupe.a: $(LIB_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar qcs $@ $^
$(OUT)/troupe: $(ACTOR_OBJ) $(OUT)/libtroupe.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(SANFLAGS) -o $@ $^ $(LIBS)

# ---- unit tests: one program for each tests/unit/FOLDER/NAME_test.c
UNIT_SRC := $(wildcard tests/unit/*/*_test.c)
UNIT_BIN := $(UNIT_SRC:%.c=$(OUT)/%)
KIT_OBJ  := $(patsubst %.c,$(OUT)/%.o,$(wildcard tests/kit/*.c))
$(OUT)/tests/unit/%: tests/unit/%.c $(KIT_OBJ) $(OUT)/libtroupe.a
	$(call say,TEST,$*)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $< $(KIT_OBJ) $(OUT)/libtroupe.a $(LIBS) -lcmocka -ljansson
unit: $(UNIT_BIN) ## builds and runs the unit tests (T=mailbox: those whose name holds "mailbox")
	@for t in $(filter %$(T)%,$(UNIT_BIN)) ; do $$t || exit 1; done

-include $(LIB_OBJ:.o=.d) $(ACTOR_OBJ:.o=.d) $(UNIT_BIN:=.d)
.PHONY: all unit
