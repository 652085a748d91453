/* SPDX-License-Identifier: Apache-2.0 */
/* From a code and a sentence to what the client is told. */
#include "proto/text.h"
#include "runtime/core/fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"

int tr_fault_vset(struct tr_fault *f, int error, const char *format, va_list args)
{
	tr_fault_clear(f);
	f->error = error;
	if (format) {
		char text[1024];

		vsnprintf(text, sizeof text, format, args);
		f->message = tr_strdup(text);
	}
	return error;
}

int tr_fault_set(struct tr_fault *f, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tr_fault_vset(f, error, format, args);
	va_end(args);
	return error;
}

void tr_fault_clear(struct tr_fault *f)
{
	free(f->user_code);
	free(f->user_group);
	free(f->message);
	tr_bytes_free(&f->metadata);
	*f = (struct tr_fault){ 0 };
}

struct tr_failure tr_fault_failure(const struct tr_fault *f, const struct tr_client_actor *actor)
{
	const struct troupe_error_info *info = troupe_error_info(f->error);

	return (struct tr_failure){
		.error    = info->error,
		.group    = tr_text_from(f->user_group ? f->user_group : info->group),
		.code     = tr_text_from(f->user_code ? f->user_code : info->code),
		.message  = tr_text_from(f->message ? f->message : info->sentence),
		.metadata = tr_bytes_value(&f->metadata),
		.status   = info->status,
		.actor    = actor,
	};
}

struct tr_frame *tr_fault_frame(const struct tr_fault *fault, enum tr_encoding e, const uint64_t *action_id,
                                const struct tr_client_actor *actor)
{
	struct tr_failure f = tr_fault_failure(fault, actor);
	struct tr_client_error err = {
		.group = f.group, .code = f.code, .message = f.message, .metadata = f.metadata,
		.has_action_id = action_id, .action_id = action_id ? *action_id : 0, .actor = actor,
	};
	struct tr_bytes out = { 0 };
	struct tr_frame *frame;

	if (tr_client_encode_error(e, &out, &err) < 0 || out.size > TR_MESSAGE_OUT_BYTES_MAX) {
		err.metadata = (struct troupe_value){ 0 }; /* the application's, and the only part that can be at fault */
		tr_bytes_clear(&out);
		tr_client_encode_error(e, &out, &err);
	}
	frame = tr_frame_new(out.data, out.size, e == TR_ENC_JSON);
	tr_bytes_free(&out);
	return frame;
}

void tr_fault_reason(const struct tr_fault *f, char into[124])
{
	const struct troupe_error_info *info = troupe_error_info(f->error);

	snprintf(into, 124, "%s.%s", f->user_group ? f->user_group : info->group, f->user_code ? f->user_code : info->code);
}
