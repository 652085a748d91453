/* SPDX-License-Identifier: Apache-2.0 */
/* What an agent lets people choose (spec/sandbox-agent.md 3.7): its modes and its config options, as last
 * known, with their current values. The agent has the mode twice, among its modes and as an option of
 * category "mode": here both are kept in step. Packed values of the agent's own JSON; nothing in them is
 * ours but the current values. Pure. */
#ifndef TR_SANDBOX_CONFIG_H
#define TR_SANDBOX_CONFIG_H

#include "proto/value.h"

struct tr_config {
	struct tr_bytes modes;   /* { currentModeId, availableModes }; size 0: unknown */
	struct tr_bytes options; /* [ { id, category?, currentValue, options } ... ]; size 0: unknown */
};

void tr_config_fini(struct tr_config *c);

/* What the answer to session/new, load or resume says; what it does not name becomes unknown. Larger than
 * TR_CONFIG_BYTES_MAX counts as unknown, too. */
void tr_config_begin(struct tr_config *c, struct troupe_text result);
/* `configOptions` of an answer or an update, the complete list. False: there is none in it, nothing was
 * changed. */
bool tr_config_take_options(struct tr_config *c, struct troupe_text object);
/* Another mode is current, another value of an option. */
void tr_config_mode(struct tr_config *c, struct troupe_text mode);
void tr_config_option(struct tr_config *c, const char *id, struct troupe_value value);

/* The mode that is current; false: unknown. */
bool tr_config_current_mode(const struct tr_config *c, struct troupe_text *ret);
/* Is it among the modes (true, too, when they are unknown)? Appends those there are, "a, b". */
bool tr_config_has_mode(const struct tr_config *c, struct troupe_text mode, struct tr_bytes *allowed);

/* The first option whose member `by` ("id", "category") is this. */
bool tr_config_find(const struct tr_config *c, const char *by, const char *name, struct troupe_value *ret);
/* The option at an index, in the agent's order; false: there are not so many. */
bool tr_config_at(const struct tr_config *c, uint32_t index, struct troupe_value *ret);
/* Appends the values of member `by` that options have, "a, b". */
void tr_config_names(const struct tr_config *c, const char *by, struct tr_bytes *out);
/* May an option take this value? Appends what it may take, groups included. */
bool tr_option_takes(struct troupe_value option, struct troupe_value value, struct tr_bytes *allowed);

/* Appends two members of a map: modes and configOptions, null when unknown. */
void tr_config_put(const struct tr_config *c, struct tr_bytes *out);

/* Says the same of two values as === does of texts and booleans. */
bool tr_config_same(struct troupe_value a, struct troupe_value b);

#endif
