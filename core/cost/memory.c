/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Memory of a device over the time of an iteration.
 *
 * Time is counted in slots, one for each op that works (sources and views do not). A slot stands for the moment when
 * that op holds most: in training its backward. At slot t a device holds
 *   - always: parameters, gradients, optimizer state, caches; in training what is saved for backward, for every
 *     microbatch in flight (the peak is at the end of forward);
 *   - in the slots of its layer: what rematerialisation rebuilds;
 *   - in inference, from producer to last reader: each tensor;
 *   - in its own slot: the working set of the op, that is each operand in the layout that the op wants, its results,
 *     and in training the gradients of both. It is an upper bound: an operand that is already there in that layout is
 *     counted again.
 * Slots that can never be the peak, whatever is chosen, are left out.
 */
#include "cost/internal.h"

#include <math.h>
#include <string.h>

struct sc_recipe cost_recipe(const struct cost_full *c, int tensor)
{
    const struct sc_recipe *given = &c->costs.options.recipe;
    if (given->parameter > 0 || given->gradient > 0 || given->optimizer > 0)
        return *given;
    return sc_recipe_of(c->costs.graph->tensors[tensor].dtype);
}

/* ---- what is kept ---------------------------------------------------------------------------------- */

/* All layers run forward again but the last one, whose backward follows its forward at once. */
const bool *cost_layers_again(const struct cost_full *c)
{
    int layers = c->costs.graph->layer_count;
    bool *again = sc_arena_calloc(c->arena, (size_t)layers + 1, sizeof *again);
    if (again == NULL)
        return NULL;
    bool remat = c->costs.options.mode == SC_TRAIN && c->costs.options.remat == SC_REMAT_LAYER;
    for (int l = 0; l + 1 < layers; l++)
        again[l] = remat;
    return again;
}

static double chunks_of(const struct cost_full *c)
{
    return c->costs.options.chunks > 1 ? c->costs.options.chunks : 1;
}

static double microbatches_held(const struct cost_full *c)
{
    return c->costs.options.in_flight / chunks_of(c);
}

/* Is what the layer saves gone after its own slots? Of the last layer only when nothing else is in flight. */
static bool is_brief(const struct cost_full *c, int layer)
{
    return c->costs.options.remat == SC_REMAT_LAYER && (c->layer_again[layer] || microbatches_held(c) <= 1);
}

static enum cost_keep keep_in_training(const struct cost_full *c, const struct sc_tensor *t)
{
    const struct sc_op *maker = &c->costs.graph->ops[t->op];
    enum cost_keep keep = COST_KEEP_NONE;
    bool source = sc_kind_source(maker->kind) != SC_SOURCE_NONE, here = cost_has_op(c, t->op);
    if (!source && here && t->port == 0 && (maker->kind->saves >> 16 & 1) != 0 && cost_has_backward(c, t->op))
        keep = is_brief(c, maker->layer) ? COST_KEEP_LAYER : COST_KEEP_ALL;
    for (int u = 0; u < t->use_count; u++) {
        const struct sc_op *reader = &c->costs.graph->ops[t->uses[u].op];
        if (!cost_has_op(c, t->uses[u].op))
            continue;
        bool crosses = source || reader->layer != maker->layer;
        bool needed = cost_needs_operand(c, t->uses[u].op, t->uses[u].port) ||
                      (crosses && c->layer_again[reader->layer]); /* forward begins again from here */
        if (!needed)
            continue;
        if (crosses || !is_brief(c, maker->layer))
            return COST_KEEP_ALL;
        keep = COST_KEEP_LAYER;
    }
    return keep;
}

/* Keys, values or latents: what goes round the ring when sequences are sharded is what a later token attends to. */
static bool is_cached(const struct cost_full *c, const struct sc_tensor *t)
{
    for (int u = 0; u < t->use_count; u++) {
        const struct sc_rule *rule = c->costs.graph->ops[t->uses[u].op].rule;
        const struct sc_walk *walk = &rule->operand[t->uses[u].port];
        for (int d = 0; d < walk->rank; d++) {
            for (int i = 0; i < walk->dim[d].count; i++) {
                if (rule->factor[walk->dim[d].factor[i]].kind == SC_RING)
                    return true;
            }
        }
    }
    return false;
}

