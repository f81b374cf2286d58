/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * problem: building, sharing and freeing the cost graph of the intra-operator problem (Alpa, OSDI 2022, section 4:
 * one strategy a node, node costs plus edge costs). Everything lives in one arena; equal tables are stored once.
 */
#include "solve/solve.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

/* Ceilings that keep every index and product inside int; a problem beyond them is refused, not mangled. */
enum { MAX_NODES = 1 << 26, MAX_CHOICES = 1 << 15, MAX_TABLE = 1 << 28 };

/* The public struct first, so that a pointer to one is a pointer to the other. */
struct shared_problem {
    struct sc_problem problem;
    atomic_int references;
    struct sc_arena *arena;
    struct sc_problem *parent; /* of a varied problem: owns what is shared; else NULL */
};

struct sc_problem_builder {
    struct sc_arena *arena;
    const char *name;
    SC_VEC(int) choices;
    SC_VEC(const double *) cost;
    SC_VEC(const char *) names;
    SC_VEC(struct sc_problem_edge) edges;
    SC_VEC(struct sc_table) tables;
    SC_VEC(struct sc_problem_usage) usages;
    struct sc_map by_key; /* (key, rows, cols) to the first table with them */
    double limit, quantum;
    bool quantum_set, named, no_memory, bad, fractional;
};

struct sc_problem_builder *sc_problem_builder_new(const char *name)
{
    struct sc_problem_builder *b = sc_alloc(sizeof *b);
    if (!b)
        return NULL;
    b->arena = sc_arena_new();
    b->limit = INFINITY;
    if (b->arena)
        b->name = sc_arena_strdup(b->arena, name ? name : "");
    if (!b->name) {
        sc_problem_builder_free(b);
        return NULL;
    }
    return b;
}

static void builder_clear(struct sc_problem_builder *b)
{
    sc_vec_free(&b->choices);
    sc_vec_free(&b->cost);
    sc_vec_free(&b->names);
    sc_vec_free(&b->edges);
    sc_vec_free(&b->tables);
    sc_vec_free(&b->usages);
    sc_map_free(&b->by_key);
}

void sc_problem_builder_free(struct sc_problem_builder *b)
{
    if (!b)
        return;
    builder_clear(b);
    sc_arena_free(b->arena);
    sc_free(b);
}

static int refuse(struct sc_problem_builder *b)
{
    b->bad = true;
    return -1;
}

static int lost(struct sc_problem_builder *b)
{
    b->no_memory = true;
    return -1;
}

static int padded(int cols)
{
    return (cols + 3) & ~3;
}

/* A copy of rows × cols values with padded rows. Costs may be +inf but neither -inf nor NaN; usages (finite_only)
 * are finite and not negative. */
static const double *copy_rows(struct sc_problem_builder *b, int rows, int cols, const double *values, bool finite_only)
{
    int stride = padded(cols);
    double *at = sc_arena_calloc(b->arena, (size_t)rows * (size_t)stride, sizeof *at);
    if (!at) {
        b->no_memory = true;
        return NULL;
    }
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < cols; c++) {
            double v = values[(size_t)r * (size_t)cols + (size_t)c];
            if (isnan(v) || v == -INFINITY || (finite_only && (v < 0 || v == INFINITY))) {
                b->bad = true;
                return NULL;
            }
            if (!finite_only && v != INFINITY && v != floor(v))
                b->fractional = true;
            at[(size_t)r * (size_t)stride + (size_t)c] = v;
        }
    return at;
}

int sc_problem_add_node(struct sc_problem_builder *b, int choices, const double *cost, const char *name)
{
    if (choices < 1 || choices > MAX_CHOICES || b->choices.count >= MAX_NODES)
        return refuse(b);
    const double *row = copy_rows(b, 1, choices, cost, false);
    const char *own = name ? sc_arena_strdup(b->arena, name) : "";
    if (!row)
        return -1;
    if (!own || !sc_vec_reserve(&b->cost, b->choices.count + 1) || !sc_vec_reserve(&b->names, b->choices.count + 1) ||
        !sc_vec_push(&b->choices, choices))
        return lost(b);
    b->named |= name != NULL;
    b->cost.data[b->cost.count++] = row;
    b->names.data[b->names.count++] = own;
    return (int)b->choices.count - 1;
}

