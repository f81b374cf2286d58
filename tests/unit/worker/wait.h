/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Waiting for a worker, as the interface does: on its descriptor.
 */
#ifndef TEST_WORKER_WAIT_H
#define TEST_WORKER_WAIT_H

#include "worker/worker.h"

/* The next result; fails the test when none comes in 60 s. */
struct sc_result wait_result(struct sc_worker *worker);
/* Is a result there now? */
bool is_readable(struct sc_worker *worker);
void sleep_seconds(double seconds);

#endif
