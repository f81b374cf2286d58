/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Cost tables as a whole: options, cost terms, the grid of times, items, and the end.
 */
#include "cost/internal.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

static const char *const phase_names[] = {"forward", "backward", "recompute", "once"};
static const struct {
    const char *name, *words;
} causes[] = {
#define X(id, name, words) {name, words},
    SC_CAUSE_MAP(X)
#undef X
};

const char *sc_phase_name(enum sc_phase phase)
{
    return (size_t)phase < SC_LEN(phase_names) ? phase_names[phase] : "?";
}
const char *sc_cause_name(enum sc_cause cause)
{
    return (size_t)cause < SC_LEN(causes) ? causes[cause].name : "?";
}
const char *sc_cause_words(enum sc_cause cause)
{
    return (size_t)cause < SC_LEN(causes) ? causes[cause].words : "?";
}

struct sc_recipe sc_recipe_of(enum sc_dtype dtype)
{
    switch (dtype) {
    case SC_DTYPE_FP8:
    case SC_DTYPE_FP16:
    case SC_DTYPE_BF16:
        return (struct sc_recipe){2, 2, 12}; /* with an fp32 copy in the optimizer's state (ZeRO, section 3.1) */
    case SC_DTYPE_FP64:
        return (struct sc_recipe){8, 8, 16};
    default:
        return (struct sc_recipe){4, 4, 8};
    }
}

/* ---- terms ----------------------------------------------------------------------------------------- */

static enum sc_status check_term(const struct sc_term *term, double seconds, struct sc_error *err)
{
    if (!isnan(seconds) && seconds > -INFINITY)
        return SC_OK;
    return sc_fail(err, SC_INPUT, "cost term %s gives %s; it has to give seconds, or +inf to forbid", term->name,
                   isnan(seconds) ? "what is not a number" : "-inf");
}

static int node_of_class(const struct cost_full *c, const struct cost_class *klass)
{
    return klass->op >= 0 ? c->costs.op_node[klass->op] : c->costs.fanout_node[klass->tensor];
}

static enum sc_status add_term_to_class(struct cost_full *c, int term, int id, struct sc_error *err)
{
    const struct sc_term *t = &c->costs.options.terms[term];
    struct cost_class *klass = &c->classes[id];
    double *row = sc_arena_calloc(c->arena, (size_t)klass->set.count, sizeof *row);
    if (row == NULL)
        return sc_fail(err, SC_NO_MEMORY, "no memory for cost term %s", t->name);
    int node = node_of_class(c, klass);
    for (int i = 0; i < klass->set.count; i++) {
        enum sc_status status = t->node(t->user, &c->costs, node, i, &row[i], err);
        if (status == SC_OK)
            status = check_term(t, row[i], err);
        if (status != SC_OK)
            return status;
    }
    c->term_node[term][id] = row;
    return SC_OK;
}

static enum sc_status add_term_to_table(struct cost_full *c, int term, int id, struct sc_error *err)
{
    const struct sc_term *t = &c->costs.options.terms[term];
    struct cost_table *table = &c->tables[id];
    const struct sc_cost_edge *e = &c->costs.edges[table->edge];
    int rows = c->costs.nodes[e->from].set->count, cols = c->costs.nodes[e->to].set->count;
    double *values = sc_arena_calloc(c->arena, (size_t)rows * (size_t)e->stride, sizeof *values);
    if (values == NULL)
        return sc_fail(err, SC_NO_MEMORY, "no memory for cost term %s", t->name);
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < cols; j++) {
            double *value = &values[(size_t)i * (size_t)e->stride + (size_t)j];
            enum sc_status status = t->edge(t->user, &c->costs, table->edge, i, j, value, err);
            if (status == SC_OK)
                status = check_term(t, *value, err);
            if (status != SC_OK)
                return status;
        }
    }
    c->term_edge[term][id] = values;
    return SC_OK;
}

/* Terms see the finished tables of everything else, each class and table once; then all are added. */
static enum sc_status add_terms(struct cost_full *c, struct sc_cancel *cancel, struct sc_error *err)
{
    int terms = c->costs.options.term_count;
    if (terms == 0)
        return SC_OK;
    c->term_node = sc_arena_calloc(c->arena, (size_t)terms, sizeof *c->term_node);
    c->term_edge = sc_arena_calloc(c->arena, (size_t)terms, sizeof *c->term_edge);
    enum sc_status status = c->term_node != NULL && c->term_edge != NULL ? SC_OK : SC_NO_MEMORY;
    for (int t = 0; t < terms && status == SC_OK; t++) {
        const struct sc_term *term = &c->costs.options.terms[t];
        c->term_node[t] = sc_arena_calloc(c->arena, (size_t)c->class_count + 1, sizeof *c->term_node[t]);
        c->term_edge[t] = sc_arena_calloc(c->arena, (size_t)c->costs.table_count + 1, sizeof *c->term_edge[t]);
        if (c->term_node[t] == NULL || c->term_edge[t] == NULL)
            status = SC_NO_MEMORY;
        for (int i = 0; term->node != NULL && i < c->class_count && status == SC_OK; i++)
            status = sc_cancelled(cancel) ? SC_CANCELLED : add_term_to_class(c, t, i, err);
        for (int i = 0; term->edge != NULL && i < c->costs.table_count && status == SC_OK; i++)
            status = sc_cancelled(cancel) ? SC_CANCELLED : add_term_to_table(c, t, i, err);
    }
    if (status == SC_NO_MEMORY || status == SC_CANCELLED)
        return sc_fail(err, status, "%s", sc_status_message(status));
    return status;
}

