/* SPDX-License-Identifier: Apache-2.0 */
/* When something has not happened for so long, it hangs: said here for all tests in C, and so late that a
 * machine that many use cannot be the reason. It never says how fast anything has to be. */
#ifndef TESTS_KIT_PATIENCE_H
#define TESTS_KIT_PATIENCE_H

#define HANGS_AFTER_S 60

#endif
