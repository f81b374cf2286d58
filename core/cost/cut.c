/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A run of layers as a stage of its own: nodes and edges of the whole model's cost tables, with what it reads from
 * stages before copied, and what passes between stages priced. Strategies, rows and tables are those of the whole.
 */
#include "cost/internal.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

/* ---- passing a tensor on ---------------------------------------------------------------------------- */

enum { MAX_SLICES = 128 };

/* The layouts that cut a tensor into the most pieces: ideally one a device. */
struct slices {
    struct sc_spec at[MAX_SLICES];
    int count, pieces;
};

static void add_slice(const struct cost_full *c, const struct sc_tensor *t, struct sc_spec spec, struct slices *out)
{
    const struct sc_axes *axes = &c->costs.mesh.axes;
    int pieces = sc_spec_shards(spec, axes);
    if (pieces < out->pieces ||
        (c->costs.options.uneven == SC_UNEVEN_REFUSE && !sc_spec_divides(spec, axes, t->rank, t->size)))
        return;
    if (pieces > out->pieces)
        *out = (struct slices){.pieces = pieces};
    if (out->count < MAX_SLICES)
        out->at[out->count++] = spec;
}

static void find_slices(const struct cost_full *c, int tensor, struct slices *out)
{
    const struct sc_tensor *t = &c->costs.graph->tensors[tensor];
    const struct sc_axes *axes = &c->costs.mesh.axes;
    int all = 1;
    for (int a = 0; a < axes->count; a++)
        all *= t->rank + 1;
    *out = (struct slices){.pieces = 1};
    for (int code = 0; code < all; code++) {
        struct sc_spec spec = SC_SPEC_REPLICATED;
        for (int a = 0, rest = code; a < axes->count; a++, rest /= t->rank + 1)
            spec.dim[a] = (int8_t)(axes->size[a] > 1 ? rest % (t->rank + 1) - 1 : -1);
        add_slice(c, t, spec, out);
    }
}

/* Of the slices the one from which (or to which) the way to a state is shortest. */
static struct sc_state nearest(const struct sc_reshard *moves, const struct slices *slices, struct sc_state state,
                               bool arriving, double *seconds)
{
    struct sc_state best = {.spec = SC_SPEC_REPLICATED};
    *seconds = INFINITY;
    for (int i = 0; i < slices->count; i++) {
        struct sc_state slice = {.spec = slices->at[i]};
        double way = arriving ? sc_reshard_seconds(moves, slice, state) : sc_reshard_seconds(moves, state, slice);
        if (way < *seconds) {
            *seconds = way;
            best = slice;
        }
    }
    return best;
}

double sc_mesh_transfer_seconds(const struct sc_mesh *mesh, bool hosts, double bytes)
{
    const struct sc_link *link = hosts ? &mesh->cluster->between : &mesh->cluster->inside;
    int links = hosts && link->shared ? mesh->hosts : mesh->hosts * mesh->devices;
    return bytes > 0 ? link->alpha_s + bytes / links * link->beta_s : 0;
}

static bool has_gradient(const struct cost_full *c, int tensor)
{
    return c->costs.options.mode == SC_TRAIN && c->costs.graph->tensors[tensor].gradient;
}

static void add_receive(const struct cost_full *c, int tensor, const struct sc_strategy *s, struct cost_sink *sink)
{
    const struct sc_tensor *t = &c->costs.graph->tensors[tensor];
    const struct sc_mesh *mesh = &c->costs.mesh;
    struct slices slices;
    double gather, sum, bytes = sc_tensor_bytes(t);
    struct sc_state wanted = {.spec = s->result[0]};
    find_slices(c, tensor, &slices);
    struct sc_state slice = nearest(c->moves[tensor], &slices, wanted, true, &gather);
    /* Or every device is sent all it wants: more bytes on the way, none after it. */
    double sent = cost_local_bytes(c, tensor, s->result[0]) * mesh->hosts * mesh->devices;
    bool hosts = mesh->cluster->hosts > 1;
    double more = sc_mesh_transfer_seconds(mesh, hosts, sent) - sc_mesh_transfer_seconds(mesh, hosts, bytes);
    if (gather <= more)
        cost_add_move(c, sink, SC_FORWARD, SC_CAUSE_CROSS_MESH, SC_CAUSE_CROSS_MESH, c->moves[tensor], slice, wanted);
    else
        cost_add(sink, &(struct sc_item){.phase = SC_FORWARD,
                                         .cause = SC_CAUSE_CROSS_MESH,
                                         .kind = SC_SEND,
                                         .collective = true,
                                         .bytes = sent - bytes,
                                         .seconds = more,
                                         .algorithm = "naive"});
    if (!has_gradient(c, tensor) || s->partial == 0)
        return; /* what is whole is sliced for free */
    struct sc_state made = {s->result[0], s->partial};
    slice = nearest(c->gradient_moves[tensor], &slices, made, false, &sum);
    cost_add_move(c, sink, SC_BACKWARD, SC_CAUSE_CROSS_MESH, SC_CAUSE_GRADIENT_SUM, c->gradient_moves[tensor], made,
                  slice);
}

