/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * remnant: what bounds leave of a problem. Most nodes have one choice left, and join their neighbours' costs; choices
 * are dominated that were not before; tables become sums of a row and a column and come apart. So a model falls into
 * many small pieces, most of them parameters on their own, and equal layers into equal pieces.
 */
#include "solve/remnant.h"

#include <math.h>
#include <string.h>

struct work {
    struct sc_remnant *r;
    int *queue;
    int queued;
};

static void push(struct work *w, int node)
{
    struct sc_remnant_node *x = &w->r->node[node];
    if (!x->queued) {
        x->queued = true;
        w->queue[w->queued++] = node;
    }
}

/* ---- loading ----------------------------------------------------------------------------------------- */

static bool load_node(struct sc_remnant *r, int i, int k, const double *cost, const double *usage,
                      const uint64_t *counts)
{
    struct sc_remnant_node *x = &r->node[i];
    x->k = k;
    x->piece = -1;
    x->id = sc_arena_calloc(r->arena, (size_t)k + 1, sizeof *x->id);
    x->cost = sc_arena_copy(r->arena, cost, (size_t)k * sizeof *cost);
    x->usage = sc_arena_copy(r->arena, usage, (size_t)k * sizeof *usage);
    x->counts = sc_arena_calloc(r->arena, (size_t)k + 1, sizeof *x->counts);
    if (!x->id || !x->cost || !x->usage || !x->counts)
        return false;
    for (int c = 0; c < k; c++) {
        x->id[c] = c;
        x->counts[c] = counts ? counts[c] : 0;
    }
    return true;
}

static bool load_edge(struct sc_remnant *r, int e, const struct sc_view_edge *from)
{
    struct sc_remnant_edge *x = &r->edge[e];
    int rows = r->node[from->from].k, cols = r->node[from->to].k;
    *x = (struct sc_remnant_edge){.u = from->from, .v = from->to};
    x->at = sc_arena_calloc(r->arena, (size_t)rows * (size_t)cols, sizeof *x->at);
    for (int p = 0; x->at && p < rows; p++)
        memcpy(x->at + (size_t)p * (size_t)cols, from->table + (size_t)p * (size_t)from->row_stride,
               (size_t)cols * sizeof *x->at);
    return x->at != NULL;
}

static bool load(struct sc_remnant *r, const struct sc_view *view, const double *const *cost,
                 const double *const *usage, const uint64_t *const *counts)
{
    size_t n = (size_t)view->node_count;
    r->n = view->node_count;
    r->edge_count = view->edge_count;
    r->node = sc_arena_calloc(r->arena, n + 1, sizeof *r->node);
    r->edge = sc_arena_calloc(r->arena, (size_t)r->edge_count + 1, sizeof *r->edge);
    r->begin = sc_arena_calloc(r->arena, n + 2, sizeof *r->begin);
    r->incident = sc_arena_calloc(r->arena, 2 * (size_t)r->edge_count + 1, sizeof *r->incident);
    bool ok = r->node && r->edge && r->begin && r->incident;
    for (int i = 0; ok && i < r->n; i++)
        ok = load_node(r, i, view->choices[i], cost[i], usage[i], counts ? counts[i] : NULL);
    for (int e = 0; ok && e < r->edge_count; e++) {
        ok = load_edge(r, e, &view->edges[e]);
        r->begin[view->edges[e].from + 1]++;
        r->begin[view->edges[e].to + 1]++;
    }
    for (int i = 0; ok && i < r->n; i++)
        r->begin[i + 1] += r->begin[i];
    for (int e = r->edge_count - 1; ok && e >= 0; e--) { /* from the back, so that lists are by edge */
        r->incident[--r->begin[view->edges[e].from + 1]] = e;
        r->incident[--r->begin[view->edges[e].to + 1]] = e;
    }
    if (ok) { /* begin[i + 1] has become the first of node i */
        memmove(r->begin, r->begin + 1, n * sizeof *r->begin);
        r->begin[n] = 2 * r->edge_count;
    }
    return ok;
}

/* ---- reductions -------------------------------------------------------------------------------------- */

struct side {
    int other;
    double *at;
    int own, beside; /* steps */
};

static struct side look(const struct sc_remnant *r, int edge, int node)
{
    const struct sc_remnant_edge *e = &r->edge[edge];
    int cols = r->node[e->v].k;
    return e->u == node ? (struct side){e->v, e->at, cols, 1} : (struct side){e->u, e->at, 1, cols};
}

static void touch_neighbours(struct work *w, int node)
{
    struct sc_remnant *r = w->r;
    for (int i = r->begin[node]; i < r->begin[node + 1]; i++)
        if (r->edge[r->incident[i]].at)
            push(w, look(r, r->incident[i], node).other);
}

