/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Nodes and edges of a graph's cost tables, each class and each table once: 48 equal layers cost as much as one.
 */
#include "cost/internal.h"

#include <math.h>
#include <string.h>

static enum sc_status no_memory(struct sc_error *err)
{
    return sc_fail(err, SC_NO_MEMORY, "no memory for the cost tables");
}

/* ---- classes --------------------------------------------------------------------------------------- */

/* Tensors that several ops read get a node of their own, where values are gathered once for all readers and gradients
 * are summed. Inputs without gradient need none: they are laid out as anyone likes. */
static bool needs_fanout(const struct cost_full *c, const struct sc_tensor *t)
{
    bool train = c->costs.options.mode == SC_TRAIN, crosses = false;
    bool made = sc_kind_source(c->costs.graph->ops[t->op].kind) == SC_SOURCE_NONE;
    for (int u = 0; u < t->use_count; u++)
        crosses |= c->costs.graph->ops[t->uses[u].op].layer != c->costs.graph->ops[t->op].layer;
    if (t->use_count < 2)
        return c->costs.options.cuttable && made && crosses;
    return made || (train && t->gradient);
}

/* What makes nodes alike. An op: its class in the graph, and whether it runs again. A fan-out: also its readers. */
typedef SC_VEC(int32_t) node_key;

static bool key_op(const struct cost_full *c, node_key *key, int op)
{
    const struct sc_op *o = &c->costs.graph->ops[op];
    return sc_vec_push(key, o->klass) && sc_vec_push(key, c->layer_again[o->layer]);
}

static bool key_fanout(const struct cost_full *c, node_key *key, int tensor)
{
    const struct sc_tensor *t = &c->costs.graph->tensors[tensor];
    bool done = sc_vec_push(key, -1) && sc_vec_push(key, t->port) && key_op(c, key, t->op);
    for (int u = 0; done && u < t->use_count; u++)
        done = sc_vec_push(key, t->uses[u].port) && key_op(c, key, t->uses[u].op);
    return done;
}

/* Do two axes shard the same dimension of something that the strategy lays out? */
static bool shares_dim(const struct sc_op *o, const struct sc_strategy *s, int a, int b)
{
    int operands = o != NULL ? o->operand_count : 0, results = o != NULL ? o->result_count : 1;
    for (int k = 0; k < operands; k++)
        if (s->operand[k].dim[a] >= 0 && s->operand[k].dim[a] == s->operand[k].dim[b])
            return true;
    for (int r = 0; r < results; r++)
        if (s->result[r].dim[a] >= 0 && s->result[r].dim[a] == s->result[r].dim[b])
            return true;
    return false;
}

/* The rules that come with Alpa's formulas (SC_FORMULAS_MAP). */
static bool alpa_has(const struct cost_full *c, int op, const struct sc_strategy *s)
{
    const struct sc_axes *axes = &c->costs.mesh.axes;
    const struct sc_op *o = op >= 0 ? &c->costs.graph->ops[op] : NULL;
    bool product = o != NULL && o->kind->unit == SC_UNIT_MATRIX;
    bool playground = c->costs.mesh.formulas == SC_FORMULAS_ALPA_PLAYGROUND;
    for (int a = 0; a < axes->count; a++) {
        if (axes->size[a] == 1)
            continue;
        if (product && s->factor[a] < 0)
            return false;
        for (int b = 0; playground && b < a; b++) {
            if (axes->size[b] == 1)
                continue;
            if ((product && s->factor[a] == s->factor[b]) || shares_dim(o, s, a, b))
                return false;
        }
    }
    return true;
}

static bool keep_alpa(const struct cost_full *c, struct cost_class *klass)
{
    struct sc_strategy *kept = sc_arena_calloc(c->arena, (size_t)klass->set.count, sizeof *kept);
    int count = 0;
    if (kept == NULL)
        return false;
    for (int i = 0; i < klass->set.count; i++) {
        if (alpa_has(c, klass->op, &klass->set.at[i]))
            kept[count++] = klass->set.at[i];
    }
    if (count > 0)
        klass->set = (struct sc_strategies){count, kept}; /* what cannot be split so stays as it is */
    return true;
}