static void add_return(const struct cost_full *c, int tensor, const struct sc_strategy *s, struct cost_sink *sink)
{
    struct slices slices;
    double gather;
    if (!has_gradient(c, tensor))
        return;
    find_slices(c, tensor, &slices);
    struct sc_state wanted = {s->result[0], s->partial};
    struct sc_state slice = nearest(c->gradient_moves[tensor], &slices, wanted, true, &gather);
    cost_add_move(c, sink, SC_BACKWARD, SC_CAUSE_CROSS_MESH, SC_CAUSE_CROSS_MESH, c->gradient_moves[tensor], slice,
                  wanted);
}

/* A parameter that an earlier stage has too: once an iteration both sum their gradients. */
static bool is_tied(const struct cost_full *c, int op)
{
    const struct sc_graph *g = c->costs.graph;
    if (sc_kind_source(g->ops[op].kind) != SC_SOURCE_PARAMETER)
        return false;
    const struct sc_tensor *t = &g->tensors[g->ops[op].results[0]];
    bool before = false;
    for (int u = 0; u < t->use_count; u++)
        before |= g->ops[t->uses[u].op].layer < c->first_layer;
    return before && has_gradient(c, g->ops[op].results[0]);
}

static void add_tied(const struct cost_full *c, int op, struct cost_sink *sink)
{
    int tensor = c->costs.graph->ops[op].results[0];
    double bytes = (double)sc_tensor_elements(&c->costs.graph->tensors[tensor]) * cost_recipe(c, tensor).gradient;
    bool hosts = c->costs.mesh.cluster->hosts > 1;
    cost_add(sink, &(struct sc_item){.phase = SC_ONCE,
                                     .cause = SC_CAUSE_GRADIENT_SYNC,
                                     .kind = SC_SEND,
                                     .collective = true,
                                     .bytes = 2 * bytes,
                                     .seconds = 2 * sc_mesh_transfer_seconds(&c->costs.mesh, hosts, bytes),
                                     .algorithm = "tied"});
}

void cost_of_boundary(const struct cost_full *c, const struct sc_cost_node *node, const struct sc_strategy *s,
                      struct cost_sink *sink)
{
    if (node->received)
        add_receive(c, node->tensor, s, sink);
    if (node->returned)
        add_return(c, node->tensor, s, sink);
    if (c->whole != NULL && node->op >= 0 && is_tied(c, node->op))
        add_tied(c, node->op, sink);
}

void sc_costs_boundary(const struct sc_costs *whole, int node, bool received, double *micro_s)
{
    const struct cost_full *c = cost_full(whole);
    struct sc_cost_node n = whole->nodes[node];
    n.received = received;
    n.returned = !received;
    for (int i = 0; i < n.set->count; i++) {
        struct cost_sink sink = {0};
        cost_of_boundary(c, &n, &n.set->at[i], &sink);
        micro_s[i] = rint(sink.micro_s / whole->quantum) * whole->quantum;
    }
}

bool cost_find_crossing(struct cost_full *c)
{
    const struct sc_graph *g = c->costs.graph;
    c->crossing = sc_arena_calloc(c->arena, (size_t)g->tensor_count + 1, sizeof *c->crossing);
    for (int i = 0; c->crossing != NULL && i < g->tensor_count; i++) {
        const struct sc_tensor *t = &g->tensors[i];
        bool crosses = false;
        for (int u = 0; u < t->use_count; u++)
            crosses |= g->ops[t->uses[u].op].layer > g->ops[t->op].layer;
        if (crosses && sc_kind_source(g->ops[t->op].kind) == SC_SOURCE_NONE)
            c->crossing[c->crossing_count++] = i;
    }
    return c->crossing != NULL;
}

/* ---- transfers -------------------------------------------------------------------------------------- */

