/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * knapsack: a multiple-choice knapsack whose items are the pieces of a remnant. A piece has the frontier of its plans'
 * (cost, usage) pairs (labels.c); pieces that are equal share it. Frontiers are added piece by piece, and a sum stays
 * when no other of less usage costs less (Nemhauser and Ullmann 1969), and when the rest can still be had for what is
 * wanted, were it divisible: that bound is the lower convex hull of the sum of all frontiers to come, read at what is
 * left of the capacity (Sinha and Zoltners 1979). Pieces that jump far in usage come first, as those to come then fill
 * any room nearly as well as if they were divisible; so few sums stay.
 */
#include "solve/knapsack.h"
#include "solve/remnant.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LOOKS_A_LABEL = 16 }; /* sums that may be looked at for each label of the budget */
static const double widest = 1 << 23;

/* All that is needed of a kind of pieces. */
struct kind {
    int pieces;
    double total;     /* least cost with usage priced */
    double jump;      /* the most that a step along the hull saves */
    double cost_low;  /* of the point of least usage */
    double usage_low; /* and its usage */
    int label_count;
    struct sc_label *label;
    struct sc_labels labels; /* of a piece of several nodes */
    struct sc_view view;
    double **cost, **usage;
    uint64_t **count;
    struct sc_elim *elim;
};

/* A step along the hull of a kind. */
struct step {
    double slope, usage, saving;
    int kind, number;
};

/* How a sum came about. */
struct added {
    int before, label;
};

typedef SC_VEC(struct sc_label) label_vec;

struct packing {
    struct sc_knapsack *in;
    struct sc_remnant r;
    struct kind *kind;
    double most, gap, room; /* with prices of counts; beyond the bound; of the capacity */
    int *item;              /* pieces, in the order in which they are added */
    int *left;              /* pieces of each kind that are still to come */
    struct step *step;
    int step_count;
    double *usage_sum, *saving_sum; /* of the first so many steps, with all pieces that are to come */
    double cost_low, usage_low;     /* of all to come */
    label_vec now, next, other;
    SC_VEC(struct added) added;
    SC_VEC(size_t) runs;
    size_t looked, made;
    struct sc_arena *arena;
};

/* ---- kinds ------------------------------------------------------------------------------------------- */

static int members_of(const struct packing *p, int kind, const int **members)
{
    const struct sc_remnant_piece *piece = &p->r.piece[p->r.first_of_kind[kind]];
    *members = p->r.members + piece->first;
    return piece->count;
}

static void open_single(struct packing *p, struct kind *k, const struct sc_remnant_node *x)
{
    k->total = INFINITY;
    for (int c = 0; c < x->k; c++)
        k->total = fmin(k->total, x->cost[c] + floor(p->in->lambda * x->usage[c]));
}

/* The piece as a view of its own. */
static bool make_view(struct packing *p, struct kind *k, const int *members, int count)
{
    struct sc_arena *arena = p->arena;
    int *number = sc_arena_calloc(arena, (size_t)p->r.n + 1, sizeof *number), edges = 0;
    int *choices = sc_arena_calloc(arena, (size_t)count, sizeof *choices);
    double **priced = sc_arena_calloc(arena, (size_t)count, sizeof *priced);
    k->cost = sc_arena_calloc(arena, (size_t)count, sizeof *k->cost);
    k->usage = sc_arena_calloc(arena, (size_t)count, sizeof *k->usage);
    k->count = sc_arena_calloc(arena, (size_t)count, sizeof *k->count);
    if (!number || !choices || !priced || !k->cost || !k->usage || !k->count)
        return false;
    for (int i = 0; i < count; i++) {
        const struct sc_remnant_node *x = &p->r.node[members[i]];
        number[members[i]] = i;
        choices[i] = x->k;
        k->cost[i] = x->cost;
        k->usage[i] = x->usage;
        k->count[i] = x->counts;
        edges += p->r.begin[members[i] + 1] - p->r.begin[members[i]];
        if (!(priced[i] = sc_arena_calloc(arena, (size_t)x->k, sizeof **priced)))
            return false;
        for (int c = 0; c < x->k; c++)
            priced[i][c] = x->cost[c] + floor(p->in->lambda * x->usage[c]);
    }
    struct sc_view_edge *edge = sc_arena_calloc(arena, (size_t)edges + 1, sizeof *edge);
    k->view =
        (struct sc_view){.node_count = count, .choices = choices, .cost = (const double *const *)priced, .edges = edge};
    for (int i = 0; edge && i < count; i++)
        for (int j = p->r.begin[members[i]]; j < p->r.begin[members[i] + 1]; j++) {
            const struct sc_remnant_edge *e = &p->r.edge[p->r.incident[j]];
            if (e->at && e->u == members[i])
                edge[k->view.edge_count++] =
                    (struct sc_view_edge){number[e->u], number[e->v], e->at, p->r.node[e->v].k};
        }
    return edge != NULL;
}

