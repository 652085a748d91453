/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that can go wrong, as one list: the C code, its number, the HTTP status, and what a client sees:
 * group, code and sentence (spec/rivetkit-client.md 8).
 *
 * Codes are negative and passed up unchanged. The sentence is the default; whoever fails may give a better one.
 * Mind spec 8.3: the official client repeats a request by itself for some pairs (actor.not_found,
 * actor.restarting, guard.*): those marked "repeats" are only for requests that had no effect.
 * After a connection was refused it comes back by itself only for those marked "returns" (spec 9.2); so a connection that cannot be
 * had for want of disk or memory (ESTORE, EFULL, ENOMEM) is refused with ERESTARTING. */
#ifndef TROUPE_ERRORS_H
#define TROUPE_ERRORS_H

#define TROUPE_ERROR_MAP(X) \
	/* the caller's doing */ \
	X(EINVAL,        -1, 400, "request",  "invalid",              "The request is not valid.") \
	X(EBADVALUE,     -2, 400, "request",  "malformed",            "The bytes are not what they claim to be.") \
	X(EUSER,         -3, 500, "user",     "error",                "The action failed.") \
	X(EFORBIDDEN,    -4, 403, "auth",     "forbidden",            "This is not allowed.") \
	X(ENOTFOUND,     -5, 404, "actor",    "not_found",            "The actor does not exist.") /* repeats, returns */ \
	X(EKIND,         -6, 404, "actor",    "not_registered",       "No kind of actor has this name.") \
	X(EACTION,       -7, 404, "actor",    "action_not_found",     "The actor has no such action.") \
	X(EMESSAGE,      -8, 400, "actor",    "invalid_request",      "The message cannot be decoded.") \
	X(EENCODING,     -9, 400, "actor",    "unsupported_websocket_encoding", "The encoding is not one of json, cbor, bare.") \
	X(EDUPLICATE,   -10, 400, "actor",    "duplicate_key",        "An actor with this key exists already.") \
	X(EKEY,         -11, 400, "actor",    "key_too_large",        "The key is too large.") \
	X(EBIGIN,       -12, 400, "message",  "incoming_too_long",    "The message is larger than the server takes.") \
	X(EBIGOUT,      -13, 400, "message",  "outgoing_too_long",    "The answer is larger than the server sends.") \
	X(EPARAMS,      -14, 400, "request",  "connection_params_too_large", "The connection parameters are too large.") \
	X(EROUTE,       -15, 404, "request",  "route_not_found",      "There is nothing at this address.") \
	X(EMETHOD,      -16, 405, "actor",    "method_not_allowed",   "This method is not allowed here.") \
	X(EQUERY,       -17, 400, "guard",    "query_invalid_params", "The gateway query is not valid.") \
	X(EDUPPARAM,    -18, 400, "guard",    "query_duplicate_param", "A gateway parameter is given twice.") \
	X(EGETPARAM,    -19, 400, "guard",    "query_get_disallowed_params", "A parameter does not go with rvt-method=get.") \
	X(ENOPOOL,      -20, 400, "guard",    "query_missing_pool",   "rvt-runner or rvt-pool is missing.") \
	X(EBASE64,      -21, 400, "guard",    "query_invalid_base64_input", "rvt-input is not base64url.") \
	X(EINPUT,       -22, 400, "guard",    "query_invalid_cbor_input", "rvt-input is not valid CBOR.") \
	X(EATTOKEN,     -23, 400, "guard",    "query_path_token_syntax", "A token in the path goes with an actor id only.") \
	X(EHEADER,      -24, 400, "guard",    "missing_header",       "The header x-rivet-actor is missing.") \
	X(EARGS,        -25, 400, "actor",    "validation_error",     "The arguments are not what the action takes.") \
	X(ENAMESPACE,   -26, 400, "namespace", "not_found",           "There is no such namespace: 1 to 128 of [A-Za-z0-9._-].") \
	X(EBIGSTATE,    -27, 400, "actor",    "state_too_large",      "The value is larger than an actor keeps.") \
	X(EGONE,        -29, 400, "request",  "gone",                 "The client has gone.") /* no client hears it */ \
	/* ours, or the load's */ \
	X(EINTERNAL,    -40, 500, "rivetkit", "internal_error",       "An internal error occurred") \
	X(EOVERLOADED,  -41, 503, "actor",    "overloaded",           "The actor has too much to do. Try again later.") \
	X(ETIMEDOUT,    -42, 408, "actor",    "action_timed_out",     "Action timed out") \
	X(ERESTARTING,  -43, 503, "actor",    "restarting",           "The actor is restarting. Try again in a moment.") \
	/* (ERESTARTING repeats and returns) */ \
	X(EDRAINING,    -44, 503, "ws",       "going_away",           "The server is restarting.") /* returns */ \
	X(ESTORE,       -45, 500, "storage",  "failed",               "The server could not store this. Nothing was changed.") \
	X(EFULL,        -46, 507, "storage",  "full",                 "The server's disk is full. Nothing was changed.") \
	X(EBACKLOG,     -47, 503, "message",  "backlog_full",         "The connection reads too slowly.") \
	X(ENOMEM,       -48, 503, "actor",    "out_of_memory",        "The server is out of memory.") \
	/* the agent's and its sandbox's */ \
	X(ESANDBOX,     -60, 503, "sandbox",  "unreachable",          "The sandbox does not answer.") \
	X(ETOKEN,       -61, 502, "sandbox",  "token_invalid",        "The sandbox refuses the server's token.") \
	X(ENOAGENT,     -62, 502, "agent",    "not_available",        "The sandbox cannot start this agent.") \
	X(EAGENT,       -63, 502, "agent",    "failed",               "The agent answered with an error.") \
	X(EEXITED,      -64, 502, "agent",    "exited",               "The agent's process ended.") \
	X(ELOST,        -65, 502, "agent",    "instance_lost",        "The sandbox restarted and lost the turn.") \
	X(EUNDELIVERED, -66, 502, "agent",    "delivery_unknown",     "It is not known whether the agent got the prompt.") \
	X(EAUTH,        -67, 502, "agent",    "auth_required",        "The agent wants a login.") \
	X(ECRASHLOOP,   -68, 502, "agent",    "crash_loop",           "The agent ended three times within a minute.") \
	X(EPROMPTSIZE,  -69, 400, "prompt",   "too_large",            "The prompt is too large for the agent.") \
	X(EPERMISSION,  -70, 404, "permission", "unknown",            "No permission request has this id.") \
	X(ERESOLVED,    -71, 409, "permission", "already_resolved",   "Somebody has answered this already.") \
	X(EREPLY,       -72, 400, "permission", "reply_not_offered",  "The agent does not offer this reply.") \
	X(ECANCELLED,   -73, 409, "prompt",   "cancelled",            "The prompt was cancelled.") \
	X(EMISMATCH,    -74, 409, "agent",    "mismatch",             "The session belongs to another agent.") \
	X(EOVER,        -75, 409, "prompt",   "over",                 "The prompt is over already.") \
	X(ENOPROMPT,    -76, 404, "prompt",   "unknown",              "No prompt has this id.") \
	X(EUNRESPONSIVE, -77, 502, "agent",   "unresponsive",         "The agent did not react and was ended.") \
	X(ERESTARTED,   -78, 409, "agent",    "restarted",            "Somebody restarted the agent.") \
	X(EEXPIRED,     -79, 409, "permission", "expired",            "The agent that asked for this is gone.") \
	X(ECHOICE,      -80, 400, "agent",    "not_offered",          "The agent does not offer this.") \
	X(ENOSESSION,   -81, 404, "session",  "unknown",              "There is no such session.") \
	X(EDESTROYED,   -82, 409, "session",  "destroyed",            "The session was destroyed.") \
	X(EEXISTS,      -83, 409, "session",  "exists",               "A session with this id exists already.") \
	/* a queue's */ \
	X(EQUEUEFULL,   -90, 400, "queue",    "full",                 "The queue is full.") \
	X(EQUEUESIZE,   -91, 400, "queue",    "message_too_large",    "The message is larger than the queue takes.") \
	X(EUNCOMPLETED, -92, 400, "queue",    "previous_message_not_completed", "The messages taken before are not completed.") \
	X(ECOMPLETED,   -93, 400, "queue",    "already_completed",    "The message was completed already.") \
	X(EABORTED,     -94, 400, "actor",    "aborted",              "The actor goes, or this was given up.") \
	/* the providers' of sandboxes */ \
	X(ESANDBOXLOST, -110, 502, "sandbox",  "lost",                 "The sandbox is no more.") \
	X(EPROVIDER,   -111, 502, "sandbox",  "provider_error",       "The provider of sandboxes answered with an error.") \
	X(ENOPROVIDER, -112, 502, "sandbox",  "provider_unavailable", "The server cannot use this provider of sandboxes.") \
	X(ENOSANDBOX,  -113, 502, "sandbox",  "not_created",          "The sandbox could not be created.")

enum troupe_error {
	TROUPE_OK = 0,
#define TROUPE_ERROR_ENUM(name, number, status, group, code, sentence) TROUPE_##name = number,
	TROUPE_ERROR_MAP(TROUPE_ERROR_ENUM)
#undef TROUPE_ERROR_ENUM
};

struct troupe_error_info {
	int         error;
	const char *name;   /* "EINVAL" */
	int         status; /* HTTP */
	const char *group, *code, *sentence;
};

/* What the list says about a code. An unknown one gets EINTERNAL's row. Static; any thread. */
const struct troupe_error_info *troupe_error_info(int error);

#endif
