/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * eliminate: exact solution of a cost graph without a limit (or with fixed prices of memory) by eliminating its nodes
 * one after the other (Bertele and Brioschi 1972; bucket elimination, Dechter 1999), in an order of least fill or of
 * least table. Min-marginals come from a second pass, from the last node back (Shenoy and Shafer 1990).
 *
 * Costs are whole numbers in doubles, so that sums are exact in any order. Models repeat their layers: messages are
 * freed of their least entry and stored by content, and a node whose functions were all seen before takes the result
 * from then. A chain of equal layers so costs little more than a few of them.
 */
#include "solve/elim.h"
#include "solve/kernel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- order ----------------------------------------------------------------------------------------- */

typedef SC_VEC(int) int_vec;

struct order {
    const struct sc_view *view;
    struct sc_cancel *cancel;
    bool by_size;     /* least table first; else least fill first */
    const bool *last; /* these nodes come after all others; NULL: none */
    int_vec *beside;
    int *mark, stamp;
    int *heap, heap_count, *place;
    double *score;
    int *sequence;
    double work, most;
    bool no_memory;
};

static double clique_size(const struct order *o, int node)
{
    double size = o->view->choices[node];
    for (size_t i = 0; i < o->beside[node].count; i++)
        size *= o->view->choices[o->beside[node].data[i]];
    return size;
}

static double rate(struct order *o, int node)
{
    const int_vec *beside = &o->beside[node];
    if (o->last && o->last[node])
        return INFINITY;
    double size = clique_size(o, node);
    if (o->by_size || beside->count > 40)
        return o->by_size ? size : 1e30 + size;
    double fill = 0;
    for (size_t i = 0; i < beside->count; i++) {
        int a = beside->data[i];
        o->stamp++;
        for (size_t j = 0; j < o->beside[a].count; j++)
            o->mark[o->beside[a].data[j]] = o->stamp;
        for (size_t j = i + 1; j < beside->count; j++)
            fill += o->mark[beside->data[j]] != o->stamp;
    }
    return fill + size / (size + 1e15); /* ties: the smaller table */
}

static bool before(const struct order *o, int a, int b)
{
    return o->score[a] < o->score[b] || (o->score[a] == o->score[b] && a < b);
}

static void heap_set(struct order *o, int slot, int node)
{
    o->heap[slot] = node;
    o->place[node] = slot;
}

static void heap_fix(struct order *o, int slot)
{
    int node = o->heap[slot];
    while (slot > 0 && before(o, node, o->heap[(slot - 1) / 2])) {
        heap_set(o, slot, o->heap[(slot - 1) / 2]);
        slot = (slot - 1) / 2;
    }
    for (;;) {
        int child = 2 * slot + 1;
        if (child + 1 < o->heap_count && before(o, o->heap[child + 1], o->heap[child]))
            child++;
        if (child >= o->heap_count || !before(o, o->heap[child], node))
            break;
        heap_set(o, slot, o->heap[child]);
        slot = child;
    }
    heap_set(o, slot, node);
}

static int heap_pop(struct order *o)
{
    int top = o->heap[0], last = o->heap[--o->heap_count];
    if (o->heap_count > 0) {
        heap_set(o, 0, last);
        heap_fix(o, 0);
    }
    o->place[top] = -1;
    return top;
}

static void unlink_node(int_vec *list, int node)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->data[i] == node) {
            list->data[i] = list->data[--list->count];
            return;
        }
}

/* Connect the neighbours of `node` and take it out; its own list stays as its clique. */
static void take_out(struct order *o, int node)
{
    int_vec *beside = &o->beside[node];
    for (size_t i = 0; i < beside->count; i++) {
        int a = beside->data[i];
        unlink_node(&o->beside[a], node);
        o->stamp++;
        o->mark[a] = o->stamp;
        for (size_t j = 0; j < o->beside[a].count; j++)
            o->mark[o->beside[a].data[j]] = o->stamp;
        for (size_t j = 0; j < beside->count; j++)
            if (o->mark[beside->data[j]] != o->stamp && !sc_vec_push(&o->beside[a], beside->data[j]))
                o->no_memory = true;
    }
}