/* The least priced cost of a kind. SC_LIMIT: too wide. */
static enum sc_status open_kind(struct packing *p, int kind)
{
    struct kind *k = &p->kind[kind];
    const int *members;
    int count = members_of(p, kind, &members);
    bool wide = false;
    if (count == 1) {
        open_single(p, k, &p->r.node[members[0]]);
        return SC_OK;
    }
    if (!make_view(p, k, members, count))
        return SC_NO_MEMORY;
    k->elim = sc_elim_new(&k->view, widest, p->in->cancel, &wide);
    if (!k->elim)
        return wide ? SC_LIMIT : sc_cancelled(p->in->cancel) ? SC_CANCELLED : SC_NO_MEMORY;
    enum sc_status status = sc_elim_run(k->elim, k->view.cost);
    if (status == SC_OK)
        status = sc_elim_descend(k->elim);
    k->total = k->elim->total;
    return status;
}

static enum sc_status labels_of_single(struct packing *p, struct kind *k, const struct sc_remnant_node *x)
{
    k->label = sc_arena_calloc(p->arena, (size_t)x->k, sizeof *k->label);
    if (!k->label)
        return SC_NO_MEMORY;
    for (int c = 0; c < x->k; c++)
        if (x->cost[c] + floor(p->in->lambda * x->usage[c]) <= k->total + p->gap && x->usage[c] <= p->room)
            k->label[k->label_count++] = (struct sc_label){x->cost[c], x->usage[c], x->counts[c], c, -1};
    k->label_count = (int)sc_labels_filter(k->label, (size_t)k->label_count);
    return SC_OK;
}

static enum sc_status labels_of(struct packing *p, int kind)
{
    struct kind *k = &p->kind[kind];
    const int *members;
    if (members_of(p, kind, &members) == 1)
        return labels_of_single(p, k, &p->r.node[members[0]]);
    k->labels = (struct sc_labels){.elim = k->elim,
                                   .cost = (const double *const *)k->cost,
                                   .usage = (const double *const *)k->usage,
                                   .count = (const uint64_t *const *)k->count,
                                   .lambda = p->in->lambda,
                                   .capacity = p->room,
                                   .most = k->total + p->gap,
                                   .budget = p->in->budget - p->made,
                                   .limits = p->in->limits};
    enum sc_status status = sc_labels_run(&k->labels);
    p->made += sc_labels_made(&k->labels);
    if (status == SC_OK && (k->labels.exhausted || p->made > p->in->budget))
        return SC_LIMIT;
    if (status == SC_OK) {
        k->label_count = (int)k->labels.label_count;
        k->label = sc_arena_copy(p->arena, k->labels.label, k->labels.label_count * sizeof *k->label);
        status = k->label ? SC_OK : SC_NO_MEMORY;
    }
    return status;
}

/* ---- hulls ------------------------------------------------------------------------------------------- */

static int by_usage_alone(const void *a, const void *b)
{
    const struct sc_label *x = a, *y = b;
    if (x->usage != y->usage)
        return x->usage < y->usage ? -1 : 1;
    return (x->cost > y->cost) - (x->cost < y->cost);
}

