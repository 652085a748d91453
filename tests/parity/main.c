/* SPDX-License-Identifier: Apache-2.0 */
/* The actors of RivetKit's driver suite, in C, and two of our own: a server that the suite can be pointed at, and that tests/e2e
 * uses where the program's own actors do too little. See README.md. */
#include <troupe.h>

#define EACH_KIND(X) \
	X(counter) X(counter_conn) X(counter_params) X(lifecycle) \
	X(sync_action) X(async_action) X(concurrent_action) X(nested_action) X(promise) \
	X(short_timeout) X(long_timeout) X(default_timeout) X(sync_timeout) \
	X(error_handling) X(custom_timeout) X(conn_error) \
	X(conn_state) X(preflight) \
	X(large_payload) X(large_payload_conn) X(input) X(stateless) \
	X(raw_http) X(raw_http_no_handler) X(raw_http_void) X(raw_http_hono) X(raw_http_properties) \
	X(raw_websocket) X(raw_websocket_binary) X(raw_websocket_async) X(raw_websocket_context) \
	X(access_control) X(access_control_no_queues) X(before_connect_reject) X(before_connect_generic) \
	X(static_var) X(nested_var) X(dynamic_var) X(unique_var) X(driver_ctx) X(metadata) X(scheduled) \
	X(stream) X(door) X(request_access) \
	X(queue) X(queue_limited) X(many_queue_child) X(many_queue_action_parent) X(many_queue_run_parent) \
	X(destroy_observer) X(destroy) X(lifecycle_observer) X(start_stop_race) \
	X(run_ticks) X(run_early_exit) X(run_error) X(run_without) X(run_self_sleep) X(run_self_destroy) X(run_ignores_abort) \
	X(run_queue_consumer) \
	X(sleep) X(sleep_never) X(sleep_long_rpc) X(sleep_last_word) X(sleep_wait_in_wake) X(sleep_graceful) X(wait_until_probe) \
	X(sleep_raw_http) X(sleep_raw_socket) X(sleep_socket_told) X(sleep_socket_told_late) X(sleep_message_listener) \
	X(sleep_message_property) X(sleep_close_listener) X(sleep_close_property) X(sleep_exceeds_grace) X(sleep_abort) \
	X(state_change) X(state_change_reentrant) X(hibernation) X(hibernation_window) X(hibernation_cleanup)

#define DECLARE(name) extern const struct troupe_kind name##_kind;
EACH_KIND(DECLARE)

int main(int argc, char **argv)
{
#define LIST(name) &name##_kind,
	static const struct troupe_kind *const kinds[] = { EACH_KIND(LIST) NULL };

	return troupe_main(argc, argv, kinds);
}
