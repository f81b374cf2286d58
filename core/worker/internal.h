/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Private to worker/: what the thread runs. Tests put an engine of their own in place of the planner.
 */
#ifndef SC_WORKER_INTERNAL_H
#define SC_WORKER_INTERNAL_H

#include "worker/worker.h"

/* All are called on the worker's thread. */
struct worker_engine {
    void *(*start)(const struct sc_loader *loader); /* NULL: out of memory */
    void (*stop)(void *engine);
    enum sc_status (*plan)(void *engine, const struct sc_plan_request *request, struct sc_plan **out,
                           struct sc_error *err);
    /* Fills count, delta and exact of *out; the worker frees them, also after a failure. */
    enum sc_status (*delta)(const struct sc_plan *plan, int node, struct sc_cancel *cancel, struct sc_result *out,
                            struct sc_error *err);
    /* Fills why of *out, against the best alternative when `choice` is -1. */
    enum sc_status (*why)(const struct sc_plan *plan, int op, int choice, struct sc_cancel *cancel,
                          struct sc_result *out, struct sc_error *err);
    /* One line; fills *delta and *exact, and *why when `reasons`. */
    enum sc_status (*what_if)(void *engine, const struct sc_plan *plan, const char *line, bool reasons,
                              struct sc_cancel *cancel, double *delta, bool *exact, char **why, struct sc_error *err);
    /* Fills timeline and why of *out. */
    enum sc_status (*timeline)(const struct sc_plan *plan, enum sc_schedule schedule, int chunks,
                               struct sc_cancel *cancel, struct sc_result *out, struct sc_error *err);
};
extern const struct worker_engine worker_planner;

struct sc_worker *worker_new_with(const struct worker_engine *engine, const struct sc_loader *loader,
                                  struct sc_error *err);

#endif
