/* SPDX-License-Identifier: Apache-2.0 */
/* Is an address one that the whole Internet may know? Asked of each address that a name was resolved to, when the socket to it is
 * made: a name in a sandbox's URL must not lead the server to its own machine, its own network or its cloud's metadata. */
#ifndef TR_SANDBOX_PUBLIC_ADDRESS_H
#define TR_SANDBOX_PUBLIC_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

/* False: it is loopback, private, link-local, shared, reserved, multicast or unspecified, or an IPv6 address in which such an IPv4
 * address is embedded, or of another family than these two. */
bool tr_address_is_public(const struct sockaddr *address);
bool tr_address_is_loopback(const struct sockaddr *address);

#endif