struct sc_transfer sc_costs_transfer(const struct sc_costs *whole, int first, int last, bool in_hosts, bool out_hosts)
{
    const struct cost_full *c = cost_full(whole);
    const struct sc_graph *g = whole->graph;
    struct sc_transfer out = {0};
    for (int k = 0; k < c->crossing_count; k++) {
        int i = c->crossing[k];
        const struct sc_tensor *t = &g->tensors[i];
        int made = g->ops[t->op].layer;
        bool inside = false, beyond = false;
        if (made > last)
            break;
        for (int u = 0; u < t->use_count; u++) {
            int layer = g->ops[t->uses[u].op].layer;
            inside |= layer >= first && layer <= last;
            beyond |= layer > last;
        }
        double bytes = sc_tensor_bytes(t);
        if (made < first && inside) {
            out.in_bytes += bytes;
            out.in_forward_s += sc_mesh_transfer_seconds(&whole->mesh, in_hosts, bytes);
            out.in_backward_s += has_gradient(c, i) ? sc_mesh_transfer_seconds(&whole->mesh, in_hosts, bytes) : 0;
        }
        if (made >= first && beyond) {
            out.out_bytes += bytes;
            out.out_forward_s += sc_mesh_transfer_seconds(&whole->mesh, out_hosts, bytes);
            out.out_backward_s += has_gradient(c, i) ? sc_mesh_transfer_seconds(&whole->mesh, out_hosts, bytes) : 0;
        }
    }
    double *const values[] = {&out.in_forward_s, &out.in_backward_s, &out.out_forward_s, &out.out_backward_s};
    for (size_t i = 0; i < SC_LEN(values); i++)
        *values[i] = rint(*values[i] / whole->quantum) * whole->quantum;
    return out;
}

bool sc_costs_owns(const struct sc_costs *costs, int op)
{
    return cost_has_op(cost_full(costs), op);
}

/* ---- nodes and edges of a stage --------------------------------------------------------------------- */

struct cutter {
    struct cost_full *c;
    const struct cost_full *w;
    bool *wanted; /* a node of the whole */
    int *index;   /* of it among the nodes of the stage */
};

static int op_of(const struct cost_full *w, int node)
{
    const struct sc_cost_node *n = &w->costs.nodes[node];
    return n->op >= 0 ? n->op : w->costs.graph->tensors[n->tensor].op;
}

static bool is_source(const struct cost_full *w, int node)
{
    return sc_kind_source(w->costs.graph->ops[op_of(w, node)].kind) != SC_SOURCE_NONE;
}

/* Ops of the layers; what they read; and of sources only what is read. */
static void mark(struct cutter *k)
{
    const struct sc_costs *w = &k->w->costs;
    for (int n = 0; n < w->node_count; n++)
        k->wanted[n] = !is_source(k->w, n) && cost_has_op(k->c, op_of(k->w, n));
    for (int e = 0; e < w->edge_count; e++)
        if (w->nodes[w->edges[e].to].op >= 0 && k->wanted[w->edges[e].to])
            k->wanted[w->edges[e].from] = true;
    for (int e = 0; e < w->edge_count; e++) /* the source behind a wanted fan-out */
        if (w->nodes[w->edges[e].to].op < 0 && k->wanted[w->edges[e].to] && is_source(k->w, w->edges[e].from))
            k->wanted[w->edges[e].from] = true;
}

static bool goes_on(const struct cost_full *c, int tensor)
{
    const struct sc_tensor *t = &c->costs.graph->tensors[tensor];
    for (int u = 0; u < t->use_count; u++)
        if (c->costs.graph->ops[t->uses[u].op].layer >= c->end_layer)
            return true;
    return false;
}

/* The rows of a node at the border: its class's, and what passing costs. */
static bool price_boundary(struct cost_full *c, struct sc_cost_node *node)
{
    bool tied = node->op >= 0 && is_tied(c, node->op);
    if (!node->received && !node->returned && !tied)
        return true;
    size_t count = (size_t)(node->set->count + 3) / 4 * 4;
    double *micro = sc_arena_calloc(c->arena, count, sizeof *micro);
    double *once = sc_arena_calloc(c->arena, count, sizeof *once);
    if (micro == NULL || once == NULL)
        return false;
    for (int i = 0; i < node->set->count; i++) {
        struct cost_sink sink = {0};
        cost_of_boundary(c, node, &node->set->at[i], &sink);
        micro[i] = node->micro_s[i] + rint(sink.micro_s / c->costs.quantum) * c->costs.quantum;
        once[i] = node->once_s[i] + rint(sink.once_s / c->costs.quantum) * c->costs.quantum;
    }
    node->micro_s = micro;
    node->once_s = once;
    return true;
}

