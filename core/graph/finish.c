/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * From a builder to a graph: readers of tensors, rules of sources, classes, sums, repeats and hash; and the finished
 * graph's own functions.
 */
#include "private.h"

#include <string.h>

static enum sc_status out_of_memory(struct sc_error *err)
{
    return sc_fail(err, SC_NO_MEMORY, "out of memory");
}

/* ---- readers ---------------------------------------------------------------------------------------- */

/* Lay all uses into one array: count, then place. */
static bool collect_uses(struct sc_graph_builder *b)
{
    size_t total = 0;
    for (size_t i = 0; i < b->ops.count; i++)
        for (int k = 0; k < b->ops.data[i].operand_count; k++, total++)
            b->tensors.data[b->ops.data[i].operands[k]].tensor.use_count++;
    struct sc_use *uses = sc_arena_calloc(b->arena, total ? total : 1, sizeof *uses);
    if (!uses)
        return false;
    for (size_t t = 0; t < b->tensors.count; t++) {
        b->tensors.data[t].tensor.uses = uses;
        uses += b->tensors.data[t].tensor.use_count;
        b->tensors.data[t].tensor.use_count = 0;
    }
    for (size_t i = 0; i < b->ops.count; i++)
        for (int k = 0; k < b->ops.data[i].operand_count; k++) {
            struct sc_tensor *t = &b->tensors.data[b->ops.data[i].operands[k]].tensor;
            ((struct sc_use *)t->uses)[t->use_count++] = (struct sc_use){(int)i, k};
        }
    return true;
}

int sc_graph_find_dead(const struct sc_graph_builder *b)
{
    bool *read = sc_calloc(b->tensors.count + 1, sizeof *read);
    int dead = -1;
    for (size_t i = b->ops.count; read && i-- > 0;) {
        const struct sc_op *op = &b->ops.data[i];
        bool reached = false;
        for (int k = 0; k < op->operand_count; k++)
            read[op->operands[k]] = true;
        for (int k = 0; k < op->result_count; k++)
            reached |= read[op->results[k]] || b->tensors.data[op->results[k]].tensor.output;
        if (!reached)
            dead = (int)i;
    }
    sc_free(read);
    return dead;
}

static enum sc_status check_reach(const struct sc_graph_builder *b, struct sc_error *err)
{
    if (b->ops.count == 0)
        return sc_fail(err, SC_INPUT, "the model has no ops");
    if (b->outputs == 0)
        return sc_fail(err, SC_INPUT, "the model has no output; name at least one");
    int dead = sc_graph_find_dead(b);
    if (dead >= 0)
        return sc_fail(err, SC_INPUT, "%s \"%s\" is read by nothing and is no output", b->ops.data[dead].kind->name,
                       b->ops.data[dead].name);
    for (size_t l = 0; l < b->layers.count; l++)
        if (b->layers.data[l].op_count == 0)
            return sc_fail(err, SC_INPUT, "layer \"%s\" has no ops", b->layers.data[l].name);
    return SC_OK;
}

static void size_layers(struct sc_graph_builder *b)
{
    for (size_t l = 0; l < b->layers.count; l++) {
        size_t end = l + 1 < b->layers.count ? (size_t)b->layers.data[l + 1].first_op : b->ops.count;
        b->layers.data[l].op_count = (int)end - b->layers.data[l].first_op;
    }
}

/* ---- rules of sources ------------------------------------------------------------------------------- */

/* "-> b s h", a factor a dimension, with the names that the first reader gave. */
static const struct sc_rule *source_rule(struct sc_graph_builder *b, const struct sc_building_tensor *t)
{
    struct sc_rule rule;
    struct sc_str text = {0};
    memset(&rule, 0, sizeof rule);
    rule.result_count = 1;
    rule.factor_count = rule.result[0].rank = t->tensor.rank;
    sc_str_add(&text, "->");
    for (int d = 0; d < t->tensor.rank; d++) {
        struct sc_factor *factor = &rule.factor[d];
        memcpy(factor->name, t->names[d], SC_NAME_SIZE);
        for (int tries = 0; !factor->name[0]; tries++) {
            char name[SC_NAME_SIZE] = {'d', (char)('0' + tries)};
            bool taken = false;
            for (int e = 0; e < t->tensor.rank; e++)
                taken |= strcmp(name, t->names[e]) == 0 || (e < d && strcmp(name, rule.factor[e].name) == 0);
            if (!taken)
                memcpy(factor->name, name, sizeof name);
        }
        factor->kind = SC_PASS;
        factor->size = t->tensor.size[d];
        rule.result[0].dim[d] = (struct sc_dim){1, {(uint8_t)d}, 1};
        sc_str_addf(&text, " %s", factor->name);
    }
    if (t->tensor.rank == 0)
        sc_str_add(&text, " ()");
    rule.text = text.failed ? NULL : sc_arena_strdup(b->arena, sc_str_text(&text));
    sc_str_free(&text);
    return rule.text ? sc_graph_intern_rule(b, &rule) : NULL;
}

