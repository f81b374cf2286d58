/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the worker runs: a planner, the differences of one node of a plan and why it is as it is, what changes would
 * cost, and the timeline of a plan.
 */
#include "worker/internal.h"

#include <math.h>

/* For an answer: some seconds when the limit on memory binds. Δ of a plan that is not proven stay bounds whatever is
 * done, so less is done for them. */
enum { ANSWER_WORK = 5000000, BOUND_WORK = 500000 };
/* For each mesh that a what-if tries: as much as the first rounds of a plan have. */
enum { WHAT_IF_WORK = 200000 };

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

static enum sc_status make_why(const struct sc_plan *plan, int op, int choice, struct sc_cancel *cancel,
                               struct sc_result *out, struct sc_error *err)
{
    struct sc_str why = {0};
    const struct sc_costs *costs = op >= 0 && op < plan->graph->op_count ? sc_plan_of_op(plan, op)->costs : NULL;
    if (!costs || choice >= costs->nodes[costs->op_node[op]].set->count)
        return sc_fail(err, SC_USAGE, "op %d, choice %d of a plan with %d ops", op, choice, plan->graph->op_count);
    struct sc_cancel part;
    sc_cancel_part(&part, cancel, ANSWER_WORK);
    enum sc_status status = sc_plan_why(plan, op, choice, &part, &why, err);
    if (status == SC_OK && why.failed)
        status = sc_fail(err, SC_NO_MEMORY, "no memory for an explanation");
    out->why = why.data;
    return status;
}

static enum sc_status make_delta(const struct sc_plan *plan, int node, struct sc_cancel *cancel, struct sc_result *out,
                                 struct sc_error *err)
{
    if (node < 0 || node >= plan->costs->node_count)
        return sc_fail(err, SC_USAGE, "node %d of a plan with %d", node, plan->costs->node_count);
    out->count = plan->costs->nodes[node].set->count;
    out->delta = sc_calloc((size_t)out->count, sizeof *out->delta);
    out->exact = sc_calloc((size_t)out->count, sizeof *out->exact);
    if (!out->delta || !out->exact)
        return sc_fail(err, SC_NO_MEMORY, "no memory for the differences of candidates");
    struct sc_cancel part;
    sc_cancel_part(&part, cancel, plan->status == SC_SOLVED_OPTIMAL ? ANSWER_WORK : BOUND_WORK);
    return sc_plan_exact_delta(plan, node, out->delta, out->exact, &part, err);
}

/* A line that cannot be planned is impossible, and the error is the reason. */
static enum sc_status make_what_if(void *engine, const struct sc_plan *plan, const char *line, bool reasons,
                                   struct sc_cancel *cancel, double *delta, bool *exact, char **why,
                                   struct sc_error *err)
{
    struct sc_what_if question = {line, WHAT_IF_WORK};
    struct sc_what_if_answer answer;
    struct sc_str text = {0};
    enum sc_status status = sc_planner_what_if(engine, plan, &question, cancel, &answer, reasons ? &text : NULL, err);
    if (status == SC_USAGE || status == SC_INPUT || status == SC_LIMIT) {
        answer = (struct sc_what_if_answer){INFINITY, true};
        if (reasons && err)
            sc_str_add(&text, err->message);
        status = SC_OK;
    } else if (status == SC_TIMEOUT) {
        status = SC_OK;
    }
    *delta = answer.delta_s;
    *exact = answer.exact;
    *why = text.data;
    return status;
}

static enum sc_status make_timeline(const struct sc_plan *plan, enum sc_schedule schedule, int chunks,
                                    struct sc_cancel *cancel, struct sc_result *out, struct sc_error *err)
{
    struct sc_schedule_input input;
    struct sc_str text = {0};
    enum sc_status status = sc_plan_schedule_input(plan, schedule, chunks, &input, err);
    if (status == SC_OK)
        status = sc_schedule_check(input.schedule, input.stage_count, input.microbatches, input.chunks, err);
    if (status == SC_OK)
        status = sc_timeline_simulate(&input, cancel, &out->timeline, err);
    if (status == SC_OK)
        status = sc_timeline_explain(out->timeline, cancel, &text, err);
    sc_free((void *)(uintptr_t)input.stages);
    out->why = text.data;
    return status;
}

const struct worker_engine worker_planner = {start, stop, make_plan, make_delta, make_why, make_what_if, make_timeline};