static bool take_nodes(struct cutter *k)
{
    const struct sc_costs *w = &k->w->costs;
    struct cost_full *c = k->c;
    const struct sc_graph *g = w->graph;
    int count = 0;
    for (int n = 0; n < w->node_count; n++)
        count += k->wanted[n];
    struct sc_cost_node *nodes = sc_arena_calloc(c->arena, (size_t)count + 1, sizeof *nodes);
    int *op_node = sc_arena_calloc(c->arena, (size_t)g->op_count + 1, sizeof *op_node);
    int *fanout_node = sc_arena_calloc(c->arena, (size_t)g->tensor_count + 1, sizeof *fanout_node);
    if (nodes == NULL || op_node == NULL || fanout_node == NULL)
        return false;
    memset(op_node, -1, (size_t)g->op_count * sizeof *op_node);
    memset(fanout_node, -1, (size_t)g->tensor_count * sizeof *fanout_node);
    for (int n = 0; n < w->node_count; n++) {
        if (!k->wanted[n])
            continue;
        struct sc_cost_node *node = &nodes[c->costs.node_count];
        *node = w->nodes[n];
        node->received = node->op < 0 && !is_source(k->w, n) && !cost_has_op(c, op_of(k->w, n));
        node->returned = node->op < 0 && !is_source(k->w, n) && !node->received && goes_on(c, node->tensor);
        *(node->op >= 0 ? &op_node[node->op] : &fanout_node[node->tensor]) = c->costs.node_count;
        k->index[n] = c->costs.node_count++;
        if (!price_boundary(c, node))
            return false;
    }
    c->costs.nodes = nodes;
    c->costs.op_node = op_node;
    c->costs.fanout_node = fanout_node;
    return true;
}

static bool take_edges(struct cutter *k)
{
    const struct sc_costs *w = &k->w->costs;
    struct sc_cost_edge *edges = sc_arena_calloc(k->c->arena, (size_t)w->edge_count + 1, sizeof *edges);
    if (edges == NULL)
        return false;
    for (int e = 0; e < w->edge_count; e++) {
        int from = w->edges[e].from, to = w->edges[e].to;
        if (!k->wanted[from] || !k->wanted[to])
            continue;
        struct sc_cost_edge *edge = &edges[k->c->costs.edge_count++];
        *edge = w->edges[e];
        edge->from = k->index[from];
        edge->to = k->index[to];
    }
    k->c->costs.edges = edges;
    return true;
}

static enum sc_status build(struct cutter *k, struct sc_error *err)
{
    size_t nodes = (size_t)k->w->costs.node_count + 1;
    k->wanted = sc_calloc(nodes, sizeof *k->wanted);
    k->index = sc_calloc(nodes, sizeof *k->index);
    enum sc_status status = SC_NO_MEMORY;
    if (k->wanted != NULL && k->index != NULL) {
        mark(k);
        k->c->keep = cost_keeps(k->c);
        if (k->c->keep != NULL && take_nodes(k) && take_edges(k))
            status = SC_OK;
    }
    sc_free(k->wanted);
    sc_free(k->index);
    return status == SC_OK ? cost_add_usages(k->c, err) : sc_fail(err, status, "no memory for the costs of a stage");
}

enum sc_status sc_costs_cut(const struct sc_costs *whole, int first, int last, int in_flight, struct sc_costs **out,
                            struct sc_error *err)
{
    const struct cost_full *w = cost_full(whole);
    *out = NULL;
    if (first < 0 || last < first || last >= whole->graph->layer_count || in_flight < 1 || !whole->options.cuttable)
        return sc_fail(err, SC_INPUT, "layers %d to %d of %d cannot be cut out with %d microbatches in flight", first,
                       last, whole->graph->layer_count, in_flight);
    struct sc_arena *arena = sc_arena_new();
    struct cost_full *c = arena != NULL ? sc_arena_alloc(arena, sizeof *c) : NULL;
    if (c == NULL) {
        sc_arena_free(arena);
        return sc_fail(err, SC_NO_MEMORY, "no memory for the costs of a stage");
    }
    memcpy(&c->costs, &w->costs, sizeof c->costs);
    c->arena = arena;
    atomic_init(&c->references, 1);
    c->whole = cost_full(sc_costs_share(whole));
    c->first_layer = first;
    c->end_layer = last + 1;
    memcpy(c->exposed, w->exposed, sizeof c->exposed);
    c->layer_again = w->layer_again;
    c->moves = w->moves;
    c->gradient_moves = w->gradient_moves;
    c->class_count = w->class_count;
    c->classes = w->classes;
    c->tables = w->tables;
    c->term_node = w->term_node;
    c->term_edge = w->term_edge;
    c->costs.graph = sc_graph_share(whole->graph);
    c->costs.mesh.cluster = sc_cluster_share(whole->mesh.cluster);
    c->costs.options.in_flight = in_flight;
    c->costs.node_count = c->costs.edge_count = c->costs.usage_count = 0;
    struct cutter k = {.c = c, .w = w};
    enum sc_status status = build(&k, err);
    if (status != SC_OK) {
        sc_costs_free(&c->costs);
        return status;
    }
    *out = &c->costs;
    return SC_OK;
}
