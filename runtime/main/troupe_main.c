/* SPDX-License-Identifier: Apache-2.0 */
/* The program: options, then the supervisor and its server, or the server alone. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "runtime/main/options.h"
#include "runtime/main/serve.h"
#include "runtime/main/supervise.h"

int troupe_main(int argc, char **argv, const struct troupe_kind *const *kinds)
{
	struct tr_options o;
	int outcome = tr_options_parse(&o, argc, argv);
	int fd, code;

	if (outcome != TR_OPTIONS_SERVE)
		return outcome == TR_OPTIONS_EXIT_OK ? 0 : 2;
	tr_log_setup(o.log_level, o.log_json);
	fd = tr_listen_socket(o.host, o.port);
	if (fd < 0)
		return TR_EXIT_CONFIG;
	if (o.no_supervise || getenv("TROUPE_SUPERVISED"))
		code = tr_serve(&o, fd, kinds);
	else
		code = tr_supervise(fd, argv);
	close(fd);
	return code;
}