const enum cost_keep *cost_keeps(const struct cost_full *c)
{
    const struct sc_graph *g = c->costs.graph;
    enum cost_keep *keeps = sc_arena_calloc(c->arena, (size_t)g->tensor_count + 1, sizeof *keeps);
    if (keeps == NULL)
        return NULL;
    for (int i = 0; i < g->tensor_count; i++) {
        const struct sc_tensor *t = &g->tensors[i];
        enum sc_source source = sc_kind_source(g->ops[t->op].kind);
        if (source == SC_SOURCE_PARAMETER || source == SC_SOURCE_CACHE)
            continue; /* these stay as what they are */
        if (c->costs.options.mode == SC_TRAIN)
            keeps[i] = keep_in_training(c, t);
        else if (c->costs.options.mode == SC_PREFILL && is_cached(c, t))
            keeps[i] = COST_KEEP_CACHE;
    }
    return keeps;
}

const enum cost_keep *cost_keeps_here(const struct cost_full *c)
{
    const struct sc_graph *g = c->costs.graph;
    enum cost_keep *keeps = sc_arena_calloc(c->arena, (size_t)g->tensor_count + 1, sizeof *keeps);
    for (int i = 0; keeps != NULL && i < g->tensor_count; i++) {
        struct cost_full layer = {.costs = c->costs, .layer_again = c->layer_again};
        layer.first_layer = g->ops[g->tensors[i].op].layer;
        layer.end_layer = layer.first_layer + 1;
        if (c->costs.options.mode == SC_TRAIN && sc_kind_source(g->ops[g->tensors[i].op].kind) == SC_SOURCE_NONE)
            keeps[i] = keep_in_training(&layer, &g->tensors[i]);
    }
    return keeps;
}

/* ---- bytes of a choice ----------------------------------------------------------------------------- */

/* What a node holds, apart by when it holds it. */
struct held {
    struct sc_memory always;
    double layer, live, working;
};

static void hold_parameter(const struct cost_full *c, int tensor, const struct sc_strategy *s, struct held *h)
{
    const struct sc_tensor *t = &c->costs.graph->tensors[tensor];
    const struct sc_axes *axes = &c->costs.mesh.axes;
    if (c->costs.options.mode != SC_TRAIN || !t->gradient) {
        h->always.parameters = cost_local_bytes(c, tensor, s->result[0]);
        return;
    }
    struct sc_recipe recipe = cost_recipe(c, tensor);
    double numbers = sc_spec_bytes(s->result[0], axes, t->rank, t->size, 1, c->costs.options.uneven);
    double sharded = numbers / sc_axes_product(axes, s->state_axes);
    h->always.parameters = numbers * recipe.parameter;
    h->always.gradients = (s->shard_gradient ? sharded : numbers) * recipe.gradient;
    h->always.optimizer = sharded * recipe.optimizer;
}

static void hold_results(const struct cost_full *c, int op, const struct sc_strategy *s, struct held *h)
{
    const struct sc_op *o = &c->costs.graph->ops[op];
    const struct sc_tensor *first = &c->costs.graph->tensors[o->results[0]];
    double in_flight = microbatches_held(c);
    for (int r = 0; r < o->result_count; r++) {
        double bytes = cost_local_bytes(c, o->results[r], s->result[r]);
        switch (c->keep[o->results[r]]) {
        case COST_KEEP_NONE:
            if (c->costs.options.mode != SC_TRAIN)
                h->live += bytes;
            break;
        case COST_KEEP_LAYER:
            h->layer += bytes;
            break;
        case COST_KEEP_ALL:
            h->always.activations += bytes * in_flight;
            break;
        case COST_KEEP_CACHE:
            h->always.cache += bytes;
            break;
        }
    }
    if (o->kind->mask_bytes > 0 && cost_has_backward(c, op)) {
        double bytes = cost_local_bytes(c, o->results[0], s->result[0]) / sc_dtype_bytes(first->dtype);
        bytes *= o->kind->mask_bytes;
        if (is_brief(c, o->layer))
            h->layer += bytes;
        else
            h->always.activations += bytes * in_flight;
    }
}

static bool works(const struct cost_full *c, int op)
{
    const struct sc_op *o = &c->costs.graph->ops[op];
    return cost_has_op(c, op) && sc_kind_source(o->kind) == SC_SOURCE_NONE && !o->kind->view;
}