/* Take choices out of a node and its tables. */
static void keep(struct work *w, int node, const bool *kept)
{
    struct sc_remnant *r = w->r;
    struct sc_remnant_node *x = &r->node[node];
    int k = 0;
    for (int i = r->begin[node]; i < r->begin[node + 1]; i++) {
        struct sc_remnant_edge *e = &r->edge[r->incident[i]];
        int rows = r->node[e->u].k, cols = r->node[e->v].k, at = 0;
        for (int p = 0; e->at && p < rows; p++)
            for (int q = 0; q < cols; q++)
                if (kept[e->u == node ? p : q])
                    e->at[at++] = e->at[p * cols + q];
    }
    for (int c = 0; c < x->k; c++)
        if (kept[c]) {
            x->id[k] = x->id[c];
            x->cost[k] = x->cost[c];
            x->usage[k] = x->usage[c];
            x->counts[k++] = x->counts[c];
        }
    x->k = k;
    r->empty |= k == 0;
    touch_neighbours(w, node);
    push(w, node);
}

/* A table with one row or column, or whose entries are f(row) + g(column), goes into the nodes. */
static bool separate(struct work *w, int edge)
{
    struct sc_remnant_edge *e = &w->r->edge[edge];
    struct sc_remnant_node *u = &w->r->node[e->u], *v = &w->r->node[e->v];
    for (int p = 0; p < u->k; p++)
        for (int q = 0; q < v->k; q++) {
            if (u->k > 1 && v->k > 1 && e->at[p * v->k + q] == INFINITY)
                return false;
            if (u->k > 1 && v->k > 1 && e->at[p * v->k + q] - e->at[q] != e->at[p * v->k] - e->at[0])
                return false;
        }
    for (int q = 0; v->k > 1 && q < v->k; q++)
        v->cost[q] += e->at[q];
    for (int p = 0; p < u->k && (u->k > 1 || v->k == 1); p++)
        u->cost[p] += e->at[p * v->k] - (v->k > 1 ? e->at[0] : 0);
    e->at = NULL;
    push(w, e->u);
    push(w, e->v);
    return true;
}

/* What a choice costs at least with a neighbour goes to its own cost: +inf when nothing goes with it. */
static void shift_rows(const struct sc_remnant *r, int edge, int node)
{
    struct side s = look(r, edge, node);
    int others = r->node[s.other].k;
    for (int c = 0; c < r->node[node].k; c++) {
        double least = INFINITY, *row = s.at + c * s.own;
        for (int o = 0; o < others; o++)
            least = fmin(least, row[o * s.beside]);
        r->node[node].cost[c] += least;
        for (int o = 0; o < others && least < INFINITY && least != 0; o++)
            row[o * s.beside] -= least;
    }
}

/* Is choice a as good as b, whatever the neighbours take? */
static bool dominates(const struct sc_remnant *r, int node, int a, int b)
{
    const struct sc_remnant_node *x = &r->node[node];
    double less = x->cost[b] - x->cost[a]; /* what the tables may cost more */
    if (x->cost[b] == INFINITY)
        return true;
    if (x->usage[a] > x->usage[b] || x->counts[a] != x->counts[b])
        return false;
    for (int i = r->begin[node]; i < r->begin[node + 1]; i++) {
        struct side s = look(r, r->incident[i], node);
        double most = -INFINITY;
        if (!s.at)
            continue;
        for (int c = 0; c < r->node[s.other].k; c++) {
            double other = s.at[b * s.own + c * s.beside];
            if (other < INFINITY)
                most = fmax(most, s.at[a * s.own + c * s.beside] - other);
        }
        less -= most;
    }
    return less >= 0;
}

static void dominate(struct work *w, int node)
{
    const struct sc_remnant_node *x = &w->r->node[node];
    bool kept[1024], any = false;
    if (x->k > (int)SC_LEN(kept))
        return;
    for (int c = 0; c < x->k; c++)
        kept[c] = x->cost[c] < INFINITY;
    for (int b = 0; b < x->k; b++)
        for (int a = 0; a < x->k && kept[b]; a++)
            if (a != b && kept[a] && dominates(w->r, node, a, b))
                kept[b] = false;
    for (int c = 0; c < x->k; c++)
        any |= !kept[c];
    if (any)
        keep(w, node, kept);
}

/* The least of a node's rows goes to the constants. */
static void settle(struct sc_remnant *r, int node)
{
    struct sc_remnant_node *x = &r->node[node];
    double cost = INFINITY, usage = INFINITY;
    for (int c = 0; c < x->k; c++) {
        cost = fmin(cost, x->cost[c]);
        usage = fmin(usage, x->usage[c]);
    }
    if (x->k == 0 || cost == INFINITY) {
        r->empty = true;
        return;
    }
    for (int c = 0; c < x->k; c++) {
        x->cost[c] -= cost;
        x->usage[c] -= usage;
    }
    r->cost += cost;
    r->usage += usage;
}

