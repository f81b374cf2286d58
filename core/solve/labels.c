/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * labels: dynamic programming over the elimination order with Pareto frontiers. For every assignment of a clique's
 * border, the frontier holds the (cost, usage) pairs of the subtree below that no other pair beats in both. A pair is
 * dropped when even the cheapest completion, at the price lambda of usage, exceeds what is wanted: completions are
 * priced exactly by the messages that elimination left (up: subtrees, down: all the rest), so that few pairs survive
 * when lambda is good. Pairs that are equal are one: equal layers of a model, which exchange their choices freely,
 * therefore cost no more than different ones, where a branching search would try all exchanges.
 * (Label setting: Desrochers and Soumis 1988; Lagrangian completion bounds: Carlyle, Royset and Wood 2008.)
 */
#include "solve/labels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { JOINS_A_LABEL = 16 }; /* pairs that may be looked at for each label of the budget */

/* How a label came about: a choice of a node (a = -1 - node, b = choice) or two records together. */
struct record {
    int a, b;
};

/* The frontiers of a clique's border: those of state i at first[i] … first[i + 1] - 1. */
struct frontier {
    int *first;
    struct sc_label *labels;
};

typedef SC_VEC(struct sc_label) label_vec;

struct sc_labels_run {
    struct sc_labels *in;
    const struct sc_elim *m;
    struct frontier *frontier; /* a node each */
    SC_VEC(struct record) records;
    label_vec now, next; /* frontiers in the making */
    struct sc_arena *arena;
    size_t joined; /* pairs looked at */
    uint64_t steps;
};

/* Does the cheapest completion exceed what is wanted? `rest` is its priced cost. */
static bool hopeless(const struct sc_labels_run *r, double cost, double usage, double rest)
{
    return usage > r->in->capacity || cost + floor(r->in->lambda * usage) + rest > r->in->most;
}

bool sc_labels_too_many(const struct sc_labels_limits *limits, uint64_t counts)
{
    for (int i = 0; i < limits->counts; i++)
        if ((int)(counts >> (i * limits->bits) & ((UINT64_C(1) << limits->bits) - 1)) > limits->most[i])
            return true;
    return false;
}

static int by_usage(const void *a, const void *b)
{
    const struct sc_label *x = a, *y = b;
    if (x->counts != y->counts)
        return x->counts < y->counts ? -1 : 1;
    if (x->usage != y->usage)
        return x->usage < y->usage ? -1 : 1;
    if (x->cost != y->cost)
        return x->cost < y->cost ? -1 : 1;
    if (x->trace != y->trace)
        return x->trace < y->trace ? -1 : 1;
    return (x->with > y->with) - (x->with < y->with);
}

size_t sc_labels_filter(struct sc_label *labels, size_t count)
{
    size_t kept = 0;
    if (count > 1)
        qsort(labels, count, sizeof *labels, by_usage);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || labels[i].counts != labels[kept - 1].counts || labels[i].cost < labels[kept - 1].cost)
            labels[kept++] = labels[i];
    return kept;
}

static int record(struct sc_labels_run *r, int a, int b)
{
    struct record rec = {a, b};
    if (r->records.count >= r->in->budget || r->records.count >= INT32_MAX) {
        r->in->exhausted = true;
        return -1;
    }
    return sc_vec_push(&r->records, rec) ? (int)r->records.count - 1 : -1;
}

static bool stopped(struct sc_labels_run *r)
{
    if (r->steps < 1000)
        return false;
    uint64_t steps = r->steps;
    r->steps = 0;
    return sc_cancel_work(r->m->cancel, steps);
}

/* Labels of `now` and of a child's frontier, all pairs, into `now`. `rest`: least priced cost of what is in neither. */
static enum sc_status join(struct sc_labels_run *r, const struct sc_label *child, int count, double rest)
{
    r->next.count = 0;
    for (size_t i = 0; i < r->now.count; i++) {
        r->joined += (size_t)count;
        r->in->exhausted = r->joined / JOINS_A_LABEL > r->in->budget;
        r->steps += (uint64_t)count / 64 + 1;
        if (r->in->exhausted || stopped(r))
            return r->in->exhausted ? SC_LIMIT : SC_CANCELLED;
        for (int j = 0; j < count; j++) {
            struct sc_label l = {r->now.data[i].cost + child[j].cost, r->now.data[i].usage + child[j].usage,
                                 r->now.data[i].counts + child[j].counts, r->now.data[i].trace, child[j].trace};
            if (hopeless(r, l.cost, l.usage, rest) || sc_labels_too_many(&r->in->limits, l.counts))
                continue;
            if (!sc_vec_push(&r->next, l))
                return SC_NO_MEMORY;
        }
    }
    r->next.count = sc_labels_filter(r->next.data, r->next.count);
    for (size_t i = 0; i < r->next.count; i++) {
        struct sc_label *l = &r->next.data[i];
        l->trace = record(r, l->trace, l->with);
        if (l->trace < 0)
            return r->in->exhausted ? SC_LIMIT : SC_NO_MEMORY;
    }
    label_vec swap = r->now;
    r->now = r->next;
    r->next = swap;
    return SC_OK;
}

static ptrdiff_t offset_of(const struct sc_elim_function *f, const int *at, int members)
{
    ptrdiff_t offset = 0;
    for (int i = 0; i < members; i++)
        offset += at[i] * f->step[i];
    return offset;
}