static enum sc_status find_strategies(const struct cost_full *c, struct cost_class *klass, struct sc_error *err)
{
    const struct sc_cost_options *o = &c->costs.options;
    const struct sc_strategy_options options = {.uneven = o->uneven,
                                                .reduce_scatter = o->reduce_scatter,
                                                .training = o->mode == SC_TRAIN,
                                                .shard_state = o->shard_state};
    const struct sc_graph *g = c->costs.graph;
    const struct sc_axes *axes = &c->costs.mesh.axes;
    enum sc_status status = klass->op >= 0
                                ? sc_strategies_of_op(c->arena, g, klass->op, axes, &options, &klass->set, err)
                                : sc_strategies_of_fanout(c->arena, g, klass->tensor, axes, &options, &klass->set, err);
    if (status == SC_OK && c->costs.mesh.formulas != SC_FORMULAS_NATIVE && !keep_alpa(c, klass))
        status = no_memory(err);
    return status;
}

static size_t padded(int count)
{
    return (size_t)(count + 3) / 4 * 4;
}

static enum sc_status make_class(struct cost_full *c, struct cost_class *klass, struct sc_error *err)
{
    const struct sc_graph *g = c->costs.graph;
    if (klass->op >= 0) {
        klass->recomputed = c->layer_again[g->ops[klass->op].layer];
        enum sc_status status = cost_check_dtype(c, klass->op, err);
        if (status != SC_OK)
            return status;
    } else {
        const struct sc_tensor *t = &g->tensors[klass->tensor];
        for (int u = 0; u < t->use_count; u++) {
            klass->recomputed = klass->recomputed || c->layer_again[g->ops[t->uses[u].op].layer];
            klass->again = klass->again || cost_needs_operand(c, t->uses[u].op, t->uses[u].port);
        }
    }
    enum sc_status status = find_strategies(c, klass, err);
    if (status != SC_OK)
        return status;
    klass->micro_s = sc_arena_calloc(c->arena, padded(klass->set.count), sizeof *klass->micro_s);
    klass->once_s = sc_arena_calloc(c->arena, padded(klass->set.count), sizeof *klass->once_s);
    if (klass->micro_s == NULL || klass->once_s == NULL)
        return no_memory(err);
    for (int i = 0; i < klass->set.count; i++) {
        struct cost_sink sink = {0};
        cost_of_node(c, klass, &klass->set.at[i], &sink);
        klass->micro_s[i] = sink.micro_s;
        klass->once_s[i] = sink.once_s;
    }
    return SC_OK;
}

/* ---- nodes ----------------------------------------------------------------------------------------- */

struct node_builder {
    struct cost_full *c;
    struct sc_map known; /* node_key to class */
    node_key key;
    struct sc_cost_node *nodes;
    struct sc_cancel *cancel;
};

static enum sc_status add_node(struct node_builder *b, int op, int tensor, struct sc_error *err)
{
    struct cost_full *c = b->c;
    int64_t id = c->class_count;
    b->key.count = 0;
    if (!(op >= 0 ? key_op(c, &b->key, op) : key_fanout(c, &b->key, tensor)))
        return no_memory(err);
    size_t size = b->key.count * sizeof *b->key.data;
    if (!sc_map_get(&b->known, b->key.data, size, &id)) {
        if (sc_cancelled(b->cancel))
            return sc_fail(err, SC_CANCELLED, "cancelled while pricing strategies");
        if (!sc_map_put(&b->known, b->key.data, size, id))
            return no_memory(err);
        struct cost_class *klass = &c->classes[c->class_count++];
        *klass = (struct cost_class){.op = op, .tensor = tensor};
        enum sc_status status = make_class(c, klass, err);
        if (status != SC_OK)
            return status;
    }
    c->classes[id].members++;
    b->nodes[c->costs.node_count++] = (struct sc_cost_node){.op = op, .tensor = tensor, .klass = (int)id};
    return SC_OK;
}

static enum sc_status add_nodes(struct node_builder *b, int *op_node, int *fanout_node, struct sc_error *err)
{
    const struct sc_graph *g = b->c->costs.graph;
    for (int t = 0; t < g->tensor_count; t++)
        fanout_node[t] = -1;
    for (int op = 0; op < g->op_count; op++) {
        op_node[op] = b->c->costs.node_count;
        enum sc_status status = add_node(b, op, -1, err);
        if (status != SC_OK)
            return status;
        for (int r = 0; r < g->ops[op].result_count; r++) {
            int tensor = g->ops[op].results[r];
            if (!needs_fanout(b->c, &g->tensors[tensor]))
                continue;
            fanout_node[tensor] = b->c->costs.node_count;
            if ((status = add_node(b, -1, tensor, err)) != SC_OK)
                return status;
        }
    }
    for (int n = 0; n < b->c->costs.node_count; n++) {
        const struct cost_class *klass = &b->c->classes[b->nodes[n].klass];
        b->nodes[n].set = &klass->set;
        b->nodes[n].micro_s = klass->micro_s;
        b->nodes[n].once_s = klass->once_s;
    }
    return SC_OK;
}