static bool rule_sources(struct sc_graph_builder *b)
{
    for (size_t i = 0; i < b->ops.count; i++)
        if (!b->ops.data[i].rule) {
            b->ops.data[i].rule = source_rule(b, &b->tensors.data[b->ops.data[i].results[0]]);
            if (!b->ops.data[i].rule)
                return false;
        }
    return true;
}

/* ---- classes ---------------------------------------------------------------------------------------- */

static void add_number(struct sc_str *key, int64_t value)
{
    sc_str_addn(key, (const char *)&value, sizeof value);
}

static void add_tensor_key(struct sc_str *key, const struct sc_graph_builder *b, int tensor)
{
    const struct sc_tensor *t = &b->tensors.data[tensor].tensor;
    add_number(key, t->dtype | t->rank << 8 | t->gradient << 16 | (int64_t)t->output << 17 |
                        (int64_t)sc_kind_source(b->ops.data[t->op].kind) << 18);
    for (int d = 0; d < t->rank; d++)
        add_number(key, t->size[d]);
}

/* Equal keys are equal classes: everything that strategies and costs of one op can depend on. Rules are interned, so
 * their place in the arena says which one it is; the place itself never shows in a result. */
static bool classify(struct sc_graph_builder *b, int *count)
{
    struct sc_map classes = {0};
    struct sc_str key = {0};
    bool good = true;
    for (size_t i = 0; i < b->ops.count && good; i++) {
        struct sc_op *op = &b->ops.data[i];
        int64_t klass = (int64_t)classes.count;
        sc_str_clear(&key);
        add_number(&key, (int64_t)(intptr_t)op->kind);
        add_number(&key, (int64_t)(intptr_t)op->rule);
        sc_str_addn(&key, (const char *)&op->flops, sizeof op->flops);
        for (int k = 0; k < op->operand_count; k++)
            add_tensor_key(&key, b, op->operands[k]);
        for (int k = 0; k < op->result_count; k++)
            add_tensor_key(&key, b, op->results[k]);
        good = !key.failed;
        if (good && !sc_map_get(&classes, sc_str_text(&key), key.length, &klass))
            good = sc_map_put(&classes, sc_str_text(&key), key.length, klass);
        op->klass = (int)klass;
    }
    *count = (int)classes.count;
    sc_str_free(&key);
    sc_map_free(&classes);
    return good;
}

/* ---- sums and hash ---------------------------------------------------------------------------------- */

static enum sc_status sum_up(const struct sc_graph_builder *b, struct sc_graph *graph, struct sc_error *err)
{
    for (size_t i = 0; i < b->ops.count; i++) {
        const struct sc_op *op = &b->ops.data[i];
        graph->flops += op->flops;
        if (sc_kind_source(op->kind) == SC_SOURCE_PARAMETER &&
            __builtin_add_overflow(graph->parameters, sc_tensor_elements(&b->tensors.data[op->results[0]].tensor),
                                   &graph->parameters))
            return sc_fail(err, SC_LIMIT, "the number of parameters overflows");
    }
    return SC_OK;
}

uint64_t sc_graph_hash_content(const struct sc_graph *graph)
{
    uint64_t h = sc_hash_text(0, graph->name);
    h = sc_hash_u64(h, (uint64_t)graph->batch);
    h = sc_hash_u64(h, (uint64_t)graph->microbatches);
    h = sc_hash_u64(h, (uint64_t)graph->sequence);
    h = sc_hash_u64(h, (uint64_t)graph->mode);
    for (int i = 0; i < graph->op_count; i++) {
        const struct sc_op *op = &graph->ops[i];
        h = sc_hash_text(h, op->name);
        h = sc_hash_text(h, op->kind->name);
        h = sc_hash_text(h, op->rule->text);
        h = sc_hash_bytes(h, &op->flops, sizeof op->flops);
        h = sc_hash_u64(h, (uint64_t)op->layer);
        for (int k = 0; k < op->operand_count; k++)
            h = sc_hash_u64(h, (uint64_t)op->operands[k]);
    }
    for (int t = 0; t < graph->tensor_count; t++) {
        const struct sc_tensor *tensor = &graph->tensors[t];
        h = sc_hash_u64(h, (uint64_t)tensor->dtype << 1 | tensor->output);
        for (int d = 0; d < tensor->rank; d++)
            h = sc_hash_u64(h, (uint64_t)tensor->size[d]);
    }
    for (int l = 0; l < graph->layer_count; l++)
        h = sc_hash_text(h, graph->layers[l].name);
    return h;
}

