/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a plan's choices cost, by part: the items of every node and edge summed, memory by part, rates.
 */
#include <math.h>
#include <string.h>

#include "plan/internal.h"

static const struct plan_part parts_table[] = {
    {"compute", "compute", offsetof(struct sc_parts, compute)},
    {"optimizer", "optimizer step", offsetof(struct sc_parts, optimizer)},
    {"all_reduce", "all-reduce", offsetof(struct sc_parts, all_reduce)},
    {"reduce_scatter", "reduce-scatter", offsetof(struct sc_parts, reduce_scatter)},
    {"all_gather", "all-gather", offsetof(struct sc_parts, all_gather)},
    {"all_to_all", "all-to-all", offsetof(struct sc_parts, all_to_all)},
    {"permute", "permute", offsetof(struct sc_parts, permute)},
    {"resharding", "resharding", offsetof(struct sc_parts, resharding)},
    {"cross_mesh", "cross-mesh", offsetof(struct sc_parts, cross_mesh)},
    {"bubble", "bubble", offsetof(struct sc_parts, bubble)},
};
const size_t plan_part_count = SC_LEN(parts_table);

const struct plan_part *plan_part_at(size_t index)
{
    return &parts_table[index];
}

double plan_part_value(const struct sc_parts *parts, size_t index)
{
    double value;
    memcpy(&value, (const char *)parts + parts_table[index].offset, sizeof value);
    return value;
}

bool sc_plan_part(const struct sc_plan *plan, size_t index, const char **words, double *seconds)
{
    size_t terms = plan->term_s ? (size_t)plan->costs->options.term_count : 0;
    if (index >= plan_part_count + terms)
        return false;
    bool term = index >= plan_part_count;
    *words = term ? plan->costs->options.terms[index - plan_part_count].name : parts_table[index].words;
    *seconds = term ? plan->term_s[index - plan_part_count] : plan_part_value(&plan->parts, index);
    return true;
}

double plan_memory_held(const struct sc_memory *memory)
{
    return memory->parameters + memory->gradients + memory->optimizer + memory->activations + memory->cache;
}

void plan_stage_times(const struct sc_plan *plan, double *micro_s, double *once_s)
{
    const struct sc_costs *costs = plan->costs;
    *micro_s = *once_s = 0;
    for (int n = 0; n < costs->node_count; n++) {
        *micro_s += costs->nodes[n].micro_s[plan->choice[n]];
        *once_s += costs->nodes[n].once_s[plan->choice[n]];
    }
    for (int e = 0; e < costs->edge_count; e++) {
        const struct sc_cost_edge *edge = &costs->edges[e];
        size_t at = (size_t)plan->choice[edge->from] * (size_t)edge->stride + (size_t)plan->choice[edge->to];
        *micro_s += edge->micro_s[at];
        *once_s += edge->once_s[at];
    }
}

double plan_item_times(const struct sc_costs *costs, const struct sc_item *item)
{
    return item->phase == SC_ONCE ? 1.0 : costs->options.microbatches;
}

void plan_part_add(struct sc_parts *parts, double *term_s, const struct sc_item *item, double times)
{
    double seconds = item->seconds * times;
    if (item->cause == SC_CAUSE_COMPUTE) {
        parts->compute += seconds;
    } else if (item->cause == SC_CAUSE_OPTIMIZER) {
        parts->optimizer += seconds;
    } else if (item->cause == SC_CAUSE_TERM) {
        parts->terms += seconds;
        if (term_s)
            term_s[item->term] += seconds;
    } else if (item->cause == SC_CAUSE_RESHARD) {
        parts->resharding += seconds;
    } else {
        double *const by_kind[SC_COLLECTIVE_COUNT] = {
            [SC_ALL_REDUCE] = &parts->all_reduce,
            [SC_ALL_GATHER] = &parts->all_gather,
            [SC_REDUCE_SCATTER] = &parts->reduce_scatter,
            [SC_ALL_TO_ALL] = &parts->all_to_all,
            [SC_PERMUTE] = &parts->permute,
            [SC_SLICE] = &parts->resharding,
            [SC_SEND] = &parts->cross_mesh,
        };
        *by_kind[item->kind] += seconds;
    }
}

int plan_edge_owner(const struct sc_costs *costs, int edge)
{
    const struct sc_cost_edge *e = &costs->edges[edge];
    const struct sc_cost_node *from = &costs->nodes[e->from], *to = &costs->nodes[e->to];
    if (from->op < 0)
        return e->to;
    if (to->op < 0 || costs->graph->ops[from->op].operand_count == 0)
        return e->from;
    return e->to;
}