/* Labels of one assignment (at[0]: the node's choice, at[i]: of its i-th neighbour) are added to `out`. */
static enum sc_status extend(struct sc_labels_run *r, const struct sc_elim_clique *q, const int *at, double down,
                             label_vec *out)
{
    const struct sc_elim *m = r->m;
    int members = q->next_count + 1, c = at[0], node = q->node;
    double cost = r->in->cost[node][c], usage = r->in->usage[node][c], rest = down;
    if (q->cost[c] == INFINITY)
        return SC_OK;
    for (int f = 0; f < q->function_count; f++) {
        const struct sc_elim_function *g = &q->functions[f];
        double value = g->table.at[offset_of(g, at, members)];
        if (g->child >= 0)
            rest += value + m->clique[g->child].up.offset;
        else
            cost += value;
    }
    uint64_t counts = r->in->count ? r->in->count[node][c] : 0;
    if (cost + rest == INFINITY || hopeless(r, cost, usage, rest) || sc_labels_too_many(&r->in->limits, counts))
        return SC_OK;
    int leaf = record(r, -1 - node, c);
    struct sc_label first = {cost, usage, counts, leaf, -1};
    r->now.count = 0;
    if (leaf < 0 || !sc_vec_push(&r->now, first))
        return r->in->exhausted ? SC_LIMIT : SC_NO_MEMORY;
    for (int f = 0; f < q->function_count && r->now.count > 0; f++) {
        const struct sc_elim_function *g = &q->functions[f];
        if (g->child < 0)
            continue;
        ptrdiff_t state = offset_of(g, at, members);
        const struct frontier *child = &r->frontier[g->child];
        rest -= g->table.at[state] + m->clique[g->child].up.offset;
        enum sc_status status =
            join(r, child->labels + child->first[state], child->first[state + 1] - child->first[state], rest);
        if (status != SC_OK)
            return status;
    }
    for (size_t i = 0; i < r->now.count; i++)
        if (!sc_vec_push(out, r->now.data[i]))
            return SC_NO_MEMORY;
    return SC_OK;
}

static enum sc_status clique(struct sc_labels_run *r, const struct sc_elim_clique *q)
{
    const struct sc_elim *m = r->m;
    size_t states = 1;
    int at[64] = {0};
    label_vec all = {0}, one = {0};
    for (int i = 0; i < q->next_count; i++)
        states *= (size_t)m->view->choices[q->next[i]];
    struct frontier *out = &r->frontier[q->node];
    out->first = sc_arena_calloc(r->arena, states + 1, sizeof *out->first);
    enum sc_status status = out->first ? SC_OK : SC_NO_MEMORY;
    for (size_t s = 0; status == SC_OK && s < states; s++) {
        double down = q->down.offset + (q->next_count ? q->down.at[s] : 0);
        one.count = 0;
        for (int c = 0; status == SC_OK && c < m->view->choices[q->node] && down < INFINITY; c++) {
            at[0] = c;
            status = extend(r, q, at, down, &one);
        }
        one.count = sc_labels_filter(one.data, one.count);
        for (size_t i = 0; status == SC_OK && i < one.count; i++)
            if (!sc_vec_push(&all, one.data[i]))
                status = SC_NO_MEMORY;
        out->first[s + 1] = (int)all.count;
        for (int i = q->next_count; i >= 1; i--) { /* the state's digits, the last fastest */
            if (++at[i] < m->view->choices[q->next[i - 1]])
                break;
            at[i] = 0;
        }
        r->steps++;
        if (status == SC_OK && stopped(r))
            status = SC_CANCELLED;
    }
    if (status == SC_OK && all.count > 0) {
        out->labels = sc_arena_copy(r->arena, all.data, all.count * sizeof *all.data);
        status = out->labels ? SC_OK : SC_NO_MEMORY;
    }
    sc_vec_free(&all);
    sc_vec_free(&one);
    return status;
}

static void unroll(const struct sc_labels_run *r, int trace, int *plan)
{
    while (trace >= 0) { /* the second part of a join is the shallower one: recurse into it */
        const struct record *rec = &r->records.data[trace];
        if (rec->a < 0) {
            plan[-1 - rec->a] = rec->b;
            return;
        }
        unroll(r, rec->a, plan);
        trace = rec->b;
    }
}

enum sc_status sc_labels_run(struct sc_labels *labels)
{
    struct sc_arena *arena = sc_arena_new();
    struct sc_labels_run *r = arena ? sc_arena_calloc(arena, 1, sizeof *r) : NULL;
    labels->exhausted = false;
    labels->run = r;
    if (!r) {
        sc_arena_free(arena);
        return SC_NO_MEMORY;
    }
    *r = (struct sc_labels_run){.in = labels, .m = labels->elim, .arena = arena};
    size_t n = (size_t)r->m->view->node_count;
    r->frontier = sc_arena_calloc(r->arena, n, sizeof *r->frontier);
    enum sc_status status = r->frontier ? SC_OK : SC_NO_MEMORY;
    for (size_t i = 0; status == SC_OK && i < n; i++)
        status = clique(r, &r->m->clique[r->m->order[i]]);
    if (status == SC_OK) {
        const struct frontier *root = &r->frontier[r->m->order[n - 1]];
        labels->label = root->labels;
        labels->label_count = (size_t)root->first[1];
    }
    if (status == SC_LIMIT && labels->exhausted)
        status = SC_OK;
    return status;
}

void sc_labels_plan(const struct sc_labels *labels, int trace, int *plan)
{
    unroll(labels->run, trace, plan);
}

size_t sc_labels_made(const struct sc_labels *labels)
{
    return labels->run ? labels->run->records.count + labels->run->joined / JOINS_A_LABEL : 0;
}

void sc_labels_free(struct sc_labels *labels)
{
    struct sc_labels_run *r = labels->run;
    if (!r)
        return;
    sc_vec_free(&r->records);
    sc_vec_free(&r->now);
    sc_vec_free(&r->next);
    sc_arena_free(r->arena);
    labels->run = NULL;
}
