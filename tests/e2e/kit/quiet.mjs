// SPDX-License-Identifier: Apache-2.0
/* The official client says on stdout what tests make happen on purpose. Import this before it. */

process.env.RIVET_LOG_LEVEL ??= "silent";