enum sc_status cost_build_nodes(struct cost_full *c, struct sc_cancel *cancel, struct sc_error *err)
{
    const struct sc_graph *g = c->costs.graph;
    size_t most = (size_t)g->op_count + (size_t)g->tensor_count + 1;
    int *op_node = sc_arena_calloc(c->arena, (size_t)g->op_count + 1, sizeof *op_node);
    int *fanout_node = sc_arena_calloc(c->arena, (size_t)g->tensor_count + 1, sizeof *fanout_node);
    struct node_builder b = {.c = c, .cancel = cancel, .nodes = sc_arena_calloc(c->arena, most, sizeof *b.nodes)};
    c->classes = sc_arena_calloc(c->arena, most, sizeof *c->classes);
    enum sc_status status = op_node != NULL && fanout_node != NULL && b.nodes != NULL && c->classes != NULL
                                ? add_nodes(&b, op_node, fanout_node, err)
                                : no_memory(err);
    c->costs.nodes = b.nodes;
    c->costs.op_node = op_node;
    c->costs.fanout_node = fanout_node;
    sc_map_free(&b.known);
    sc_vec_free(&b.key);
    return status;
}

/* ---- paths between layouts ------------------------------------------------------------------------- */

/* The price of a step, less what hides behind compute. */
static double exposed_price(const void *user, enum sc_collective kind, unsigned axes, double bytes)
{
    const struct cost_full *c = user;
    return c->exposed[kind] * sc_mesh_price(&c->costs.mesh, kind, axes, bytes);
}

static enum sc_status find_moves(struct cost_full *c, struct sc_map *known, int tensor, double item_bytes,
                                 const struct sc_reshard **out, struct sc_error *err)
{
    const struct sc_tensor *t = &c->costs.graph->tensors[tensor];
    int64_t key[SC_MAX_RANK + 2] = {t->rank}, like;
    memcpy(&key[1], &item_bytes, sizeof item_bytes);
    memcpy(&key[2], t->size, (size_t)t->rank * sizeof *t->size);
    if (sc_map_get(known, key, sizeof key, &like)) {
        *out = (const struct sc_reshard *)(intptr_t)like;
        return SC_OK;
    }
    struct sc_reshard *made = NULL;
    enum sc_status status = sc_reshard_new(c->arena, &c->costs.mesh.axes, t->rank, t->size, item_bytes,
                                           c->costs.options.uneven, exposed_price, c, &made, err);
    if (status != SC_OK)
        return status;
    *out = made;
    return sc_map_put(known, key, sizeof key, (int64_t)(intptr_t)made) ? SC_OK : no_memory(err);
}

/* Parameters' gradients may have another width than their values. */
static enum sc_status find_all_moves(struct cost_full *c, struct sc_cancel *cancel, struct sc_error *err)
{
    const struct sc_graph *g = c->costs.graph;
    struct sc_map known = {0};
    enum sc_status status = SC_OK;
    for (int t = 0; t < g->tensor_count && status == SC_OK; t++) {
        double width = sc_dtype_bytes(g->tensors[t].dtype);
        if (sc_cancelled(cancel))
            status = sc_fail(err, SC_CANCELLED, "cancelled while finding resharding paths");
        if (status == SC_OK)
            status = find_moves(c, &known, t, width, &c->moves[t], err);
        if (status != SC_OK || !g->tensors[t].gradient)
            continue;
        if (sc_kind_source(g->ops[g->tensors[t].op].kind) == SC_SOURCE_PARAMETER)
            width = cost_recipe(c, t).gradient;
        if (width > 0)
            status = find_moves(c, &known, t, width, &c->gradient_moves[t], err);
        else
            c->gradient_moves[t] = c->moves[t];
    }
    sc_map_free(&known);
    return status;
}

/* ---- edges ----------------------------------------------------------------------------------------- */

static bool same_end(const struct cost_end *a, const struct cost_end *b)
{
    return sc_spec_equal(a->spec, b->spec) && sc_spec_equal(a->gradient, b->gradient) && a->partial == b->partial &&
           a->state_axes == b->state_axes && a->shard_gradient == b->shard_gradient;
}