static double working_set(const struct cost_full *c, int op, const struct sc_strategy *s)
{
    const struct sc_op *o = &c->costs.graph->ops[op];
    double bytes = 0;
    for (int k = 0; k < o->operand_count; k++) {
        double operand = cost_local_bytes(c, o->operands[k], s->operand[k]);
        bytes += operand;
        if (cost_wants_gradient(c, op, k) && (o->kind->sparse >> k & 1) == 0)
            bytes += operand;
    }
    for (int r = 0; r < o->result_count; r++)
        bytes += cost_raw_result_bytes(c, op, s, r);
    return bytes;
}

static struct held held_by(const struct cost_full *c, int op, const struct sc_strategy *s)
{
    struct held h = {0};
    const struct sc_op *o = &c->costs.graph->ops[op];
    switch (sc_kind_source(o->kind)) {
    case SC_SOURCE_PARAMETER:
        hold_parameter(c, o->results[0], s, &h);
        break;
    case SC_SOURCE_CACHE:
        h.always.cache = cost_local_bytes(c, o->results[0], s->result[0]);
        break;
    case SC_SOURCE_INPUT:
        hold_results(c, op, s, &h);
        break;
    case SC_SOURCE_NONE:
        hold_results(c, op, s, &h);
        if (works(c, op))
            h.working = working_set(c, op, s);
        break;
    }
    return h;
}

static double sum_of(const struct sc_memory *m)
{
    return m->parameters + m->gradients + m->optimizer + m->activations + m->cache;
}

/* What a stage receives it holds as it gathered it: for backward of every microbatch in flight, or while it lives. */
static double received_bytes(const struct cost_full *c, const struct sc_cost_node *n, int choice)
{
    enum cost_keep keep = c->keep[n->tensor];
    bool train = c->costs.options.mode == SC_TRAIN;
    if (train && keep == COST_KEEP_NONE)
        return 0;
    return cost_local_bytes(c, n->tensor, n->set->at[choice].result[0]) * (train ? microbatches_held(c) : 1);
}

struct sc_memory sc_costs_node_memory(const struct sc_costs *costs, int node, int choice)
{
    const struct cost_full *c = cost_full(costs);
    const struct sc_cost_node *n = &costs->nodes[node];
    if (n->op < 0)
        return (struct sc_memory){.activations = n->received ? received_bytes(c, n, choice) : 0};
    struct held h = held_by(c, n->op, &n->set->at[choice]);
    h.always.activations += h.layer + h.live;
    h.always.working = h.working;
    return h.always;
}

double sc_costs_node_kept(const struct sc_costs *costs, int node, int choice)
{
    const struct cost_full *c = cost_full(costs);
    const struct sc_cost_node *n = &costs->nodes[node];
    if (c->costs.options.mode != SC_TRAIN)
        return 0;
    double bytes = n->op >= 0    ? held_by(c, n->op, &n->set->at[choice]).always.activations
                   : n->received ? received_bytes(c, n, choice)
                                 : 0;
    return bytes / microbatches_held(c);
}

struct sc_stage_bytes sc_costs_stage_bytes(const struct sc_costs *whole, int node, int choice)
{
    const struct cost_full *c = cost_full(whole);
    const struct sc_cost_node *n = &whole->nodes[node];
    struct sc_stage_bytes out = {0};
    if (n->op < 0)
        return out;
    const struct sc_op *o = &whole->graph->ops[n->op];
    const struct sc_strategy *s = &n->set->at[choice];
    struct held h = held_by(c, n->op, s);
    out.always = h.always.parameters + h.always.gradients + h.always.optimizer + h.always.cache;
    out.working = h.working;
    for (int r = 0; r < o->result_count; r++)
        if (c->keep_here[o->results[r]] == COST_KEEP_ALL)
            out.in_flight += cost_local_bytes(c, o->results[r], s->result[r]) / chunks_of(c);
    return out;
}

/* ---- rows ------------------------------------------------------------------------------------------ */

/* Rows of the nodes that agree in class and in what becomes of their results; NULL where they are all 0. */
struct rows {
    const double *always, *layer, *live, *working;
    double least_working, most_working;
};

static const double *row_of(struct cost_full *c, const struct held *held, int count,
                            double (*value)(const struct held *))
{
    bool any = false;
    for (int i = 0; i < count; i++)
        any = any || value(&held[i]) > 0;
    if (!any)
        return NULL;
    double *row = sc_arena_calloc(c->arena, (size_t)(count + 3) / 4 * 4, sizeof *row);
    for (int i = 0; row != NULL && i < count; i++)
        row[i] = value(&held[i]);
    return row;
}