static bool order_make(struct order *o, const struct sc_view *view, bool by_size, double most, struct sc_cancel *cancel)
{
    size_t n = (size_t)view->node_count;
    *o = (struct order){.view = view, .cancel = cancel, .by_size = by_size, .most = most};
    o->beside = sc_calloc(n + 1, sizeof *o->beside);
    o->mark = sc_calloc(n + 1, sizeof *o->mark);
    o->heap = sc_calloc(n + 1, sizeof *o->heap);
    o->place = sc_calloc(n + 1, sizeof *o->place);
    o->score = sc_calloc(n + 1, sizeof *o->score);
    o->sequence = sc_calloc(n + 1, sizeof *o->sequence);
    if (!o->beside || !o->mark || !o->heap || !o->place || !o->score || !o->sequence)
        return false;
    for (int e = 0; e < view->edge_count; e++) {
        int u = view->edges[e].from, v = view->edges[e].to;
        bool known = false; /* parallel edges count once */
        const int_vec *shorter = o->beside[u].count < o->beside[v].count ? &o->beside[u] : &o->beside[v];
        int wanted = shorter == &o->beside[u] ? v : u;
        for (size_t i = 0; i < shorter->count && !known; i++)
            known = shorter->data[i] == wanted;
        if (!known && (!sc_vec_push(&o->beside[u], v) || !sc_vec_push(&o->beside[v], u)))
            return false;
    }
    return true;
}

static void order_free(struct order *o)
{
    for (int n = 0; o->beside && n < o->view->node_count; n++)
        sc_vec_free(&o->beside[n]);
    sc_free(o->beside);
    sc_free(o->mark);
    sc_free(o->heap);
    sc_free(o->place);
    sc_free(o->score);
    sc_free(o->sequence);
    *o = (struct order){0};
}

/* False when out of memory, cancelled or beyond `most` (then work > most). */
static bool order_run(struct order *o)
{
    int n = o->view->node_count;
    for (int v = 0; v < n; v++)
        o->score[v] = rate(o, v);
    for (int v = 0; v < n; v++) {
        heap_set(o, o->heap_count++, v);
        heap_fix(o, o->heap_count - 1);
    }
    for (int i = 0; i < n; i++) {
        int v = heap_pop(o);
        o->sequence[i] = v;
        o->work += o->last && o->last[v] ? 0 : clique_size(o, v);
        if (o->work > o->most)
            return false;
        take_out(o, v);
        if (o->no_memory || ((i & 63) == 0 && sc_cancelled(o->cancel)))
            return false;
        for (size_t j = 0; j < o->beside[v].count; j++) {
            int a = o->beside[v].data[j];
            o->score[a] = rate(o, a);
            heap_fix(o, o->place[a]);
        }
    }
    return true;
}

/* The better of the two orders. False as order_run; *too_wide when both are beyond `most`. */
static bool order_best(struct order *best, const struct sc_view *view, const bool *last, double most,
                       struct sc_cancel *cancel, bool *too_wide)
{
    struct order other;
    bool ok = order_make(best, view, false, most, cancel);
    best->last = last;
    ok = ok && order_run(best);
    bool wide = !ok && best->work > most;
    if (!ok && !wide)
        return false;
    double limit = ok ? best->work : most;
    bool ok2 = order_make(&other, view, true, limit, cancel);
    other.last = last;
    ok2 = ok2 && order_run(&other);
    if (ok2 && (!ok || other.work < best->work)) {
        order_free(best);
        *best = other;
        return true;
    }
    *too_wide = wide && other.work > limit;
    order_free(&other);
    return ok;
}

/* ---- cliques --------------------------------------------------------------------------------------- */

static int choices_of(const struct sc_elim *m, const struct sc_elim_clique *q, int member)
{
    return m->view->choices[member == 0 ? q->node : q->next[member - 1]];
}

static size_t table_size(const struct sc_elim *m, const int *nodes, int count)
{
    size_t size = 1;
    for (int i = 0; i < count; i++)
        size *= (size_t)m->view->choices[nodes[i]];
    return size;
}

static int member_of(const struct sc_elim_clique *q, int node)
{
    if (q->node == node)
        return 0;
    for (int i = 0; i < q->next_count; i++)
        if (q->next[i] == node)
            return i + 1;
    return -1;
}

