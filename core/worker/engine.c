/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the worker runs: a planner, and the differences of one node of a plan.
 */
#include "worker/internal.h"

static void *start(const struct sc_loader *loader)
{
    return sc_planner_new(loader);
}

static void stop(void *engine)
{
    sc_planner_free(engine);
}

static enum sc_status make_plan(void *engine, const struct sc_plan_request *request, struct sc_plan **out,
                                struct sc_error *err)
{
    return sc_planner_make(engine, request, out, err);
}

static enum sc_status make_delta(const struct sc_plan *plan, int node, struct sc_cancel *cancel, struct sc_result *out,
                                 struct sc_error *err)
{
    struct sc_str why = {0};
    if (node < 0 || node >= plan->costs->node_count)
        return sc_fail(err, SC_USAGE, "node %d of a plan with %d", node, plan->costs->node_count);
    int op = plan->costs->nodes[node].op;
    out->count = plan->costs->nodes[node].set->count;
    out->delta = sc_calloc((size_t)out->count, sizeof *out->delta);
    out->exact = sc_calloc((size_t)out->count, sizeof *out->exact);
    if (!out->delta || !out->exact)
        return sc_fail(err, SC_NO_MEMORY, "no memory for the differences of candidates");
    enum sc_status status = sc_plan_exact_delta(plan, node, out->delta, out->exact, cancel, err);
    if (status == SC_OK && op >= 0)
        status = sc_plan_why(plan, op, -1, cancel, &why, err);
    if (status == SC_OK && why.failed)
        status = sc_fail(err, SC_NO_MEMORY, "no memory for an explanation");
    out->why = why.data;
    return status;
}

const struct worker_engine worker_planner = {start, stop, make_plan, make_delta};