static double always_of(const struct held *h)
{
    return sum_of(&h->always);
}
static double layer_of(const struct held *h)
{
    return h->layer;
}
static double live_of(const struct held *h)
{
    return h->live;
}
static double working_of(const struct held *h)
{
    return h->working;
}

static void make_rows(struct cost_full *c, int op, const struct sc_strategies *set, struct held *scratch,
                      struct rows *out)
{
    *out = (struct rows){.least_working = INFINITY};
    for (int i = 0; i < set->count; i++) {
        scratch[i] = held_by(c, op, &set->at[i]);
        out->least_working = fmin(out->least_working, scratch[i].working);
        out->most_working = fmax(out->most_working, scratch[i].working);
    }
    out->always = row_of(c, scratch, set->count, always_of);
    out->layer = row_of(c, scratch, set->count, layer_of);
    out->live = row_of(c, scratch, set->count, live_of);
    out->working = row_of(c, scratch, set->count, working_of);
}

/* ---- slots ----------------------------------------------------------------------------------------- */

struct plan_of_time {
    struct rows **rows; /* an op */
    int64_t *slot;      /* an op: the first slot not before it; [op_count]: their number */
    bool *has_slot;     /* an op */
};

/* Of two ops in the same surroundings the one whose most is less than the other's least never decides. */
static void drop_slots(const struct cost_full *c, struct plan_of_time *p, int first, int end)
{
    int keeper = -1;
    for (int op = first; op < end; op++) {
        if (works(c, op) && (keeper < 0 || p->rows[op]->least_working > p->rows[keeper]->least_working))
            keeper = op;
    }
    for (int op = first; op < end; op++) {
        p->has_slot[op] = works(c, op) && (op == keeper || p->rows[op]->most_working > p->rows[keeper]->least_working);
    }
}

static void lay_slots(struct cost_full *c, struct plan_of_time *p)
{
    const struct sc_graph *g = c->costs.graph;
    if (c->costs.options.mode != SC_TRAIN) {
        for (int op = 0; op < g->op_count; op++)
            p->has_slot[op] = works(c, op);
    } else if (c->costs.options.remat != SC_REMAT_LAYER) {
        drop_slots(c, p, 0, g->op_count);
    } else {
        for (int l = c->first_layer; l < c->end_layer; l++)
            drop_slots(c, p, g->layers[l].first_op, g->layers[l].first_op + g->layers[l].op_count);
    }
    int64_t slot = 0;
    for (int op = 0; op < g->op_count; op++) {
        p->slot[op] = slot;
        slot += p->has_slot[op];
    }
    p->slot[g->op_count] = slot;
    c->costs.slots = slot > 0 ? slot : 1;
}

static int64_t last_use(const struct sc_graph *g, const struct plan_of_time *p, int op)
{
    int64_t last = p->slot[op];
    for (int r = 0; r < g->ops[op].result_count; r++) {
        const struct sc_tensor *t = &g->tensors[g->ops[op].results[r]];
        if (t->output)
            return p->slot[g->op_count];
        for (int u = 0; u < t->use_count; u++) {
            if (p->slot[t->uses[u].op] > last)
                last = p->slot[t->uses[u].op];
        }
    }
    return last + 1;
}

static void add_usage(struct cost_full *c, struct sc_cost_usage *usages, int node, int64_t t0, int64_t t1,
                      const double *bytes)
{
    if (t1 > c->costs.slots)
        t1 = c->costs.slots;
    if (bytes != NULL && t0 < t1)
        usages[c->costs.usage_count++] = (struct sc_cost_usage){node, t0, t1, bytes};
}

static void add_op_usages(struct cost_full *c, const struct plan_of_time *p, struct sc_cost_usage *usages, int op)
{
    const struct sc_graph *g = c->costs.graph;
    const struct rows *rows = p->rows[op];
    const struct sc_layer *layer = &g->layers[g->ops[op].layer];
    int node = c->costs.op_node[op];
    if (node < 0)
        return;
    add_usage(c, usages, node, 0, c->costs.slots, rows->always);
    add_usage(c, usages, node, p->slot[layer->first_op], p->slot[layer->first_op + layer->op_count], rows->layer);
    add_usage(c, usages, node, p->slot[op], last_use(g, p, op), rows->live);
    if (p->has_slot[op])
        add_usage(c, usages, node, p->slot[op], p->slot[op] + 1, rows->working);
}