/* A function over `nodes` (by order of elimination) becomes part of a clique that holds them all. */
static bool add_function(struct sc_elim *m, struct sc_elim_clique *q, int child, const int *nodes, int count)
{
    struct sc_elim_function *f = &q->functions[q->function_count];
    f->child = child;
    f->scope_count = count;
    f->scope = sc_arena_calloc(m->arena, (size_t)count, sizeof *f->scope);
    f->step = sc_arena_calloc(m->arena, (size_t)q->next_count + 1, sizeof *f->step);
    if (!f->scope || !f->step)
        return false;
    ptrdiff_t step = 1;
    for (int i = count - 1; i >= 0; i--) {
        f->scope[i] = member_of(q, nodes[i]);
        f->step[f->scope[i]] = step;
        step *= m->view->choices[nodes[i]];
    }
    q->function_count++;
    return true;
}

/* Store contents once. With `own` false they are the view's: ids below zero. */
static bool intern(struct sc_elim *m, bool own, const double *at, size_t size, struct sc_elim_table *out)
{
    struct sc_map *map = own ? &m->tables : &m->edges;
    int64_t index = (int64_t)map->count;
    if (!sc_map_get(map, at, size * sizeof *at, &index) && !sc_map_put(map, at, size * sizeof *at, index))
        return false;
    out->at = map->entries[index].key;
    out->id = own ? (int)index : -1 - (int)index;
    return true;
}

static double *grow(struct sc_elim *m, size_t size)
{
    if (m->space_size < size) {
        double *grown = sc_realloc(m->space, size, sizeof *grown);
        if (grown)
            m->space = grown;
        double *sums = grown ? sc_realloc(m->sums, size, sizeof *sums) : NULL;
        if (!sums)
            return NULL;
        m->sums = sums;
        m->space_size = size;
    }
    return m->space;
}

static bool add_edge(struct sc_elim *m, const struct sc_view_edge *edge)
{
    bool turned = m->position[edge->from] > m->position[edge->to];
    int nodes[2] = {turned ? edge->to : edge->from, turned ? edge->from : edge->to};
    size_t rows = (size_t)m->view->choices[nodes[0]], cols = (size_t)m->view->choices[nodes[1]];
    double *at = grow(m, rows * cols);
    if (!at)
        return false;
    size_t own = turned ? 1 : (size_t)edge->row_stride, other = turned ? (size_t)edge->row_stride : 1;
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < cols; c++)
            at[r * cols + c] = edge->table[r * own + c * other];
    struct sc_elim_clique *q = &m->clique[nodes[0]];
    return add_function(m, q, -1, nodes, 2) &&
           intern(m, false, at, rows * cols, &q->functions[q->function_count - 1].table);
}

static int by_position(const void *a, const void *b, void *position)
{
    const int *p = position;
    return p[*(const int *)a] - p[*(const int *)b];
}

static bool make_cliques(struct sc_elim *m, const struct order *o)
{
    size_t n = (size_t)m->view->node_count;
    m->order = sc_arena_copy(m->arena, o->sequence, n * sizeof *m->order);
    m->position = sc_arena_calloc(m->arena, n, sizeof *m->position);
    m->clique = sc_arena_calloc(m->arena, n, sizeof *m->clique);
    int *functions = sc_calloc(n + 1, sizeof *functions);
    bool ok = m->order && m->position && m->clique && functions;
    for (int i = 0; ok && i < (int)n; i++)
        m->position[m->order[i]] = i;
    for (int v = 0; ok && v < (int)n; v++) {
        struct sc_elim_clique *q = &m->clique[v];
        q->node = v;
        q->parent = -1;
        q->next_count = (int)o->beside[v].count;
        m->width = q->next_count > m->width ? q->next_count : m->width;
        q->cost = sc_arena_calloc(m->arena, (size_t)m->view->choices[v], sizeof *q->cost);
        ok = q->cost != NULL;
        if (!ok || q->next_count == 0)
            continue;
        q->next = sc_arena_copy(m->arena, o->beside[v].data, (size_t)q->next_count * sizeof *q->next);
        ok = q->next != NULL;
        if (ok) {
            qsort_r(q->next, (size_t)q->next_count, sizeof *q->next, by_position, m->position);
            q->parent = q->next[0];
            functions[q->parent]++;
        }
    }
    for (int e = 0; ok && e < m->view->edge_count; e++) {
        int u = m->view->edges[e].from, v = m->view->edges[e].to;
        functions[m->position[u] < m->position[v] ? u : v]++;
    }
    for (int v = 0; ok && v < (int)n; v++) {
        m->clique[v].functions = sc_arena_calloc(m->arena, (size_t)functions[v] + 1, sizeof *m->clique[v].functions);
        ok = m->clique[v].functions != NULL;
    }
    for (int e = 0; ok && e < m->view->edge_count; e++)
        ok = add_edge(m, &m->view->edges[e]);
    for (int i = 0; ok && i < (int)n; i++) {
        const struct sc_elim_clique *q = &m->clique[m->order[i]];
        if (q->parent >= 0)
            ok = add_function(m, &m->clique[q->parent], q->node, q->next, q->next_count);
    }
    sc_free(functions);
    return ok;
}