static void sum_terms(struct cost_full *c)
{
    for (int t = 0; t < c->costs.options.term_count; t++) {
        for (int i = 0; i < c->class_count; i++) {
            const double *row = c->term_node[t][i];
            for (int k = 0; row != NULL && k < c->classes[i].set.count; k++)
                c->classes[i].micro_s[k] += row[k];
        }
        for (int i = 0; i < c->costs.table_count; i++) {
            const double *values = c->term_edge[t][i];
            const struct sc_cost_edge *e = &c->costs.edges[c->tables[i].edge];
            size_t size = (size_t)c->costs.nodes[e->from].set->count * (size_t)e->stride;
            for (size_t k = 0; values != NULL && k < size; k++)
                c->tables[i].micro_s[k] += values[k];
        }
    }
}

/* ---- the grid of times ----------------------------------------------------------------------------- */

static double largest(const double *values, size_t count)
{
    double most = 0;
    for (size_t i = 0; values != NULL && i < count; i++) {
        if (isfinite(values[i]))
            most = fmax(most, fabs(values[i]));
    }
    return most;
}

static void round_to(double *values, size_t count, double quantum)
{
    for (size_t i = 0; values != NULL && i < count; i++)
        values[i] = rint(values[i] / quantum) * quantum;
}

static size_t table_size(const struct cost_full *c, int table)
{
    const struct sc_cost_edge *e = &c->costs.edges[c->tables[table].edge];
    return (size_t)c->costs.nodes[e->from].set->count * (size_t)e->stride;
}

/* 2^-40 s, about a picosecond; coarser when the costliest plan would not fit into 52 bits. */
static void set_quantum(struct cost_full *c)
{
    double total = 0, microbatches = c->costs.options.microbatches;
    for (int i = 0; i < c->class_count; i++) {
        const struct cost_class *k = &c->classes[i];
        size_t count = (size_t)k->set.count;
        total += k->members * (microbatches * largest(k->micro_s, count) + largest(k->once_s, count));
    }
    for (int i = 0; i < c->costs.table_count; i++) {
        const struct cost_table *t = &c->tables[i];
        size_t size = table_size(c, i);
        total += t->members * (microbatches * largest(t->micro_s, size) + largest(t->once_s, size));
    }
    double quantum = ldexp(1, -40);
    while (total / quantum > ldexp(1, 52))
        quantum *= 2;
    for (int i = 0; i < c->class_count; i++) {
        round_to(c->classes[i].micro_s, (size_t)c->classes[i].set.count, quantum);
        round_to(c->classes[i].once_s, (size_t)c->classes[i].set.count, quantum);
    }
    for (int i = 0; i < c->costs.table_count; i++) {
        round_to(c->tables[i].micro_s, table_size(c, i), quantum);
        round_to(c->tables[i].once_s, table_size(c, i), quantum);
    }
    c->costs.quantum = quantum;
}

/* ---- life ------------------------------------------------------------------------------------------ */

static enum sc_status check_options(const struct sc_cost_options *o, struct sc_error *err)
{
    if (o->microbatches < 1)
        return sc_fail(err, SC_INPUT, "%d microbatches; at least one is right", o->microbatches);
    if (o->in_flight < 1)
        return sc_fail(err, SC_INPUT, "%d microbatches in flight; at least one", o->in_flight);
    if (o->remat == SC_REMAT_AUTO)
        return sc_fail(err, SC_INPUT, "rematerialisation is to be decided: none or layer");
    for (int k = 0; k < SC_COLLECTIVE_COUNT; k++) {
        if (!(o->overlap[k] >= 0 && o->overlap[k] <= 1))
            return sc_fail(err, SC_INPUT, "the overlap of %s is %g; it is a fraction, 0 to 1",
                           sc_collective_name((enum sc_collective)k), o->overlap[k]);
    }
    return SC_OK;
}

static enum sc_status build(struct cost_full *c, struct sc_cancel *cancel, struct sc_error *err)
{
    c->layer_again = cost_layers_again(c);
    c->keep = c->layer_again != NULL ? cost_keeps(c) : NULL;
    if (c->keep != NULL && c->costs.options.cuttable)
        c->keep_here = cost_keeps_here(c);
    if (c->keep == NULL || (c->costs.options.cuttable && c->keep_here == NULL))
        return sc_fail(err, SC_NO_MEMORY, "no memory for the cost tables");
    if (c->costs.options.cuttable && !cost_find_crossing(c))
        return sc_fail(err, SC_NO_MEMORY, "no memory for the cost tables");
    enum sc_status status = cost_build_nodes(c, cancel, err);
    if (status == SC_OK)
        status = cost_build_edges(c, cancel, err);
    if (status == SC_OK)
        status = cost_add_usages(c, err);
    if (status == SC_OK)
        status = add_terms(c, cancel, err);
    if (status == SC_OK)
        sum_terms(c);
    if (status == SC_OK)
        set_quantum(c);
    return status;
}