/* Rows of every op, shared between those that agree. */
static enum sc_status find_rows(struct cost_full *c, struct plan_of_time *p, struct sc_error *err)
{
    const struct sc_graph *g = c->costs.graph;
    struct sc_map known = {0};
    int widest = 1;
    for (int i = 0; i < c->class_count; i++)
        widest = c->classes[i].set.count > widest ? c->classes[i].set.count : widest;
    struct held *scratch = sc_calloc((size_t)widest, sizeof *scratch);
    bool done = scratch != NULL;
    for (int op = 0; done && op < g->op_count; op++) {
        const struct sc_op *o = &g->ops[op];
        if (c->costs.op_node[op] < 0)
            continue;
        const struct sc_cost_node *node = &c->costs.nodes[c->costs.op_node[op]];
        int64_t key[2 + SC_MAX_PORTS] = {node->klass, is_brief(c, o->layer)}, like;
        for (int r = 0; r < o->result_count; r++)
            key[2 + r] = c->keep[o->results[r]];
        if (sc_map_get(&known, key, sizeof key, &like)) {
            p->rows[op] = p->rows[like];
            continue;
        }
        p->rows[op] = sc_arena_alloc(c->arena, sizeof *p->rows[op]);
        done = p->rows[op] != NULL && sc_map_put(&known, key, sizeof key, op);
        if (done)
            make_rows(c, op, node->set, scratch, p->rows[op]);
    }
    sc_free(scratch);
    sc_map_free(&known);
    return done ? SC_OK : sc_fail(err, SC_NO_MEMORY, "no memory for the memory usage of the model");
}

static int64_t last_slot_of_use(const struct sc_graph *g, const struct plan_of_time *p, const struct sc_tensor *t)
{
    int64_t last = 0;
    for (int u = 0; u < t->use_count; u++)
        last = p->slot[t->uses[u].op] > last ? p->slot[t->uses[u].op] : last;
    return last < p->slot[g->op_count] ? last + 1 : last;
}

static bool add_received(struct cost_full *c, const struct plan_of_time *p, struct sc_cost_usage *usages)
{
    const struct sc_graph *g = c->costs.graph;
    for (int n = 0; n < c->costs.node_count; n++) {
        const struct sc_cost_node *node = &c->costs.nodes[n];
        if (!node->received)
            continue;
        double *row = sc_arena_calloc(c->arena, (size_t)(node->set->count + 3) / 4 * 4, sizeof *row);
        if (row == NULL)
            return false;
        for (int i = 0; i < node->set->count; i++)
            row[i] = received_bytes(c, node, i);
        bool train = c->costs.options.mode == SC_TRAIN;
        int64_t end = train ? c->costs.slots : last_slot_of_use(g, p, &g->tensors[node->tensor]);
        add_usage(c, usages, n, 0, end, row);
    }
    return true;
}

enum sc_status cost_add_usages(struct cost_full *c, struct sc_error *err)
{
    size_t ops = (size_t)c->costs.graph->op_count;
    struct plan_of_time p = {.rows = sc_calloc(ops + 1, sizeof *p.rows),
                             .slot = sc_calloc(ops + 1, sizeof *p.slot),
                             .has_slot = sc_calloc(ops + 1, sizeof *p.has_slot)};
    size_t most = ops * 4 + (size_t)c->costs.node_count + 1;
    struct sc_cost_usage *usages = sc_arena_calloc(c->arena, most, sizeof *usages);
    enum sc_status status = SC_NO_MEMORY;
    if (p.rows != NULL && p.slot != NULL && p.has_slot != NULL && usages != NULL)
        status = find_rows(c, &p, err);
    else
        sc_fail(err, status, "no memory for the memory usage of the model");
    if (status == SC_OK) {
        lay_slots(c, &p);
        for (int op = 0; op < c->costs.graph->op_count; op++)
            add_op_usages(c, &p, usages, op);
        c->costs.usages = usages;
        if (!add_received(c, &p, usages))
            status = sc_fail(err, SC_NO_MEMORY, "no memory for the memory usage of a stage");
    }
    sc_free(p.rows);
    sc_free(p.slot);
    sc_free(p.has_slot);
    return status;
}