struct sc_elim *sc_elim_new(const struct sc_view *view, double most, struct sc_cancel *cancel, bool *too_wide)
{
    return sc_elim_new_but(view, NULL, most, cancel, too_wide);
}

struct sc_elim *sc_elim_new_but(const struct sc_view *view, const bool *last, double most, struct sc_cancel *cancel,
                                bool *too_wide)
{
    struct order order = {.view = view};
    *too_wide = false;
    struct sc_elim *m = order_best(&order, view, last, most, cancel, too_wide) ? sc_alloc(sizeof *m) : NULL;
    bool ok = m && (m->arena = sc_arena_new()) != NULL;
    if (ok) {
        m->view = view;
        m->cancel = cancel;
        m->work = order.work;
        for (int i = 0; last && i < view->node_count; i++)
            m->left += last[i];
        ok = make_cliques(m, &order);
    }
    order_free(&order);
    if (!ok) {
        sc_elim_free(m);
        return NULL;
    }
    return m;
}

void sc_elim_free(struct sc_elim *m)
{
    if (!m)
        return;
    sc_map_free(&m->edges);
    sc_map_free(&m->tables);
    sc_map_free(&m->memo);
    sc_vec_free(&m->results);
    sc_free(m->space);
    sc_free(m->sums);
    sc_arena_free(m->arena);
    sc_free(m);
}

/* ---- scanning a clique ------------------------------------------------------------------------------ */

/* All assignments of a clique: the sum of its functions goes into a table over some of its members, minimised over the
 * others. `step[member]` of that table, 0 when minimised; the last member has step 1 or 0. */
struct scan {
    const struct sc_elim_clique *q;
    int count; /* functions in use */
    const double *at[64];
    const ptrdiff_t *step[64];
    double *out;
    ptrdiff_t out_step[64];
};

enum { MOST_PARTS = 64 };

static void scan_row(struct sc_elim *m, const struct scan *s, const ptrdiff_t *offset, double *out, double *sum)
{
    const struct sc_elim_clique *q = s->q;
    int last = q->next_count, k = m->view->choices[q->node], n = last ? choices_of(m, q, last) : 1;
    const double *vector[2] = {NULL, NULL};
    ptrdiff_t vector_step[2] = {0, 0};
    int vectors = 0;
    double *extra = m->sums; /* k × n: the sum of all vectors but the first, when there are more than two */
    memcpy(sum, q->cost, (size_t)k * sizeof *sum);
    for (int f = 0; f < s->count; f++) {
        const double *at = s->at[f] + offset[f];
        ptrdiff_t own = s->step[f][0];
        if (last == 0 || s->step[f][last] == 0) {
            for (int c = 0; c < k; c++)
                sum[c] += at[c * own];
        } else if (vectors < 2) {
            vector[vectors] = at;
            vector_step[vectors++] = own;
        } else {
            if (vectors++ == 2) {
                for (int c = 0; c < k; c++)
                    memcpy(extra + (ptrdiff_t)c * n, vector[1] + c * vector_step[1], (size_t)n * sizeof *extra);
                vector[1] = extra;
                vector_step[1] = n;
            }
            for (int c = 0; c < k; c++)
                sc_kernel_add(extra + (ptrdiff_t)c * n, at + c * own, (size_t)n);
        }
    }
    if (last > 0 && s->out_step[last])
        sc_kernel_min(out, s->out_step[0], k, n, sum, vector[0], vector_step[0], vector[1], vector_step[1]);
    else
        sc_kernel_reduce(out, s->out_step[0], k, n, sum, vector[0], vector_step[0], vector[1], vector_step[1]);
}