/* The different ends that the choices of a node give an edge, and which of them each choice has. */
struct ends {
    struct cost_end *at;
    int *of;
    int count;
};

static bool find_ends(const struct cost_full *c, int edge, bool from, struct ends *out)
{
    const struct sc_cost_edge *e = &c->costs.edges[edge];
    const struct sc_strategies *set = c->costs.nodes[from ? e->from : e->to].set;
    out->at = sc_calloc((size_t)set->count, sizeof *out->at);
    out->of = sc_calloc((size_t)set->count, sizeof *out->of);
    if (out->at == NULL || out->of == NULL)
        return false;
    for (int i = 0; i < set->count; i++) {
        struct cost_end end = from ? cost_from_end(c, edge, &set->at[i]) : cost_to_end(c, edge, &set->at[i]);
        int j = 0;
        while (j < out->count && !same_end(&out->at[j], &end))
            j++;
        if (j == out->count)
            out->at[out->count++] = end;
        out->of[i] = j;
    }
    return true;
}

/* The cost between every two ends, then one entry for every two choices. */
static bool fill_table(struct cost_full *c, int edge, const struct ends *from, const struct ends *to,
                       struct cost_table *table)
{
    const struct sc_cost_edge *e = &c->costs.edges[edge];
    int rows = c->costs.nodes[e->from].set->count, cols = c->costs.nodes[e->to].set->count;
    size_t pairs = (size_t)from->count * (size_t)to->count, stride = padded(cols);
    double *micro = sc_calloc(pairs, sizeof *micro), *once = sc_calloc(pairs, sizeof *once);
    bool any_once = false, done = micro != NULL && once != NULL;
    for (size_t i = 0; done && i < pairs; i++) {
        struct cost_sink sink = {0};
        cost_of_edge(c, edge, &from->at[i / (size_t)to->count], &to->at[i % (size_t)to->count], &sink);
        micro[i] = sink.micro_s;
        once[i] = sink.once_s;
        any_once = any_once || once[i] != 0;
    }
    if (done)
        table->micro_s = sc_arena_calloc(c->arena, (size_t)rows * stride, sizeof *table->micro_s);
    if (done && any_once)
        table->once_s = sc_arena_calloc(c->arena, (size_t)rows * stride, sizeof *table->once_s);
    done = table->micro_s != NULL && (table->once_s != NULL || !any_once);
    for (int r = 0; done && r < rows; r++) {
        size_t row = (size_t)from->of[r] * (size_t)to->count, at = (size_t)r * stride;
        for (int k = 0; k < cols; k++)
            table->micro_s[at + (size_t)k] = micro[row + (size_t)to->of[k]];
        for (int k = 0; any_once && k < cols; k++)
            table->once_s[at + (size_t)k] = once[row + (size_t)to->of[k]];
    }
    sc_free(micro);
    sc_free(once);
    return done;
}

/* Every table has a row a choice: huge own rules on three axes are refused before they fill the memory. */
enum { MAX_TABLE_MIB = 2048 };

static enum sc_status check_size(const struct cost_full *c, int edge, struct sc_error *err)
{
    const struct sc_cost_edge *e = &c->costs.edges[edge];
    double more = (double)c->costs.nodes[e->from].set->count * e->stride * sizeof(double);
    if (((double)sc_arena_bytes(c->arena) + more) / 1048576 <= MAX_TABLE_MIB)
        return SC_OK;
    return sc_fail(err, SC_LIMIT,
                   "the cost tables of %s would need more than %d MiB; a mesh with fewer axes needs less",
                   c->costs.graph->name, MAX_TABLE_MIB);
}

static enum sc_status make_table(struct cost_full *c, int edge, struct cost_table *table, struct sc_error *err)
{
    struct ends from = {0}, to = {0};
    enum sc_status status = check_size(c, edge, err);
    if (status != SC_OK)
        return status;
    *table = (struct cost_table){.edge = edge};
    bool done =
        find_ends(c, edge, true, &from) && find_ends(c, edge, false, &to) && fill_table(c, edge, &from, &to, table);
    sc_free(from.at);
    sc_free(from.of);
    sc_free(to.at);
    sc_free(to.of);
    return done ? SC_OK : no_memory(err);
}

static int port_of_producer(const struct cost_full *c, const struct sc_cost_edge *e)
{
    return c->costs.nodes[e->from].op < 0 ? 0 : c->costs.graph->tensors[e->tensor].port;
}

