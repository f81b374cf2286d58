/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A graph in other layers. Names, rules and kinds are shared with the graph that it came from; ops, tensors and their
 * readers are numbered again, because sources follow their first readers.
 */
#include "private.h"

#include <string.h>

struct relayering {
    const struct sc_graph *from;
    int layer_count;
    int *layer;       /* of each op */
    int *order;       /* old op of each new one */
    int *op, *tensor; /* new number of each old one */
    struct sc_graph_box *box;
};

static enum sc_status out_of_memory(struct sc_error *err)
{
    return sc_fail(err, SC_NO_MEMORY, "out of memory");
}

static enum sc_status check_layers(const struct sc_graph *graph, int layer_count, const int *first_op,
                                   struct sc_error *err)
{
    if (layer_count < 1 || layer_count > graph->op_count)
        return sc_fail(err, SC_INPUT, "%d layers of %d ops", layer_count, graph->op_count);
    for (int l = 0; l < layer_count; l++)
        if (first_op[l] < 0 || first_op[l] >= graph->op_count ||
            (l == 0 ? first_op[l] != 0 : first_op[l] <= first_op[l - 1]))
            return sc_fail(err, SC_INPUT, "layer %d cannot begin at op %d; layers begin at 0 and behind each other", l,
                           first_op[l]);
    return SC_OK;
}

/* The layer of every op: by its place, or, of a source that was with its first reader, by that. */
static enum sc_status choose_layers(struct relayering *r, const int *first_op, struct sc_error *err)
{
    const struct sc_graph *g = r->from;
    int layer = 0, filled = -1;
    for (int i = 0; i < g->op_count; i++) {
        while (layer + 1 < r->layer_count && i >= first_op[layer + 1])
            layer++;
        r->layer[i] = layer;
        if (sc_kind_source(g->ops[i].kind) != SC_SOURCE_NONE)
            continue;
        if (layer > filled + 1)
            break;
        filled = layer;
    }
    if (filled + 1 < r->layer_count)
        return sc_fail(err, SC_INPUT, "layer %d would have no op that computes", filled + 1);
    for (int i = 0; i < g->op_count; i++) {
        const struct sc_op *op = &g->ops[i];
        if (sc_kind_source(op->kind) == SC_SOURCE_NONE || g->tensors[op->results[0]].use_count == 0)
            continue;
        int reader = g->tensors[op->results[0]].uses[0].op;
        if (g->ops[reader].layer == op->layer)
            r->layer[i] = r->layer[reader];
    }
    return SC_OK;
}

/* By layer, and in a layer as before: readers stay behind what they read. */
static bool number_again(struct relayering *r, struct sc_layer *layers)
{
    const struct sc_graph *g = r->from;
    int tensors = 0;
    for (int i = 0; i < g->op_count; i++)
        layers[r->layer[i]].op_count++;
    for (int l = 1; l < r->layer_count; l++)
        layers[l].first_op = layers[l - 1].first_op + layers[l - 1].op_count;
    for (int l = 0; l < r->layer_count; l++)
        layers[l].op_count = 0;
    for (int i = 0; i < g->op_count; i++) {
        struct sc_layer *layer = &layers[r->layer[i]];
        r->op[i] = layer->first_op + layer->op_count++;
        r->order[r->op[i]] = i;
    }
    for (int i = 0; i < g->op_count; i++)
        for (int k = 0; k < g->ops[r->order[i]].result_count; k++)
            r->tensor[g->ops[r->order[i]].results[k]] = tensors++;
    return tensors == g->tensor_count;
}

static const int *renumber(const struct relayering *r, const int *tensors, int count)
{
    int *copy = sc_arena_calloc(r->box->arena, (size_t)count + 1, sizeof *copy);
    for (int k = 0; copy && k < count; k++)
        copy[k] = r->tensor[tensors[k]];
    return copy;
}

static bool copy_ops(const struct relayering *r)
{
    const struct sc_graph *g = r->from;
    struct sc_op *ops = sc_arena_calloc(r->box->arena, (size_t)g->op_count, sizeof *ops);
    r->box->graph.ops = ops;
    for (int i = 0; ops && i < g->op_count; i++) {
        const struct sc_op *old = &g->ops[r->order[i]];
        ops[i] = *old;
        ops[i].layer = r->layer[r->order[i]];
        ops[i].operands = renumber(r, old->operands, old->operand_count);
        ops[i].results = renumber(r, old->results, old->result_count);
        if (!ops[i].operands || !ops[i].results || !sc_map_put_text(&r->box->op_names, old->name, i))
            return false;
    }
    return ops != NULL;
}