static enum sc_status scan_all(struct sc_elim *m, const struct scan *s)
{
    const struct sc_elim_clique *q = s->q;
    int outer = q->next_count > 0 ? q->next_count - 1 : 0, k = m->view->choices[q->node];
    int at[MOST_PARTS] = {0};
    ptrdiff_t offset[MOST_PARTS] = {0}, out = 0;
    double *sum = sc_calloc((size_t)k, sizeof *sum);
    enum sc_status status = sum ? SC_OK : SC_NO_MEMORY;
    for (uint64_t steps = 0; status == SC_OK; steps++) {
        scan_row(m, s, offset, s->out + out, sum);
        if ((steps & 255) == 255 && sc_cancel_work(m->cancel, 256))
            status = SC_CANCELLED;
        int i = outer;
        for (; i >= 1; i--) { /* the odometer of the outer members */
            int width = choices_of(m, q, i);
            int delta = at[i] + 1 < width ? 1 : -at[i];
            at[i] += delta;
            for (int f = 0; f < s->count; f++)
                offset[f] += delta * s->step[f][i];
            out += delta * s->out_step[i];
            if (delta > 0)
                break;
        }
        if (i < 1)
            break;
    }
    sc_free(sum);
    return status;
}

static void set_out(const struct sc_elim *m, struct scan *s, const int *nodes, int count)
{
    ptrdiff_t step = 1;
    memset(s->out_step, 0, sizeof s->out_step);
    for (int i = count - 1; i >= 0; i--) {
        s->out_step[member_of(s->q, nodes[i])] = step;
        step *= m->view->choices[nodes[i]];
    }
}

/* ---- runs ------------------------------------------------------------------------------------------- */

enum kind { UP, DOWN, MARGINAL };

/* The signature of a scan: what it reads and how, by ids. */
static bool signature(struct sc_elim *m, const struct scan *s, enum kind kind, const int *ids, int cost_id,
                      const int *nodes, int count, int *key, size_t *size)
{
    size_t at = 0;
    const struct sc_elim_clique *q = s->q;
    key[at++] = kind;
    key[at++] = cost_id;
    key[at++] = q->next_count;
    for (int i = 0; i <= q->next_count; i++)
        key[at++] = choices_of(m, q, i);
    for (int f = 0; f < s->count; f++) {
        key[at++] = ids[f];
        uint64_t members = 0;
        for (int i = 0; i <= q->next_count; i++)
            members |= (uint64_t)(s->step[f][i] != 0) << i;
        key[at++] = (int)(members & 0xffffffff);
        key[at++] = (int)(members >> 32);
    }
    for (int i = 0; i < count; i++)
        key[at++] = member_of(q, nodes[i]);
    *size = at * sizeof *key;
    return true;
}

static double normalise(double *at, size_t size)
{
    double least = sc_kernel_least(at, size);
    if (least < INFINITY && least != 0)
        for (size_t i = 0; i < size; i++)
            at[i] -= least;
    return least;
}

/* Scan the clique of q into a table over `nodes`, leaving out the message of `without` (-1: none). The result's offset
 * is its own least entry only. */
static enum sc_status compute(struct sc_elim *m, struct sc_elim_clique *q, enum kind kind, int without,
                              const int *nodes, int count, struct sc_elim_table *out)
{
    struct scan s = {.q = q};
    int ids[MOST_PARTS], key[4 * MOST_PARTS + 8 + 2 * MOST_PARTS];
    size_t key_size;
    struct sc_elim_table cost;
    if (q->function_count + 1 >= MOST_PARTS || q->next_count + 1 >= MOST_PARTS)
        return SC_LIMIT;
    for (int f = 0; f < q->function_count; f++)
        if (without < 0 || q->functions[f].child != without) {
            s.at[s.count] = q->functions[f].table.at;
            s.step[s.count] = q->functions[f].step;
            ids[s.count++] = q->functions[f].table.id;
        }
    ptrdiff_t down_step[MOST_PARTS] = {0};
    if (kind != UP && q->next_count > 0) {
        ptrdiff_t step = 1;
        for (int i = q->next_count; i >= 1; i--) {
            down_step[i] = step;
            step *= choices_of(m, q, i);
        }
        s.at[s.count] = q->down.at;
        s.step[s.count] = down_step;
        ids[s.count++] = q->down.id;
    }
    set_out(m, &s, nodes, count);
    if (!intern(m, true, q->cost, (size_t)m->view->choices[q->node], &cost) ||
        !signature(m, &s, kind, ids, cost.id, nodes, count, key, &key_size))
        return SC_NO_MEMORY;
    int64_t found;
    if (sc_map_get(&m->memo, key, key_size, &found)) {
        *out = m->results.data[found];
        return SC_OK;
    }
    size_t size = table_size(m, nodes, count);
    int last = q->next_count;
    size_t rows = (size_t)m->view->choices[q->node] * (size_t)(last ? choices_of(m, q, last) : 1);
    double *space = grow(m, size > rows ? size : rows);
    if (!space)
        return SC_NO_MEMORY;
    for (size_t i = 0; i < size; i++)
        space[i] = INFINITY;
    s.out = space;
    enum sc_status status = scan_all(m, &s);
    if (status != SC_OK)
        return status;
    double least = normalise(space, size);
    if (!intern(m, true, space, size, out))
        return SC_NO_MEMORY;
    out->offset = least;
    if (!sc_vec_push(&m->results, *out) || !sc_map_put(&m->memo, key, key_size, (int64_t)m->results.count - 1))
        return SC_NO_MEMORY;
    return SC_OK;
}