static enum sc_status add_edge(struct cost_full *c, struct sc_map *known, struct sc_cost_edge *edges, int from, int to,
                               int tensor, int port, struct sc_error *err)
{
    int index = c->costs.edge_count++;
    struct sc_cost_edge *e = &edges[index];
    *e = (struct sc_cost_edge){.from = from, .to = to, .tensor = tensor, .port = port};
    e->stride = (int)padded(c->costs.nodes[to].set->count);
    int64_t id = c->costs.table_count;
    const int32_t key[] = {c->costs.nodes[from].klass, port_of_producer(c, e), c->costs.nodes[to].klass, port};
    if (!sc_map_get(known, key, sizeof key, &id)) {
        if (!sc_map_put(known, key, sizeof key, id))
            return no_memory(err);
        c->costs.table_count++;
        enum sc_status status = make_table(c, index, &c->tables[id], err);
        if (status != SC_OK)
            return status;
    }
    c->tables[id].members++;
    e->table = (int)id;
    return SC_OK;
}

static enum sc_status add_edges(struct cost_full *c, struct sc_map *known, struct sc_cost_edge *edges,
                                struct sc_cancel *cancel, struct sc_error *err)
{
    const struct sc_graph *g = c->costs.graph;
    for (int op = 0; op < g->op_count; op++) {
        enum sc_status status = SC_OK;
        if (sc_cancelled(cancel))
            return sc_fail(err, SC_CANCELLED, "cancelled while pricing edges");
        for (int k = 0; k < g->ops[op].operand_count && status == SC_OK; k++) {
            int tensor = g->ops[op].operands[k], fanout = c->costs.fanout_node[tensor];
            int from = fanout >= 0 ? fanout : c->costs.op_node[g->tensors[tensor].op];
            status = add_edge(c, known, edges, from, c->costs.op_node[op], tensor, k, err);
        }
        for (int r = 0; r < g->ops[op].result_count && status == SC_OK; r++) {
            int tensor = g->ops[op].results[r], fanout = c->costs.fanout_node[tensor];
            if (fanout >= 0)
                status = add_edge(c, known, edges, c->costs.op_node[op], fanout, tensor, 0, err);
        }
        if (status != SC_OK)
            return status;
    }
    return SC_OK;
}

/* All edges without once-an-iteration costs share one block of zeros. */
static enum sc_status point_edges(struct cost_full *c, struct sc_cost_edge *edges, struct sc_error *err)
{
    size_t largest = 1;
    for (int i = 0; i < c->costs.edge_count; i++) {
        size_t size = (size_t)c->costs.nodes[edges[i].from].set->count * (size_t)edges[i].stride;
        if (size > largest)
            largest = size;
    }
    const double *zeros = sc_arena_calloc(c->arena, largest, sizeof *zeros);
    if (zeros == NULL)
        return no_memory(err);
    for (int i = 0; i < c->costs.edge_count; i++) {
        const struct cost_table *table = &c->tables[edges[i].table];
        edges[i].micro_s = table->micro_s;
        edges[i].once_s = table->once_s != NULL ? table->once_s : zeros;
    }
    return SC_OK;
}

enum sc_status cost_build_edges(struct cost_full *c, struct sc_cancel *cancel, struct sc_error *err)
{
    const struct sc_graph *g = c->costs.graph;
    size_t tensors = (size_t)g->tensor_count + 1, most = tensors;
    for (int op = 0; op < g->op_count; op++)
        most += (size_t)g->ops[op].operand_count;
    struct sc_cost_edge *edges = sc_arena_calloc(c->arena, most, sizeof *edges);
    c->tables = sc_arena_calloc(c->arena, most, sizeof *c->tables);
    c->moves = sc_arena_calloc(c->arena, tensors, sizeof *c->moves);
    c->gradient_moves = sc_arena_calloc(c->arena, tensors, sizeof *c->gradient_moves);
    if (edges == NULL || c->tables == NULL || c->moves == NULL || c->gradient_moves == NULL)
        return no_memory(err);
    c->costs.edges = edges;
    struct sc_map known = {0};
    enum sc_status status = find_all_moves(c, cancel, err);
    if (status == SC_OK)
        status = add_edges(c, &known, edges, cancel, err);
    if (status == SC_OK)
        status = point_edges(c, edges, err);
    sc_map_free(&known);
    return status;
}
