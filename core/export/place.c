/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What stands in a stage beside its ops: copies of what earlier stages have, tensors that pass between stages.
 */
#include "export/internal.h"

struct export_place export_place_at(const struct sc_plan *stage_plan, int node)
{
    const struct sc_costs *costs = stage_plan->costs;
    const struct sc_cost_node *n = &costs->nodes[node];
    int op = n->op >= 0 ? n->op : costs->graph->tensors[n->tensor].op;
    return (struct export_place){.plan = stage_plan,
                                 .strategy = &n->set->at[stage_plan->choice[node]],
                                 .node = node,
                                 .op = op,
                                 .tensor = n->op >= 0 ? -1 : n->tensor,
                                 .owned = sc_costs_owns(costs, op),
                                 .source = sc_kind_source(costs->graph->ops[op].kind)};
}

/* ---- costs ---- */

static void add_items(const struct sc_costs *costs, const struct sc_item *items, int count, struct sc_op_cost *cost)
{
    for (int i = 0; i < count; i++) {
        double seconds = items[i].seconds * (items[i].phase == SC_ONCE ? 1 : costs->options.microbatches);
        *(items[i].cause == SC_CAUSE_TERM      ? &cost->term_s
          : items[i].cause == SC_CAUSE_RESHARD ? &cost->resharding_s
          : items[i].collective                ? &cost->collective_s
                                               : &cost->compute_s) += seconds;
        cost->total_s += seconds;
    }
}

static void add_node(const struct sc_plan *plan, int node, struct sc_op_cost *cost)
{
    struct sc_item items[SC_MAX_ITEMS];
    int choice = plan->choice[node];
    add_items(plan->costs, items, sc_costs_node_items(plan->costs, node, choice, items), cost);
    struct sc_memory memory = sc_costs_node_memory(plan->costs, node, choice);
    cost->memory.parameters += memory.parameters;
    cost->memory.gradients += memory.gradients;
    cost->memory.optimizer += memory.optimizer;
    cost->memory.activations += memory.activations;
    cost->memory.cache += memory.cache;
    cost->memory.working = memory.working > cost->memory.working ? memory.working : cost->memory.working;
}

struct sc_op_cost export_copy_cost(const struct export_place *place)
{
    const struct sc_costs *costs = place->plan->costs;
    struct sc_item items[SC_MAX_ITEMS];
    struct sc_op_cost cost = {0};
    add_node(place->plan, place->node, &cost);
    if (place->tensor >= 0)
        return cost;
    int shared = costs->fanout_node[costs->graph->ops[place->op].results[0]];
    if (shared >= 0)
        add_node(place->plan, shared, &cost);
    for (int e = 0; e < costs->edge_count; e++) {
        const struct sc_cost_edge *edge = &costs->edges[e];
        if (edge->from != place->node)
            continue;
        int count =
            sc_costs_edge_items(costs, e, place->plan->choice[edge->from], place->plan->choice[edge->to], items);
        add_items(costs, items, count, &cost);
    }
    return cost;
}

/* ---- tensors that pass ---- */

/* Stages, beside that of the producer, in which a tensor is read; in order, into `to`. */
static int readers(const struct sc_plan *plan, const struct sc_tensor *tensor, int from, int *to)
{
    int count = 0, last = from;
    for (int u = 0; u < tensor->use_count; u++) { /* uses are in order of ops, and so of stages */
        int stage = sc_plan_stage_of_op(plan, tensor->uses[u].op);
        if (stage != last)
            to[count++] = stage;
        last = stage;
    }
    return count;
}

enum sc_status export_find_passing(const struct sc_plan *plan, struct sc_arena *arena, struct export_passing **out,
                                   int *count, struct sc_error *err)
{
    const struct sc_graph *graph = plan->graph;
    SC_VEC(struct export_passing) found = {0};
    int *to = sc_arena_calloc(arena, (size_t)plan->stage_count, sizeof *to);
    bool ok = to != NULL;
    for (int i = 0; ok && plan->stage_count > 1 && i < graph->tensor_count; i++) {
        const struct sc_tensor *t = &graph->tensors[i];
        int from = sc_plan_stage_of_op(plan, t->op), n;
        if (sc_kind_source(graph->ops[t->op].kind) != SC_SOURCE_NONE || (n = readers(plan, t, from, to)) == 0)
            continue;
        struct export_passing passing = {.tensor = i,
                                         .from = from,
                                         .to_count = n,
                                         .to = sc_arena_copy(arena, to, (size_t)n * sizeof *to),
                                         .gradient = plan->settings.mode == SC_TRAIN && t->gradient,
                                         .bytes = sc_tensor_bytes(t)};
        ok = passing.to && sc_vec_push(&found, passing);
    }
    *out = ok ? sc_arena_copy(arena, found.data, found.count * sizeof *found.data) : NULL;
    *count = (int)found.count;
    ok &= *out != NULL || *count == 0;
    sc_vec_free(&found);
    return ok ? SC_OK : sc_fail(err, SC_NO_MEMORY, "no memory for the tensors between stages");
}
