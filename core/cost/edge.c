/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a tensor's way between two nodes costs: its values forward, and again where they were not kept in the layout
 * that is needed; its gradient backward; for parameters the synchronisation of gradients.
 *
 * One rule gives sequence parallelism's second gather and that of ZeRO-3: a tensor is saved in the smaller of its
 * producer's and its reader's layouts, so a reader that gathered it gathers again in backward. Under rematerialisation
 * the reader's forward runs again anyway, and what it gathers then serves backward.
 */
#include "cost/internal.h"

void cost_add_move(const struct cost_full *c, struct cost_sink *sink, enum sc_phase phase, enum sc_cause cause,
                   enum sc_cause sum, const struct sc_reshard *moves, struct sc_state from, struct sc_state to)
{
    enum { MAX_STEPS = 16 };
    if (sink->items == NULL) {
        cost_add(sink, &(struct sc_item){.phase = phase, .seconds = sc_reshard_seconds(moves, from, to)});
        return;
    }
    struct sc_move steps[MAX_STEPS];
    int count = sc_reshard_path(moves, from, to, steps, MAX_STEPS);
    for (int i = 0; i < count && i < MAX_STEPS; i++) {
        if (steps[i].kind == SC_SLICE)
            continue;
        bool sums = steps[i].kind == SC_ALL_REDUCE || steps[i].kind == SC_REDUCE_SCATTER;
        cost_add_collective(c, sink, phase, sums ? sum : cause, steps[i].kind, steps[i].axes, steps[i].bytes);
    }
}

/* ---- ends ------------------------------------------------------------------------------------------ */

static bool has_gradient(const struct cost_full *c, int tensor)
{
    return c->costs.options.mode == SC_TRAIN && c->costs.graph->tensors[tensor].gradient;
}

struct cost_end cost_from_end(const struct cost_full *c, int edge, const struct sc_strategy *from)
{
    const struct sc_cost_edge *e = &c->costs.edges[edge];
    bool fanout = c->costs.nodes[e->from].op < 0;
    int port = fanout ? 0 : c->costs.graph->tensors[e->tensor].port;
    struct cost_end end = {.spec = from->result[port]};
    end.bytes = cost_local_bytes(c, e->tensor, end.spec);
    if (!has_gradient(c, e->tensor))
        return end;
    end.gradient = fanout ? end.spec : sc_strategy_gradient_spec(from, port);
    end.partial = fanout ? from->partial : 0;
    end.state_axes = from->state_axes;
    end.shard_gradient = from->shard_gradient;
    return end;
}

struct cost_end cost_to_end(const struct cost_full *c, int edge, const struct sc_strategy *to)
{
    const struct sc_cost_edge *e = &c->costs.edges[edge];
    const struct sc_cost_node *node = &c->costs.nodes[e->to];
    bool fanout = node->op < 0;
    struct cost_end end = {.spec = fanout ? to->result[0] : to->operand[e->port]};
    end.bytes = cost_local_bytes(c, e->tensor, end.spec);
    end.needed = fanout ? c->classes[node->klass].again : cost_needs_operand(c, node->op, e->port);
    if (!has_gradient(c, e->tensor))
        return end;
    end.gradient = end.spec;
    end.partial = fanout ? to->partial : to->gradient_partial[e->port];
    return end;
}

/* ---- values ---------------------------------------------------------------------------------------- */

static enum sc_source source_of(const struct cost_full *c, int edge)
{
    const struct sc_cost_node *from = &c->costs.nodes[c->costs.edges[edge].from];
    return from->op < 0 ? SC_SOURCE_NONE : sc_kind_source(c->costs.graph->ops[from->op].kind);
}

static void add_values(const struct cost_full *c, int edge, const struct cost_end *from, const struct cost_end *to,
                       struct cost_sink *sink)
{
    const struct sc_cost_edge *e = &c->costs.edges[edge];
    const struct cost_class *klass = &c->classes[c->costs.nodes[e->to].klass];
    const struct sc_reshard *moves = c->moves[e->tensor];
    enum sc_source source = sc_kind_source(c->costs.graph->ops[c->costs.graph->tensors[e->tensor].op].kind);
    enum sc_cause cause = source == SC_SOURCE_PARAMETER ? SC_CAUSE_PARAMETER_GATHER : SC_CAUSE_RESHARD;
    struct sc_state made = {.spec = from->spec}, wanted = {.spec = to->spec};
    cost_add_move(c, sink, SC_FORWARD, cause, cause, moves, made, wanted);
    if (klass->recomputed) {
        cost_add_move(c, sink, SC_RECOMPUTE, cause, cause, moves, made, wanted);
        return;
    }
    if (to->needed && to->bytes > from->bytes)
        cost_add_move(c, sink, SC_BACKWARD, cause, cause, moves, made, wanted);
}

/* ---- gradients ------------------------------------------------------------------------------------- */

/* The gradient of a parameter is accumulated in the parameter's own layout, still partial over axes that do not shard
 * it; getting there is paid each microbatch (ZeRO-3's reduce-scatter). The rest is summed once an iteration: scattered
 * over the axes that shard the optimizer's state (ZeRO-1; ZeRO-2 scatters each microbatch, and so keeps less), reduced
 * over the others. */
static void add_synchronisation(const struct cost_full *c, int edge, const struct cost_end *from,
                                const struct cost_end *to, struct cost_sink *sink)
{
    int tensor = c->costs.edges[edge].tensor;
    const struct sc_tensor *t = &c->costs.graph->tensors[tensor];
    const struct sc_axes *axes = &c->costs.mesh.axes;
    uint8_t rest = to->partial & (uint8_t)~sc_spec_axes(from->spec);
    cost_add_move(c, sink, SC_BACKWARD, SC_CAUSE_GRADIENT_SYNC, SC_CAUSE_GRADIENT_SYNC, c->gradient_moves[tensor],
                  (struct sc_state){to->gradient, to->partial}, (struct sc_state){from->spec, rest});
    unsigned scattered = from->state_axes & rest, sliced = from->state_axes & ~(unsigned)rest;
    double bytes =
        sc_spec_bytes(from->spec, axes, t->rank, t->size, cost_recipe(c, tensor).gradient, c->costs.options.uneven) /
        sc_axes_product(axes, sliced);
    bool each = from->shard_gradient && c->costs.options.microbatches > 1;
    cost_add_collective(c, sink, each ? SC_BACKWARD : SC_ONCE, SC_CAUSE_GRADIENT_SYNC, SC_REDUCE_SCATTER, scattered,
                        bytes);
    cost_add_collective(c, sink, SC_ONCE, SC_CAUSE_GRADIENT_SYNC, SC_ALL_REDUCE, rest & ~scattered,
                        bytes / sc_axes_product(axes, scattered));
}

void cost_of_edge(const struct cost_full *c, int edge, const struct cost_end *from, const struct cost_end *to,
                  struct cost_sink *sink)
{
    int tensor = c->costs.edges[edge].tensor;
    add_values(c, edge, from, to, sink);
    if (!has_gradient(c, tensor))
        return;
    if (source_of(c, edge) == SC_SOURCE_PARAMETER) {
        add_synchronisation(c, edge, from, to, sink);
        return;
    }
    /* The gradient of a sum is partial wherever a reader's is: what the producer (or fan-out) does not take as partial
     * is summed on the way. */
    cost_add_move(c, sink, SC_BACKWARD, SC_CAUSE_RESHARD, SC_CAUSE_GRADIENT_SUM, c->gradient_moves[tensor],
                  (struct sc_state){to->gradient, to->partial}, (struct sc_state){from->gradient, from->partial});
}