static void reduce(struct work *w)
{
    struct sc_remnant *r = w->r;
    for (int i = 0; i < r->n; i++)
        push(w, i);
    while (w->queued > 0 && !r->empty) {
        int node = w->queue[--w->queued];
        r->node[node].queued = false;
        for (int i = r->begin[node]; i < r->begin[node + 1]; i++)
            if (r->edge[r->incident[i]].at && !separate(w, r->incident[i]))
                shift_rows(r, r->incident[i], node);
        if (r->node[node].k > 1)
            dominate(w, node);
    }
    for (int e = 0; e < r->edge_count && !r->empty; e++)
        if (r->edge[e].at) { /* in one order everywhere, so that equal pieces look equal */
            shift_rows(r, e, r->edge[e].u);
            shift_rows(r, e, r->edge[e].v);
        }
    for (int i = 0; i < r->n && !r->empty; i++) {
        settle(r, i);
        if (r->node[i].k == 1) {
            r->counts += r->node[i].counts[0];
            r->node[i].counts[0] = 0;
        }
    }
}

/* ---- pieces ------------------------------------------------------------------------------------------ */

static void gather(struct sc_remnant *r, int start, int *stack)
{
    struct sc_remnant_piece *p = &r->piece[r->piece_count];
    int depth = 0;
    p->first = r->piece_count ? p[-1].first + p[-1].count : 0;
    stack[depth++] = start;
    r->node[start].piece = r->piece_count;
    while (depth > 0) {
        int node = stack[--depth];
        r->members[p->first + p->count++] = node;
        for (int i = r->begin[node]; i < r->begin[node + 1]; i++) {
            if (!r->edge[r->incident[i]].at)
                continue;
            int other = look(r, r->incident[i], node).other;
            if (r->node[other].piece < 0) {
                r->node[other].piece = r->piece_count;
                stack[depth++] = other;
            }
        }
    }
    r->piece_count++;
}

static void put(struct sc_str *out, const void *data, size_t size)
{
    sc_str_addn(out, data, size);
}

/* All of a piece as bytes; members are by number in the order in which they were found from the first. */
static void describe(const struct sc_remnant *r, const struct sc_remnant_piece *p, int *number, struct sc_str *out)
{
    sc_str_clear(out);
    for (int i = 0; i < p->count; i++)
        number[r->members[p->first + i]] = i;
    for (int i = 0; i < p->count; i++) {
        int node = r->members[p->first + i];
        const struct sc_remnant_node *x = &r->node[node];
        size_t k = (size_t)x->k;
        put(out, &x->k, sizeof x->k);
        put(out, x->cost, k * sizeof *x->cost);
        put(out, x->usage, k * sizeof *x->usage);
        put(out, x->counts, k * sizeof *x->counts);
        for (int j = r->begin[node]; j < r->begin[node + 1]; j++) {
            const struct sc_remnant_edge *e = &r->edge[r->incident[j]];
            if (!e->at || e->u != node)
                continue;
            put(out, &number[e->v], sizeof number[e->v]);
            put(out, e->at, k * (size_t)r->node[e->v].k * sizeof *e->at);
        }
    }
}

static bool find_pieces(struct sc_remnant *r)
{
    size_t n = (size_t)r->n;
    struct sc_map known = {0};
    struct sc_str text = {0};
    int *number = sc_arena_calloc(r->arena, n + 1, sizeof *number);
    r->members = sc_arena_calloc(r->arena, n + 1, sizeof *r->members);
    r->piece = sc_arena_calloc(r->arena, n + 1, sizeof *r->piece);
    r->first_of_kind = sc_arena_calloc(r->arena, n + 1, sizeof *r->first_of_kind);
    bool ok = number && r->members && r->piece && r->first_of_kind;
    for (int i = 0; ok && i < r->n; i++)
        if (r->node[i].k > 1 && r->node[i].piece < 0)
            gather(r, i, number);
    for (int p = 0; ok && p < r->piece_count; p++) {
        int64_t kind = r->kind_count;
        describe(r, &r->piece[p], number, &text);
        if (!sc_map_get(&known, text.data, text.length, &kind)) {
            ok = !text.failed && sc_map_put(&known, text.data, text.length, kind);
            r->first_of_kind[r->kind_count++] = p;
        }
        r->piece[p].kind = (int)kind;
    }
    sc_str_free(&text);
    sc_map_free(&known);
    return ok;
}

bool sc_remnant_make(struct sc_remnant *r, const struct sc_view *view, const double *const *cost,
                     const double *const *usage, const uint64_t *const *counts)
{
    *r = (struct sc_remnant){.arena = sc_arena_new()};
    struct work w = {.r = r};
    if (!r->arena || !load(r, view, cost, usage, counts))
        return false;
    w.queue = sc_arena_calloc(r->arena, (size_t)r->n + 1, sizeof *w.queue);
    if (!w.queue)
        return false;
    reduce(&w);
    return r->empty || find_pieces(r);
}

void sc_remnant_free(struct sc_remnant *r)
{
    sc_arena_free(r->arena);
    r->arena = NULL;
}
