/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The clock, cancelling, and the progress slot.
 */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "base/base.h"

double sc_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void sc_cancel_init(struct sc_cancel *cancel, double time_limit_s, uint64_t work_limit)
{
    cancel->stop = false;
    cancel->deadline = time_limit_s > 0 ? sc_now() + time_limit_s : 0;
    cancel->work = 0;
    cancel->work_limit = work_limit;
    cancel->parent = NULL;
}

void sc_cancel_part(struct sc_cancel *cancel, struct sc_cancel *parent, uint64_t work_limit)
{
    sc_cancel_init(cancel, 0, work_limit);
    cancel->parent = parent;
}

void sc_cancel_request(struct sc_cancel *cancel)
{
    cancel->stop = true;
}

bool sc_cancelled(struct sc_cancel *cancel)
{
    return cancel && (cancel->stop || (cancel->work_limit && cancel->work >= cancel->work_limit) ||
                      (cancel->deadline > 0 && sc_now() >= cancel->deadline) || sc_cancelled(cancel->parent));
}

bool sc_cancel_work(struct sc_cancel *cancel, uint64_t units)
{
    if (!cancel)
        return false;
    for (struct sc_cancel *c = cancel; c; c = c->parent)
        c->work += units;
    return sc_cancelled(cancel);
}

bool sc_cancel_requested(const struct sc_cancel *cancel)
{
    return cancel && (cancel->stop || sc_cancel_requested(cancel->parent));
}

struct sc_progress {
    pthread_mutex_t mutex;
    struct sc_progress_value value;
};

struct sc_progress *sc_progress_new(void)
{
    struct sc_progress *progress = sc_alloc(sizeof *progress);
    if (!progress)
        return NULL;
    pthread_mutex_init(&progress->mutex, NULL);
    progress->value = (struct sc_progress_value){.best = INFINITY, .bound = -INFINITY, .started = sc_now()};
    return progress;
}

void sc_progress_free(struct sc_progress *progress)
{
    if (!progress)
        return;
    pthread_mutex_destroy(&progress->mutex);
    sc_free(progress);
}

void sc_progress_set(struct sc_progress *progress, const char *phase, double best, double bound)
{
    if (!progress)
        return;
    pthread_mutex_lock(&progress->mutex);
    snprintf(progress->value.phase, sizeof progress->value.phase, "%s", phase);
    progress->value.best = best;
    progress->value.bound = bound;
    progress->value.updates++;
    pthread_mutex_unlock(&progress->mutex);
}

struct sc_progress_value sc_progress_get(struct sc_progress *progress)
{
    pthread_mutex_lock(&progress->mutex);
    struct sc_progress_value value = progress->value;
    pthread_mutex_unlock(&progress->mutex);
    return value;
}