/* The steps of a kind along its lower hull, from least usage to least cost. */
static bool add_steps(struct packing *p, int kind)
{
    struct kind *k = &p->kind[kind];
    struct sc_label *at = sc_arena_copy(p->arena, k->label, (size_t)k->label_count * sizeof *at);
    int top = 0;
    if (!at)
        return false;
    qsort(at, (size_t)k->label_count, sizeof *at, by_usage_alone);
    for (int i = 1; i < k->label_count; i++) {
        if (at[i].cost >= at[top].cost)
            continue;
        while (top > 0 && (at[top - 1].cost - at[top].cost) * (at[i].usage - at[top].usage) <=
                              (at[top].cost - at[i].cost) * (at[top].usage - at[top - 1].usage))
            top--;
        if (at[i].usage == at[top].usage)
            at[top] = at[i];
        else
            at[++top] = at[i];
    }
    k->cost_low = at[0].cost;
    k->usage_low = at[0].usage;
    for (int i = 1; i <= top; i++) {
        struct step s = {.usage = at[i].usage - at[i - 1].usage, .saving = at[i - 1].cost - at[i].cost, .kind = kind};
        s.slope = s.saving / s.usage;
        s.number = i;
        k->jump = fmax(k->jump, s.saving);
        p->step[p->step_count++] = s;
    }
    return true;
}

static int by_slope(const void *a, const void *b)
{
    const struct step *x = a, *y = b;
    if (x->slope != y->slope)
        return x->slope > y->slope ? -1 : 1;
    return x->kind != y->kind ? x->kind - y->kind : x->number - y->number;
}

static int by_jump(const void *a, const void *b, void *packing)
{
    const struct packing *p = packing;
    int x = p->r.piece[*(const int *)a].kind, y = p->r.piece[*(const int *)b].kind;
    if (p->kind[x].jump != p->kind[y].jump)
        return p->kind[x].jump > p->kind[y].jump ? -1 : 1;
    return x != y ? x - y : *(const int *)a - *(const int *)b;
}

static bool make_hulls(struct packing *p)
{
    size_t steps = 0;
    for (int k = 0; k < p->r.kind_count; k++)
        steps += (size_t)p->kind[k].label_count;
    p->step = sc_arena_calloc(p->arena, steps + 1, sizeof *p->step);
    p->usage_sum = sc_arena_calloc(p->arena, steps + 1, sizeof *p->usage_sum);
    p->saving_sum = sc_arena_calloc(p->arena, steps + 1, sizeof *p->saving_sum);
    if (!p->step || !p->usage_sum || !p->saving_sum)
        return false;
    for (int k = 0; k < p->r.kind_count; k++)
        if (!add_steps(p, k))
            return false;
    qsort(p->step, (size_t)p->step_count, sizeof *p->step, by_slope);
    for (int i = 0; i < p->r.piece_count; i++)
        p->item[i] = i;
    qsort_r(p->item, (size_t)p->r.piece_count, sizeof *p->item, by_jump, p);
    return true;
}

/* Sums along the hull of what is to come. */
static void sum_steps(struct packing *p)
{
    p->cost_low = p->usage_low = 0;
    for (int k = 0; k < p->r.kind_count; k++) {
        p->cost_low += p->left[k] * p->kind[k].cost_low;
        p->usage_low += p->left[k] * p->kind[k].usage_low;
    }
    for (int s = 0; s < p->step_count; s++) {
        p->usage_sum[s + 1] = p->usage_sum[s] + p->left[p->step[s].kind] * p->step[s].usage;
        p->saving_sum[s + 1] = p->saving_sum[s] + p->left[p->step[s].kind] * p->step[s].saving;
    }
}

/* The least that all to come costs within that room; rounded down. */
static double cost_to_come(const struct packing *p, double room)
{
    int low = 0, high = p->step_count;
    room -= p->usage_low;
    if (room < 0)
        return INFINITY;
    if (p->usage_sum[high] <= room)
        return p->cost_low - p->saving_sum[high];
    while (high - low > 1) {
        int middle = (low + high) / 2;
        if (p->usage_sum[middle] <= room)
            low = middle;
        else
            high = middle;
    }
    return p->cost_low - ceil(p->saving_sum[low] + (room - p->usage_sum[low]) * p->step[low].slope) - 1;
}

/* ---- sums -------------------------------------------------------------------------------------------- */

static bool sorts_before(const struct sc_label *a, const struct sc_label *b)
{
    if (a->counts != b->counts)
        return a->counts < b->counts;
    return a->usage < b->usage || (a->usage == b->usage && a->cost <= b->cost);
}

