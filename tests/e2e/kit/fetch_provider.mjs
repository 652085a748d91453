// SPDX-License-Identifier: Apache-2.0
/* A provider that tells no address of its sandboxes, only how to fetch from them. */

export default ({ url }) => ({
	name: "tunnelled",
	defaultCwd: "/tmp",
	create: async () => "only/one",
	destroy: async () => {},
	getFetch: async () => (input, init) => fetch(String(input).replace("http://sandbox", url), init),
});