/* ---- building --------------------------------------------------------------------------------------- */

static void *keep(struct sc_arena *arena, const void *data, size_t count, size_t size)
{
    return count ? sc_arena_copy(arena, data, count * size) : sc_arena_alloc(arena, 1);
}

static bool fill_box(struct sc_graph_builder *b, struct sc_graph_box *box)
{
    struct sc_graph *g = &box->graph;
    g->name = b->name;
    g->source = b->source;
    g->batch = b->batch;
    g->microbatches = b->microbatches;
    g->sequence = b->sequence;
    g->mode = b->mode;
    g->op_count = (int)b->ops.count;
    g->tensor_count = (int)b->tensors.count;
    g->layer_count = (int)b->layers.count;
    g->set_count = (int)b->set_names.count;
    struct sc_tensor *tensors = sc_arena_calloc(b->arena, b->tensors.count, sizeof *tensors);
    for (size_t t = 0; tensors && t < b->tensors.count; t++)
        tensors[t] = b->tensors.data[t].tensor;
    g->tensors = tensors;
    g->ops = keep(b->arena, b->ops.data, b->ops.count, sizeof *g->ops);
    g->layers = keep(b->arena, b->layers.data, b->layers.count, sizeof *g->layers);
    g->set_names = keep(b->arena, b->set_names.data, b->set_names.count, sizeof *g->set_names);
    g->set_values = keep(b->arena, b->set_values.data, b->set_values.count, sizeof *g->set_values);
    return tensors && g->ops && g->layers && g->set_names && g->set_values;
}

/* Everything that can fail, in an arena that is still the builder's. */
static enum sc_status finish(struct sc_graph_builder *b, struct sc_graph_box *box, struct sc_error *err)
{
    if (!collect_uses(b))
        return out_of_memory(err);
    size_layers(b);
    enum sc_status status = check_reach(b, err);
    if (status != SC_OK)
        return status;
    if (!rule_sources(b) || !classify(b, &box->graph.class_count))
        return out_of_memory(err);
    status = sum_up(b, &box->graph, err);
    if (status != SC_OK)
        return status;
    if (!fill_box(b, box))
        return out_of_memory(err);
    status = sc_find_repeats(b->arena, &box->graph, &box->graph.repeats, &box->graph.repeat_count);
    return status == SC_OK ? SC_OK : out_of_memory(err);
}

enum sc_status sc_graph_build(struct sc_graph_builder *b, struct sc_graph **out, struct sc_error *err)
{
    struct sc_graph_box *box = sc_alloc(sizeof *box);
    *out = NULL;
    if (!box)
        return out_of_memory(err);
    enum sc_status status = finish(b, box, err);
    if (status != SC_OK) {
        sc_free(box);
        return status;
    }
    box->graph.hash = sc_graph_hash_content(&box->graph);
    box->arena = b->arena;
    box->op_names = b->op_names;
    atomic_init(&box->references, 1);
    b->arena = NULL;
    memset(&b->op_names, 0, sizeof b->op_names);
    *out = &box->graph;
    return SC_OK;
}

struct sc_graph *sc_graph_share(const struct sc_graph *graph)
{
    struct sc_graph_box *box = (struct sc_graph_box *)(uintptr_t)graph;
    atomic_fetch_add(&box->references, 1);
    return &box->graph;
}

void sc_graph_free(struct sc_graph *graph)
{
    struct sc_graph_box *box = (struct sc_graph_box *)graph;
    if (!box || atomic_fetch_sub(&box->references, 1) != 1)
        return;
    sc_graph_free(box->content);
    sc_arena_free(box->arena);
    sc_map_free(&box->op_names);
    sc_free(box);
}

/* ---- reading ---------------------------------------------------------------------------------------- */

int sc_graph_find_op(const struct sc_graph *graph, const char *name)
{
    const struct sc_graph_box *box = (const struct sc_graph_box *)graph;
    int64_t index;
    return sc_map_get_text(&box->op_names, name, &index) ? (int)index : -1;
}

int64_t sc_tensor_elements(const struct sc_tensor *tensor)
{
    int64_t elements = 1; /* cannot overflow: checked when the tensor was made */
    for (int d = 0; d < tensor->rank; d++)
        elements *= tensor->size[d];
    return elements;
}

double sc_tensor_bytes(const struct sc_tensor *tensor)
{
    return (double)sc_tensor_elements(tensor) * sc_dtype_bytes(tensor->dtype);
}

const struct sc_walk *sc_tensor_walk(const struct sc_graph *graph, int tensor, const struct sc_rule **rule)
{
    const struct sc_tensor *t = &graph->tensors[tensor];
    const struct sc_rule *producer = graph->ops[t->op].rule;
    if (rule)
        *rule = producer;
    return &producer->result[t->port];
}
