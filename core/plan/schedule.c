/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A plan as the simulation of schedules reads it: seconds and bytes of each stage, by direction. They add up to what
 * the plan counts, so that the formula of the schedule that a plan was made for gives the plan's own iteration.
 */
#include <math.h>

#include "plan/internal.h"

/* Seconds of a microbatch that come before the backward pass. */
static double forward_seconds(const struct sc_plan *plan)
{
    const struct sc_costs *costs = plan->costs;
    struct sc_item items[SC_MAX_ITEMS];
    double sum = 0;
    for (int n = 0; n < costs->node_count; n++) {
        int count = sc_costs_node_items(costs, n, plan->choice[n], items);
        for (int i = 0; i < count; i++)
            sum += items[i].phase == SC_FORWARD ? items[i].seconds : 0;
    }
    for (int e = 0; e < costs->edge_count; e++) {
        const struct sc_cost_edge *edge = &costs->edges[e];
        int count = sc_costs_edge_items(costs, e, plan->choice[edge->from], plan->choice[edge->to], items);
        for (int i = 0; i < count; i++)
            sum += items[i].phase == SC_FORWARD ? items[i].seconds : 0;
    }
    return sum;
}

double sc_plan_stage_held(const struct sc_plan_stage *stage)
{
    int chunks = stage->plan->costs->options.chunks;
    return (double)stage->in_flight / (chunks > 1 ? chunks : 1);
}

struct sc_memory sc_plan_stage_memory(const struct sc_plan_stage *stage)
{
    const struct sc_plan *plan = stage->plan;
    struct sc_memory out = plan->memory;
    out.activations = out.working = 0;
    for (int n = 0; n < plan->costs->node_count; n++)
        out.activations += sc_costs_node_kept(plan->costs, n, plan->choice[n]) * sc_plan_stage_held(stage);
    out.working = fmax(0, plan->peak_bytes - plan_memory_held(&out));
    return out;
}

/* A stage is busy with a tensor that it receives as it is with one that it sends; receiving is counted with the work
 * that waits for it. With several chunks each end is passed as often, and behind the last stage is the first again:
 * there a tensor takes as long as at the other end of these two. */
static struct sc_schedule_stage describe(const struct sc_plan *whole, int index, int chunks, bool train)
{
    const struct sc_plan_stage *stage = &whole->stages[index];
    const struct sc_plan *plan = stage->plan;
    const struct sc_transfer *t = &stage->transfer;
    bool first = index == 0, last = index == whole->stage_count - 1;
    double micro_s, once_s, forward_s = forward_seconds(plan);
    plan_stage_times(plan, &micro_s, &once_s);
    forward_s = train ? fmin(forward_s, micro_s) : micro_s;
    struct sc_memory memory = sc_plan_stage_memory(stage);
    double receive_forward_s = first ? (chunks - 1) * t->out_forward_s : chunks * t->in_forward_s;
    double receive_backward_s = last ? (chunks - 1) * t->in_backward_s : chunks * t->out_backward_s;
    return (struct sc_schedule_stage){.forward_s = forward_s + receive_forward_s,
                                      .backward_s = micro_s - forward_s + receive_backward_s,
                                      .once_s = once_s,
                                      .send_forward_s = last ? t->in_forward_s : t->out_forward_s,
                                      .send_backward_s = first ? t->out_backward_s : t->in_backward_s,
                                      .static_bytes = plan_memory_held(&memory) - memory.activations,
                                      .activation_bytes = memory.activations / sc_plan_stage_held(stage),
                                      .working_bytes = memory.working};
}

enum sc_status sc_plan_schedule_input(const struct sc_plan *plan, enum sc_schedule schedule, int chunks,
                                      struct sc_schedule_input *out, struct sc_error *err)
{
    bool train = plan->settings.mode == SC_TRAIN;
    *out = (struct sc_schedule_input){.schedule = train ? schedule : SC_SCHEDULE_GPIPE,
                                      .stage_count = plan->stage_count,
                                      .chunks = train ? chunks : 1};
    if (!plan->choice)
        return sc_fail(err, SC_USAGE, "there is no plan whose schedule could be shown");
    out->microbatches = plan->costs->options.microbatches;
    struct sc_schedule_stage *stages = sc_calloc((size_t)plan->stage_count, sizeof *stages);
    if (!stages)
        return sc_fail(err, SC_NO_MEMORY, "no memory for a schedule");
    for (int i = 0; i < plan->stage_count; i++)
        stages[i] = describe(plan, i, out->chunks, train);
    out->stages = stages;
    return SC_OK;
}
