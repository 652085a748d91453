/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor owns the listening socket and nothing else: it reads nothing from it, starts the server process with it
 * (LISTEN_FDS), and starts it again, at once, when it dies (with back-off when it keeps dying). So a client that
 * reconnects while the server is away waits in the socket's queue instead of being refused: the official client never
 * comes back after one refused attempt (spec/rivetkit-client.md 9.3, design.md 4.4). */
#ifndef TR_MAIN_SUPERVISE_H
#define TR_MAIN_SUPERVISE_H

/* A bound, listening, close-on-exec socket for HOST and PORT; or the one inherited by LISTEN_FDS/LISTEN_PID (systemd's
 * protocol; LISTEN_PID absent counts as ours when LISTEN_FDS is "1"). Negative: said on stderr, with what to do (a taken
 * port names it). */
int tr_listen_socket(const char *host, const char *port);

/* Runs until told to end: SIGTERM and SIGINT are passed on to the server as SIGTERM, and the supervisor exits with its code
 * (0 when it died of that SIGTERM). SIGHUP: the server is asked to drain with SIGHUP and, when it is gone, a new one is started
 * from the same path (a new binary is picked up); but when SIGHUP came because our terminal went, it is as SIGTERM. A server that
 * was asked to go has 20 s, then comes SIGKILL. One that exits with 2 (usage) or 78 (configuration) is not started again: that
 * code is returned. The server has its own process group, TROUPE_SUPERVISED=1, and SIGTERM when the supervisor dies.
 * argv is the server's command line. Returns the exit code; to be called before there is a second thread. */
int tr_supervise(int listen_fd, char **argv);

#endif