/* Only sources move, and they read nothing, so that readers keep their order. */
static bool copy_tensors(const struct relayering *r)
{
    const struct sc_graph *g = r->from;
    size_t total = 0;
    for (int t = 0; t < g->tensor_count; t++)
        total += (size_t)g->tensors[t].use_count;
    struct sc_tensor *tensors = sc_arena_calloc(r->box->arena, (size_t)g->tensor_count, sizeof *tensors);
    struct sc_use *uses = sc_arena_calloc(r->box->arena, total + 1, sizeof *uses);
    r->box->graph.tensors = tensors;
    for (int t = 0; tensors && uses && t < g->tensor_count; t++) {
        struct sc_tensor *copy = &tensors[r->tensor[t]];
        *copy = g->tensors[t];
        copy->op = r->op[copy->op];
        copy->uses = uses;
        for (int u = 0; u < copy->use_count; u++)
            *uses++ = (struct sc_use){r->op[g->tensors[t].uses[u].op], g->tensors[t].uses[u].port};
    }
    return tensors && uses;
}

static enum sc_status name_layers(const struct relayering *r, struct sc_layer *layers, const char *const *names,
                                  struct sc_error *err)
{
    struct sc_map seen = {0};
    enum sc_status status = SC_OK;
    for (int l = 0; l < r->layer_count && status == SC_OK; l++) {
        int64_t other;
        const char *name =
            names ? sc_arena_strdup(r->box->arena, names[l]) : sc_arena_printf(r->box->arena, "part.%d", l);
        layers[l].name = name;
        if (name && sc_map_get_text(&seen, name, &other))
            status = sc_fail(err, SC_INPUT, "layers %d and %d are both named \"%s\"", (int)other, l, name);
        else if (!name || !sc_map_put_text(&seen, name, l))
            status = out_of_memory(err);
    }
    sc_map_free(&seen);
    return status;
}

static enum sc_status fill(struct relayering *r, const int *first_op, const char *const *names, struct sc_error *err)
{
    struct sc_graph *g = &r->box->graph;
    struct sc_layer *layers = sc_arena_calloc(r->box->arena, (size_t)r->layer_count, sizeof *layers);
    if (!layers)
        return out_of_memory(err);
    enum sc_status status = choose_layers(r, first_op, err);
    if (status == SC_OK)
        status = name_layers(r, layers, names, err);
    if (status != SC_OK)
        return status;
    if (!number_again(r, layers))
        return sc_fail(err, SC_INTERNAL, "tensors without a producer");
    if (!copy_ops(r) || !copy_tensors(r))
        return out_of_memory(err);
    g->layers = layers;
    g->layer_count = r->layer_count;
    g->repeats = NULL;
    g->repeat_count = 0;
    if (sc_find_repeats(r->box->arena, g, &g->repeats, &g->repeat_count) != SC_OK)
        return out_of_memory(err);
    g->hash = sc_graph_hash_content(g);
    return SC_OK;
}

enum sc_status sc_graph_relayer(const struct sc_graph *graph, int layer_count, const int *first_op,
                                const char *const *names, struct sc_graph **out, struct sc_error *err)
{
    struct relayering r = {.from = graph, .layer_count = layer_count};
    *out = NULL;
    enum sc_status status = check_layers(graph, layer_count, first_op, err);
    if (status != SC_OK)
        return status;
    const struct sc_graph *content = ((const struct sc_graph_box *)graph)->content;
    size_t ops = (size_t)graph->op_count;
    struct sc_arena *scratch = sc_arena_new();
    r.box = sc_alloc(sizeof *r.box);
    if (r.box) {
        atomic_init(&r.box->references, 1);
        r.box->graph = *graph;
        r.box->content = sc_graph_share(content ? content : graph);
        r.box->arena = sc_arena_new();
    }
    if (scratch) {
        r.layer = sc_arena_calloc(scratch, ops, sizeof *r.layer);
        r.order = sc_arena_calloc(scratch, ops, sizeof *r.order);
        r.op = sc_arena_calloc(scratch, ops, sizeof *r.op);
        r.tensor = sc_arena_calloc(scratch, (size_t)graph->tensor_count, sizeof *r.tensor);
    }
    bool good = r.box && r.box->arena && r.layer && r.order && r.op && r.tensor;
    status = good ? fill(&r, first_op, names, err) : out_of_memory(err);
    sc_arena_free(scratch);
    if (status == SC_OK)
        *out = &r.box->graph;
    else
        sc_graph_free(r.box ? &r.box->graph : NULL);
    return status;
}
