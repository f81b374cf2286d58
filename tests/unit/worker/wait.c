/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wait.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <time.h>

static bool readable(struct sc_worker *worker, int milliseconds)
{
    struct pollfd fd = {.fd = sc_worker_fd(worker), .events = POLLIN};
    return poll(&fd, 1, milliseconds) == 1;
}

bool is_readable(struct sc_worker *worker)
{
    return readable(worker, 0);
}

struct sc_result wait_result(struct sc_worker *worker)
{
    if (!readable(worker, 60000))
        fail_msg("no result in a minute");
    struct sc_result result = sc_worker_take(worker);
    assert_int_not_equal(result.kind, SC_RESULT_NONE);
    assert_false(is_readable(worker));
    return result;
}

void sleep_seconds(double seconds)
{
    struct timespec time = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&time, NULL);
}