enum sc_status sc_costs_new(const struct sc_graph *graph, const struct sc_mesh *mesh,
                            const struct sc_cost_options *options, struct sc_cancel *cancel, struct sc_costs **out,
                            struct sc_error *err)
{
    *out = NULL;
    enum sc_status status = check_options(options, err);
    if (status != SC_OK)
        return status;
    struct sc_arena *arena = sc_arena_new();
    struct cost_full *c = arena != NULL ? sc_arena_alloc(arena, sizeof *c) : NULL;
    if (c == NULL) {
        sc_arena_free(arena);
        return sc_fail(err, SC_NO_MEMORY, "no memory for the cost tables");
    }
    c->arena = arena;
    atomic_init(&c->references, 1);
    c->end_layer = graph->layer_count;
    c->costs.graph = sc_graph_share(graph);
    c->costs.mesh = *mesh;
    c->costs.mesh.cluster = sc_cluster_share(mesh->cluster);
    c->costs.options = *options;
    if (mesh->formulas != SC_FORMULAS_NATIVE)
        c->costs.options.compute = false; /* see SC_FORMULAS_MAP */
    if (mesh->formulas == SC_FORMULAS_ALPA_PLAYGROUND)
        c->costs.options.uneven = SC_UNEVEN_FRACTION;
    c->costs.memory_bytes = options->memory_bytes > 0 ? options->memory_bytes : mesh->cluster->device.memory_bytes;
    for (int k = 0; k < SC_COLLECTIVE_COUNT; k++)
        c->exposed[k] = 1 - options->overlap[k];
    status = build(c, cancel, err);
    if (status != SC_OK) {
        sc_costs_free(&c->costs);
        return status;
    }
    *out = &c->costs;
    return SC_OK;
}

struct sc_costs *sc_costs_share(const struct sc_costs *costs)
{
    struct cost_full *c = cost_full(costs);
    atomic_fetch_add(&c->references, 1);
    return &c->costs;
}

void sc_costs_free(struct sc_costs *costs)
{
    if (costs == NULL)
        return;
    struct cost_full *c = cost_full(costs);
    if (atomic_fetch_sub(&c->references, 1) != 1)
        return;
    struct cost_full *whole = c->whole;
    sc_graph_free((struct sc_graph *)(uintptr_t)costs->graph);
    sc_cluster_free((struct sc_cluster *)(uintptr_t)costs->mesh.cluster);
    sc_arena_free(c->arena);
    if (whole != NULL)
        sc_costs_free(&whole->costs);
}

size_t sc_costs_bytes(const struct sc_costs *costs)
{
    return sc_arena_bytes(cost_full(costs)->arena);
}

/* ---- items ----------------------------------------------------------------------------------------- */

static void add_term_items(const struct cost_full *c, double ***values, int id, size_t at, struct cost_sink *sink)
{
    for (int t = 0; t < c->costs.options.term_count; t++) {
        const double *row = values[t][id];
        if (row == NULL || row[at] == 0)
            continue;
        cost_add(sink, &(struct sc_item){.phase = SC_FORWARD, .cause = SC_CAUSE_TERM, .seconds = row[at], .term = t});
    }
}

int sc_costs_node_items(const struct sc_costs *costs, int node, int choice, struct sc_item *out)
{
    const struct cost_full *c = cost_full(costs);
    const struct sc_cost_node *n = &costs->nodes[node];
    struct cost_sink sink = {.items = out};
    cost_of_node(c, &c->classes[n->klass], &n->set->at[choice], &sink);
    cost_of_boundary(c, n, &n->set->at[choice], &sink);
    if (costs->options.term_count > 0)
        add_term_items(c, c->term_node, n->klass, (size_t)choice, &sink);
    return sink.count;
}

int sc_costs_edge_items(const struct sc_costs *costs, int edge, int from_choice, int to_choice, struct sc_item *out)
{
    const struct cost_full *c = cost_full(costs);
    const struct sc_cost_edge *e = &costs->edges[edge];
    struct cost_end from = cost_from_end(c, edge, &costs->nodes[e->from].set->at[from_choice]);
    struct cost_end to = cost_to_end(c, edge, &costs->nodes[e->to].set->at[to_choice]);
    struct cost_sink sink = {.items = out};
    cost_of_edge(c, edge, &from, &to, &sink);
    size_t at = (size_t)from_choice * (size_t)e->stride + (size_t)to_choice;
    if (costs->options.term_count > 0)
        add_term_items(c, c->term_edge, e->table, at, &sink);
    return sink.count;
}