static bool same_table(const struct sc_table *table, int rows, int cols, const double *values)
{
    if (table->rows != rows || table->cols != cols)
        return false;
    for (int r = 0; r < rows; r++)
        if (memcmp(table->at + (size_t)r * (size_t)table->stride, values + (size_t)r * (size_t)cols,
                   (size_t)cols * sizeof *values) != 0)
            return false;
    return true;
}

int sc_problem_add_table(struct sc_problem_builder *b, int rows, int cols, const double *values, uint64_t key)
{
    if (rows < 1 || cols < 1 || rows > MAX_CHOICES || cols > MAX_CHOICES || (int64_t)rows * padded(cols) > MAX_TABLE ||
        b->tables.count >= MAX_NODES)
        return refuse(b);
    uint64_t id[2] = {key, (uint64_t)rows << 32 | (uint64_t)cols};
    int64_t found;
    if (key && sc_map_get(&b->by_key, id, sizeof id, &found) && same_table(&b->tables.data[found], rows, cols, values))
        return (int)found;
    struct sc_table table = {.rows = rows, .cols = cols, .stride = padded(cols)};
    table.at = copy_rows(b, rows, cols, values, false);
    if (!table.at)
        return -1;
    if (!sc_vec_push(&b->tables, table) ||
        (key && !sc_map_put(&b->by_key, id, sizeof id, (int64_t)b->tables.count - 1)))
        return lost(b);
    return (int)b->tables.count - 1;
}

int sc_problem_add_edge(struct sc_problem_builder *b, int from, int to, int table)
{
    size_t n = b->choices.count;
    if (from < 0 || to < 0 || from == to || (size_t)from >= n || (size_t)to >= n || table < 0 ||
        (size_t)table >= b->tables.count || b->edges.count >= MAX_NODES)
        return refuse(b);
    const struct sc_table *t = &b->tables.data[table];
    if (t->rows != b->choices.data[from] || t->cols != b->choices.data[to])
        return refuse(b);
    struct sc_problem_edge edge = {from, to, table};
    if (!sc_vec_push(&b->edges, edge))
        return lost(b);
    return (int)b->edges.count - 1;
}

int sc_problem_add_usage(struct sc_problem_builder *b, int node, int64_t t0, int64_t t1, const double *usage)
{
    if (node < 0 || (size_t)node >= b->choices.count || b->usages.count >= MAX_NODES)
        return refuse(b);
    struct sc_problem_usage term = {node, t0, t1, copy_rows(b, 1, b->choices.data[node], usage, true)};
    if (!term.usage)
        return -1;
    if (!sc_vec_push(&b->usages, term))
        return lost(b);
    return (int)b->usages.count - 1;
}

void sc_problem_set_limit(struct sc_problem_builder *b, double limit)
{
    if (isnan(limit) || limit < 0)
        b->bad = true;
    else
        b->limit = limit;
}

void sc_problem_set_quantum(struct sc_problem_builder *b, double quantum)
{
    if (isnan(quantum) || quantum < 0 || quantum == INFINITY) {
        b->bad = true;
        return;
    }
    b->quantum = quantum;
    b->quantum_set = true;
}