bool plan_owned_edges(struct sc_arena *arena, const struct sc_costs *costs, struct plan_owned *out)
{
    int *first = sc_arena_calloc(arena, (size_t)costs->node_count + 2, sizeof *first);
    int *edges = sc_arena_calloc(arena, (size_t)costs->edge_count + 1, sizeof *edges);
    if (!first || !edges)
        return false;
    for (int e = 0; e < costs->edge_count; e++)
        first[plan_edge_owner(costs, e) + 2]++;
    for (int n = 0; n < costs->node_count; n++)
        first[n + 2] += first[n + 1];
    for (int e = 0; e < costs->edge_count; e++) /* first[n + 1] walks from the begin of n to its end */
        edges[first[plan_edge_owner(costs, e) + 1]++] = e;
    *out = (struct plan_owned){first, edges};
    return true;
}

/* The op a node's own costs are shown at: itself, or the producer of a fanned-out tensor. */
static int node_op(const struct sc_costs *costs, int node)
{
    const struct sc_cost_node *n = &costs->nodes[node];
    return n->op >= 0 ? n->op : costs->graph->tensors[n->tensor].op;
}

static void add_items(struct plan_full *full, double *term_s, int op, const struct sc_item *items, int count)
{
    const struct sc_costs *costs = full->plan.costs;
    struct sc_op_cost *cost = &full->op_cost[op];
    for (int i = 0; i < count; i++) {
        double times = plan_item_times(costs, &items[i]), seconds = items[i].seconds * times;
        plan_part_add(&full->plan.parts, term_s, &items[i], times);
        enum sc_cause cause = items[i].cause;
        *(cause == SC_CAUSE_TERM      ? &cost->term_s
          : cause == SC_CAUSE_RESHARD ? &cost->resharding_s
          : items[i].collective       ? &cost->collective_s
                                      : &cost->compute_s) += seconds;
        cost->total_s += seconds;
    }
}

static void add_memory(struct sc_memory *sum, const struct sc_memory *more)
{
    sum->parameters += more->parameters;
    sum->gradients += more->gradients;
    sum->optimizer += more->optimizer;
    sum->activations += more->activations;
    sum->cache += more->cache;
    sum->working = fmax(sum->working, more->working);
}

/* Model FLOPs of an iteration as Alpa counts them: backward is twice forward, recomputation is work done. */
static double model_flops(const struct sc_costs *costs)
{
    double passes = costs->options.mode == SC_TRAIN ? costs->options.remat == SC_REMAT_LAYER ? 4 : 3 : 1;
    double flops = 0;
    for (int op = 0; op < costs->graph->op_count; op++)
        flops += costs->op_node[op] >= 0 ? costs->graph->ops[op].flops : 0; /* of the stage */
    return flops * passes * costs->options.microbatches;
}

enum sc_status plan_account(struct plan_full *full, struct sc_error *err)
{
    struct sc_plan *plan = &full->plan;
    const struct sc_costs *costs = plan->costs;
    struct sc_item items[SC_MAX_ITEMS];
    double *term_s = sc_arena_calloc(full->arena, (size_t)costs->options.term_count + 1, sizeof *term_s);
    full->op_cost = sc_arena_calloc(full->arena, (size_t)costs->graph->op_count + 1, sizeof *full->op_cost);
    if (!term_s || !full->op_cost)
        return sc_fail(err, SC_NO_MEMORY, "no memory for the plan's parts");
    for (int n = 0; n < costs->node_count; n++) {
        int count = sc_costs_node_items(costs, n, plan->choice[n], items), op = node_op(costs, n);
        add_items(full, term_s, op, items, count);
        struct sc_memory memory = sc_costs_node_memory(costs, n, plan->choice[n]);
        add_memory(&plan->memory, &memory);
        add_memory(&full->op_cost[op].memory, &memory);
    }
    for (int e = 0; e < costs->edge_count; e++) {
        const struct sc_cost_edge *edge = &costs->edges[e];
        int count = sc_costs_edge_items(costs, e, plan->choice[edge->from], plan->choice[edge->to], items);
        add_items(full, term_s, node_op(costs, plan_edge_owner(costs, e)), items, count);
    }
    plan->term_s = term_s;
    plan->iteration_s = plan->objective_s;
    double devices = (double)costs->mesh.hosts * costs->mesh.devices;
    plan->flops_per_device = plan->iteration_s > 0 ? model_flops(costs) / plan->iteration_s / devices : 0;
    return SC_OK;
}

struct sc_op_cost sc_plan_op_cost(const struct sc_plan *plan, int op)
{
    const struct plan_full *full = plan_full(sc_plan_of_op(plan, op));
    return full->op_cost ? full->op_cost[op] : (struct sc_op_cost){0};
}