static struct sc_elim_function *message_of(struct sc_elim_clique *parent, int child)
{
    for (int f = 0; f < parent->function_count; f++)
        if (parent->functions[f].child == child)
            return &parent->functions[f];
    return NULL;
}

/* What the messages of a clique's children, but one, have as offsets. */
static double offsets(const struct sc_elim *m, const struct sc_elim_clique *q, int without)
{
    double sum = 0;
    for (int f = 0; f < q->function_count; f++)
        if (q->functions[f].child >= 0 && q->functions[f].child != without)
            sum += m->clique[q->functions[f].child].up.offset;
    return sum;
}

enum sc_status sc_elim_run(struct sc_elim *m, const double *const *cost)
{
    sc_map_free(&m->tables);
    sc_map_free(&m->memo);
    m->results.count = 0;
    m->total = 0;
    for (int i = 0; i < m->view->node_count - m->left; i++) {
        struct sc_elim_clique *q = &m->clique[m->order[i]];
        q->has_down = false;
        memcpy(q->cost, cost[q->node], (size_t)m->view->choices[q->node] * sizeof *q->cost);
        enum sc_status status = compute(m, q, UP, -1, q->next, q->next_count, &q->up);
        if (status != SC_OK)
            return status;
        if (q->up.offset == INFINITY) {
            m->total = INFINITY;
            return SC_INFEASIBLE;
        }
        q->up.offset += offsets(m, q, -1);
        if (q->parent >= 0)
            message_of(&m->clique[q->parent], q->node)->table = q->up;
        else
            m->total += q->up.offset;
    }
    return SC_OK;
}

void sc_elim_plan(const struct sc_elim *m, int *plan)
{
    for (int i = m->view->node_count - 1; i >= 0; i--) {
        const struct sc_elim_clique *q = &m->clique[m->order[i]];
        double best = INFINITY;
        plan[q->node] = 0;
        for (int c = 0; c < m->view->choices[q->node]; c++) {
            double cost = q->cost[c];
            for (int f = 0; f < q->function_count; f++) {
                const struct sc_elim_function *g = &q->functions[f];
                ptrdiff_t offset = c * g->step[0];
                for (int j = 0; j < g->scope_count; j++)
                    if (g->scope[j] > 0)
                        offset += plan[q->next[g->scope[j] - 1]] * g->step[g->scope[j]];
                cost += g->table.at[offset];
            }
            if (cost < best) {
                best = cost;
                plan[q->node] = c;
            }
        }
    }
}

enum sc_status sc_elim_descend(struct sc_elim *m)
{
    for (int i = m->view->node_count - 1; i >= 0; i--) {
        struct sc_elim_clique *q = &m->clique[m->order[i]];
        q->has_down = true;
        if (q->parent < 0) { /* beyond a root are the other roots */
            q->down = (struct sc_elim_table){.offset = m->total - q->up.offset};
            continue;
        }
        struct sc_elim_clique *p = &m->clique[q->parent];
        enum sc_status status = compute(m, p, DOWN, q->node, q->next, q->next_count, &q->down);
        if (status != SC_OK)
            return status;
        q->down.offset += p->down.offset + offsets(m, p, q->node);
    }
    return SC_OK;
}

enum sc_status sc_elim_marginal(struct sc_elim *m, int node, double *out)
{
    struct sc_elim_clique *q = &m->clique[node];
    struct sc_elim_table row;
    enum sc_status status = compute(m, q, MARGINAL, -1, &node, 1, &row);
    for (int c = 0; status == SC_OK && c < m->view->choices[node]; c++)
        out[c] = row.at[c] + (row.offset + q->down.offset + offsets(m, q, -1));
    return status;
}