enum sc_status sc_problem_build(struct sc_problem_builder *b, struct sc_problem **out, struct sc_error *err)
{
    *out = NULL;
    if (b->no_memory)
        return sc_fail(err, SC_NO_MEMORY, "out of memory while building the problem \"%s\"", b->name);
    if (b->bad)
        return sc_fail(err, SC_INPUT, "the problem \"%s\" has a node, table, edge or usage out of range", b->name);
    if (b->choices.count == 0)
        return sc_fail(err, SC_INPUT, "the problem \"%s\" has no nodes; it needs at least one", b->name);
    struct shared_problem *shared = sc_arena_alloc(b->arena, sizeof *shared);
    int *choices = sc_arena_copy(b->arena, b->choices.data, b->choices.count * sizeof *b->choices.data);
    const double **cost = sc_arena_copy(b->arena, b->cost.data, b->cost.count * sizeof *b->cost.data);
    const char **names = sc_arena_copy(b->arena, b->names.data, b->names.count * sizeof *b->names.data);
    struct sc_problem_edge *edges =
        b->edges.count ? sc_arena_copy(b->arena, b->edges.data, b->edges.count * sizeof *b->edges.data) : NULL;
    struct sc_table *tables =
        b->tables.count ? sc_arena_copy(b->arena, b->tables.data, b->tables.count * sizeof *b->tables.data) : NULL;
    struct sc_problem_usage *usages =
        b->usages.count ? sc_arena_copy(b->arena, b->usages.data, b->usages.count * sizeof *b->usages.data) : NULL;
    if (!shared || !choices || !cost || !names || (b->edges.count && !edges) || (b->tables.count && !tables) ||
        (b->usages.count && !usages))
        return sc_fail(err, SC_NO_MEMORY, "out of memory while building the problem \"%s\"", b->name);
    shared->problem = (struct sc_problem){
        .name = b->name,
        .node_count = (int)b->choices.count,
        .edge_count = (int)b->edges.count,
        .table_count = (int)b->tables.count,
        .usage_count = (int)b->usages.count,
        .choices = choices,
        .cost = cost,
        .edges = edges,
        .tables = tables,
        .usages = usages,
        .limit = b->limit,
        .quantum = b->quantum_set  ? b->quantum
                   : b->fractional ? 0
                                   : 1,
        .names = b->named ? names : NULL,
    };
    shared->arena = b->arena;
    atomic_init(&shared->references, 1);
    b->arena = NULL;
    b->name = "";
    builder_clear(b);
    *out = &shared->problem;
    return SC_OK;
}

enum sc_status sc_problem_vary(const struct sc_problem *problem, int count, const int *nodes,
                               const double *const *costs, double limit, struct sc_problem **out, struct sc_error *err)
{
    *out = NULL;
    for (int i = 0; i < count; i++)
        if (nodes[i] < 0 || nodes[i] >= problem->node_count)
            return sc_fail(err, SC_INPUT, "node %d of %d is to be varied", nodes[i], problem->node_count);
    if (isnan(limit) || limit < 0)
        return sc_fail(err, SC_INPUT, "a usage limit of %g; expected one that is not negative", limit);
    struct sc_problem_builder *b = sc_problem_builder_new(problem->name);
    if (!b)
        return sc_fail(err, SC_NO_MEMORY, "out of memory while varying a problem");
    struct shared_problem *shared = sc_arena_alloc(b->arena, sizeof *shared);
    const double **cost = sc_arena_copy(b->arena, problem->cost, (size_t)problem->node_count * sizeof *cost);
    bool ok = shared && cost;
    for (int i = 0; ok && i < count; i++)
        ok = (cost[nodes[i]] = copy_rows(b, 1, problem->choices[nodes[i]], costs[i], false)) != NULL;
    if (!ok) {
        enum sc_status status = b->bad ? sc_fail(err, SC_INPUT, "a varied cost is -inf or not a number")
                                       : sc_fail(err, SC_NO_MEMORY, "out of memory while varying a problem");
        sc_problem_builder_free(b);
        return status;
    }
    shared->problem = *problem;
    shared->problem.cost = cost;
    shared->problem.limit = limit;
    if (b->fractional && problem->quantum == 1)
        shared->problem.quantum = 0;
    shared->arena = b->arena;
    shared->parent = sc_problem_share(problem);
    atomic_init(&shared->references, 1);
    b->arena = NULL;
    sc_problem_builder_free(b);
    *out = &shared->problem;
    return SC_OK;
}

struct sc_problem *sc_problem_share(const struct sc_problem *problem)
{
    struct shared_problem *shared = (struct shared_problem *)(uintptr_t)problem;
    atomic_fetch_add_explicit(&shared->references, 1, memory_order_relaxed);
    return &shared->problem;
}

void sc_problem_free(struct sc_problem *problem)
{
    while (problem) {
        struct shared_problem *shared = (struct shared_problem *)problem;
        if (atomic_fetch_sub_explicit(&shared->references, 1, memory_order_acq_rel) != 1)
            return;
        struct sc_problem *parent = shared->parent;
        sc_arena_free(shared->arena);
        problem = parent;
    }
}