/* Merge the sorted runs of `next`, pair by pair; what is beaten goes. */
static bool merge_runs(struct packing *p)
{
    while (p->runs.count > 2) { /* begins of runs, and the end */
        size_t kept = 0, out = 0;
        if (!sc_vec_reserve(&p->other, p->next.count))
            return false;
        for (size_t i = 0; i + 1 < p->runs.count; i += 2) {
            const struct sc_label *a = p->next.data + p->runs.data[i], *a_end = p->next.data + p->runs.data[i + 1];
            const struct sc_label *b = a_end, *b_end = b;
            if (i + 2 < p->runs.count)
                b_end = p->next.data + p->runs.data[i + 2];
            p->runs.data[kept++] = out;
            size_t first = out;
            while (a < a_end || b < b_end) {
                const struct sc_label *least = b == b_end || (a < a_end && sorts_before(a, b)) ? a++ : b++;
                const struct sc_label *last = &p->other.data[out - 1];
                if (out == first || last->counts != least->counts || least->cost < last->cost)
                    p->other.data[out++] = *least;
            }
        }
        p->runs.data[kept++] = out;
        p->runs.count = kept;
        p->other.count = out;
        label_vec swap = p->next;
        p->next = p->other;
        p->other = swap;
    }
    return true;
}

/* Every sum with every label of a kind. */
static enum sc_status add_piece(struct packing *p, const struct kind *k)
{
    p->next.count = p->runs.count = 0;
    for (int j = 0; j < k->label_count; j++) {
        const struct sc_label *own = &k->label[j];
        if (!sc_vec_push(&p->runs, p->next.count) || !sc_vec_reserve(&p->next, p->next.count + p->now.count))
            return SC_NO_MEMORY;
        for (size_t i = 0; i < p->now.count; i++) {
            const struct sc_label *sum = &p->now.data[i];
            struct sc_label l = {sum->cost + own->cost, sum->usage + own->usage, sum->counts + own->counts, sum->trace,
                                 j};
            if (l.cost + cost_to_come(p, p->room - l.usage) > p->most || sc_labels_too_many(&p->in->limits, l.counts))
                continue;
            p->next.data[p->next.count++] = l;
        }
        p->looked += p->now.count;
        if (p->looked / LOOKS_A_LABEL + p->made + p->added.count > p->in->budget)
            return SC_LIMIT;
        if (sc_cancel_work(p->in->cancel, p->now.count / 64 + 1))
            return SC_CANCELLED;
    }
    if (!sc_vec_push(&p->runs, p->next.count) || !merge_runs(p))
        return SC_NO_MEMORY;
    for (size_t i = 0; i < p->next.count; i++) {
        struct added from = {p->next.data[i].trace, p->next.data[i].with};
        if (p->added.count >= INT32_MAX || !sc_vec_push(&p->added, from))
            return SC_NO_MEMORY;
        p->next.data[i].trace = (int)p->added.count - 1;
    }
    label_vec swap = p->now;
    p->now = p->next;
    p->next = swap;
    return SC_OK;
}

static enum sc_status add_all(struct packing *p)
{
    struct sc_label nothing = {.counts = p->r.counts, .trace = -1, .with = -1};
    enum sc_status status = SC_OK;
    nothing.cost = p->r.cost;
    p->now.count = 0;
    if (!sc_vec_push(&p->now, nothing))
        return SC_NO_MEMORY;
    for (int i = 0; status == SC_OK && i < p->r.piece_count && p->now.count > 0; i++) {
        int kind = p->r.piece[p->item[i]].kind;
        p->left[kind]--;
        sum_steps(p);
        status = add_piece(p, &p->kind[kind]);
    }
    return status;
}

/* What a plan really costs, +inf when it breaks a limit. */
static double cost_of(const struct packing *p, const struct sc_label *l)
{
    const struct sc_labels_limits *limits = &p->in->limits;
    double cost = l->cost;
    if (l->usage > p->room || sc_labels_too_many(limits, l->counts))
        return INFINITY;
    for (int i = 0; i < limits->counts; i++) {
        int count = (int)(l->counts >> (i * limits->bits) & ((UINT64_C(1) << limits->bits) - 1));
        if (count < p->in->least[i])
            return INFINITY;
        cost -= p->in->price[i] * count;
    }
    return cost;
}

/* Choices of the plan behind a sum. */
static void unroll(const struct packing *p, int trace, int *scratch)
{
    for (int i = 0; i < p->r.n; i++)
        if (p->r.node[i].piece < 0)
            p->in->plan[i] = p->r.node[i].id[0];
    for (int at = p->r.piece_count - 1; at >= 0; at--) {
        const struct sc_remnant_piece *piece = &p->r.piece[p->item[at]];
        const struct kind *k = &p->kind[piece->kind];
        const int *members = p->r.members + piece->first;
        int own = k->label[p->added.data[trace].label].trace;
        trace = p->added.data[trace].before;
        scratch[0] = own;
        if (piece->count > 1)
            sc_labels_plan(&k->labels, own, scratch);
        for (int i = 0; i < piece->count; i++)
            p->in->plan[members[i]] = p->r.node[members[i]].id[scratch[i]];
    }
}

static enum sc_status conclude(struct packing *p)
{
    const struct sc_label *best = NULL;
    int *scratch = sc_arena_calloc(p->arena, (size_t)p->r.n + 1, sizeof *scratch);
    if (!scratch)
        return SC_NO_MEMORY;
    for (size_t i = 0; i < p->now.count; i++) {
        double cost = cost_of(p, &p->now.data[i]);
        if (cost <= p->in->most && (!best || cost < p->in->best)) {
            best = &p->now.data[i];
            p->in->best = cost;
        }
    }
    p->in->found = best != NULL;
    if (best)
        unroll(p, best->trace, scratch);
    return SC_OK;
}

static enum sc_status pack(struct packing *p)
{
    enum sc_status status = SC_OK;
    double least = p->r.cost;
    p->kind = sc_arena_calloc(p->arena, (size_t)p->r.kind_count + 1, sizeof *p->kind);
    p->item = sc_arena_calloc(p->arena, (size_t)p->r.piece_count + 1, sizeof *p->item);
    p->left = sc_arena_calloc(p->arena, (size_t)p->r.kind_count + 1, sizeof *p->left);
    if (!p->kind || !p->item || !p->left)
        return SC_NO_MEMORY;
    for (int k = 0; status == SC_OK && k < p->r.kind_count; k++)
        status = open_kind(p, k);
    for (int i = 0; status == SC_OK && i < p->r.piece_count; i++) {
        p->left[p->r.piece[i].kind]++;
        least += p->kind[p->r.piece[i].kind].total;
    }
    p->room = p->in->capacity - p->r.usage;
    p->gap = p->most + ceil(p->in->lambda * p->room) + 1 - least;
    if (status != SC_OK || p->room < 0 || p->gap < 0)
        return status;
    for (int k = 0; status == SC_OK && k < p->r.kind_count; k++) {
        status = labels_of(p, k);
        if (status == SC_OK && p->kind[k].label_count == 0)
            return SC_OK;
    }
    if (status == SC_OK)
        status = make_hulls(p) ? add_all(p) : SC_NO_MEMORY;
    return status == SC_OK ? conclude(p) : status;
}

enum sc_status sc_knapsack_solve(struct sc_knapsack *in)
{
    struct packing p = {.in = in, .most = in->most, .arena = sc_arena_new()};
    enum sc_status status = SC_NO_MEMORY;
    in->found = in->exhausted = false;
    for (int i = 0; i < in->limits.counts; i++)
        p.most += in->price[i] * (in->price[i] > 0 ? in->limits.most[i] : in->least[i]);
    if (p.arena && sc_remnant_make(&p.r, in->view, in->cost, in->usage, in->count))
        status = p.r.empty ? SC_OK : pack(&p);
    for (int k = 0; p.kind && k < p.r.kind_count; k++) {
        sc_labels_free(&p.kind[k].labels);
        sc_elim_free(p.kind[k].elim);
    }
    sc_remnant_free(&p.r);
    sc_vec_free(&p.now);
    sc_vec_free(&p.next);
    sc_vec_free(&p.other);
    sc_vec_free(&p.added);
    sc_vec_free(&p.runs);
    sc_arena_free(p.arena);
    if (status == SC_LIMIT) {
        in->exhausted = true;
        status = SC_OK;
    }
    return status == SC_INFEASIBLE ? SC_OK : status;
}
