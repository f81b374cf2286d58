/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * counts: bounds and branching by the number of alike nodes that take a choice.
 *
 * One price of usage bounds a part as if plans could be mixed: at the best price the equal layers of a model all take
 * one of two plans, and the bound is that of 28.4 layers the one way and 3.6 the other. No plan is like that, and what
 * 0.4 of a layer costs hides everything finer. So a part is split: at most 28, at least 29. Each half gives the count a
 * price of its own. The best prices are those of the linear program over mixtures of all plans (Dantzig and Wolfe
 * 1960), which grows by the plan that is best at its prices (Gilmore and Gomory 1961) until none is better; the bound
 * of any prices is proven by the elimination alone. The nodes that count together are found by refining colours: cost,
 * usage and, three times, what is around.
 */
#include "solve/front.h"
#include "solve/master.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 3, MOST_CANDIDATES = 4, TRIAL_RUNS = 12 };
static const double most_charge = 1125899906842624.0;   /* 2^50: of all nodes together */
static const double broken = 0.02, broken_alone = 1e-3; /* so far from whole numbers; of one node */

/* ---- kinds of nodes ---------------------------------------------------------------------------------- */

static uint64_t hash_row(uint64_t seed, const double *row, int count)
{
    return sc_hash_bytes(seed, row, (size_t)count * sizeof *row);
}

static uint64_t hash_table(const struct sc_view *v, const struct sc_view_edge *e)
{
    uint64_t hash = 11;
    for (int r = 0; r < v->choices[e->from]; r++)
        hash = hash_row(hash, e->table + (size_t)r * (size_t)e->row_stride, v->choices[e->to]);
    return hash;
}

struct coloured {
    uint64_t colour;
    int node;
};

static int by_colour(const void *a, const void *b)
{
    const struct coloured *x = a, *y = b;
    if (x->colour != y->colour)
        return x->colour < y->colour ? -1 : 1;
    return (x->node > y->node) - (x->node < y->node);
}

static void refine(const struct sc_front *f, const uint64_t *table, struct coloured *at, uint64_t *sum)
{
    const struct sc_view *v = &f->view->view;
    memset(sum, 0, (size_t)f->n * sizeof *sum);
    for (int e = 0; e < v->edge_count; e++) { /* sums, so that the order of edges does not matter */
        int from = v->edges[e].from, to = v->edges[e].to;
        sum[from] += sc_hash_u64(sc_hash_u64(table[e], 1), at[to].colour);
        sum[to] += sc_hash_u64(sc_hash_u64(table[e], 2), at[from].colour);
    }
    for (int i = 0; i < f->n; i++)
        at[i].colour = sc_hash_u64(at[i].colour, sum[i]);
}

static bool find_kinds(struct sc_front *f)
{
    const struct sc_view *v = &f->view->view;
    size_t n = (size_t)f->n;
    struct sc_arena *arena = sc_arena_new();
    if (!arena)
        return false;
    struct coloured *at = sc_arena_calloc(arena, n + 1, sizeof *at);
    uint64_t *sum = sc_arena_calloc(arena, n + 1, sizeof *sum);
    uint64_t *table = sc_arena_calloc(arena, (size_t)v->edge_count + 1, sizeof *table);
    int *kind = sc_arena_calloc(f->arena, n + 1, sizeof *kind);
    f->by_kind = sc_arena_calloc(f->arena, n + 1, sizeof *f->by_kind);
    f->first_of_kind = sc_arena_calloc(f->arena, n + 2, sizeof *f->first_of_kind);
    bool ok = at && sum && table && kind && f->by_kind && f->first_of_kind;
    for (int e = 0; ok && e < v->edge_count; e++)
        table[e] = hash_table(v, &v->edges[e]);
    for (int i = 0; ok && i < f->n; i++)
        at[i] = (struct coloured){
            hash_row(hash_row(hash_row(7, v->cost[i], v->choices[i]), f->g[i], v->choices[i]), f->m[i], v->choices[i]),
            i};
    for (int round = 0; ok && round < ROUNDS; round++)
        refine(f, table, at, sum);
    if (ok) {
        qsort(at, n, sizeof *at, by_colour);
        f->kinds = 0;
        for (int i = 0; i < f->n; i++) {
            if (i == 0 || at[i].colour != at[i - 1].colour)
                f->first_of_kind[f->kinds++] = i;
            f->by_kind[i] = at[i].node;
            kind[at[i].node] = f->kinds - 1;
        }
        f->first_of_kind[f->kinds] = f->n;
        f->kind = kind;
    }
    sc_arena_free(arena);
    return ok;
}

/* ---- prices ------------------------------------------------------------------------------------------ */

void sc_front_allow(struct sc_front *f, const struct sc_front_part *part)
{
    const struct sc_view *v = &f->view->view;
    for (int i = 0; i < f->n; i++)
        for (int c = 0; c < v->choices[i]; c++)
            f->cost[i][c] = f->m[i][c] < part->high ? v->cost[i][c] : INFINITY;
    for (const struct sc_front_fixed *x = part->fixed; x; x = x->before)
        for (int i = 0; i < x->count.size; i++)
            for (int c = 0; c < v->choices[x->count.node[i]]; c++)
                if ((f->g[x->count.node[i]][c] >= x->count.least) != x->all)
                    f->cost[x->count.node[i]][c] = INFINITY;
}

void sc_front_charge(struct sc_front *f, const struct sc_front_part *part, const struct sc_front_prices *prices)
{
    for (int i = 0; i < f->n; i++)
        memset(f->charge[i], 0, (size_t)f->view->view.choices[i] * sizeof **f->charge);
    for (int l = 0; prices && l < part->limits; l++)
        for (int i = 0; i < part->limit[l].count.size; i++) {
            int node = part->limit[l].count.node[i];
            for (int c = 0; c < f->view->view.choices[node]; c++)
                if (f->g[node][c] >= part->limit[l].count.least)
                    f->charge[node][c] += prices->count[l];
        }
}

double sc_front_credit(const struct sc_front_part *part, const struct sc_front_prices *prices)
{
    double credit = 0;
    for (int l = 0; l < part->limits; l++)
        credit += prices->count[l] * (prices->count[l] > 0 ? part->limit[l].most : part->limit[l].least);
    return credit;
}

static int count_in(const struct sc_front *f, const struct sc_front_count *count, const int *plan)
{
    int found = 0;
    for (int i = 0; i < count->size; i++)
        found += f->g[count->node[i]][plan[count->node[i]]] >= count->least;
    return found;
}

bool sc_front_keep(struct sc_front *f, const struct sc_front_point *p)
{
    struct sc_front_point *to = &f->column[f->columns];
    int *plan = to->plan ? to->plan : sc_arena_calloc(f->arena, (size_t)f->n + 1, sizeof *plan);
    if (!plan)
        return false;
    memcpy(plan, p->plan, (size_t)f->n * sizeof *plan);
    *to = *p;
    to->plan = plan;
    f->columns++;
    return true;
}

/* Forget the oldest half of the columns when there are many; their memory is used again. */
static void forget_columns(struct sc_front *f)
{
    enum { HALF = SC_FRONT_COLUMNS / 2 };
    struct sc_front_point old[HALF];
    if (f->columns <= HALF)
        return;
    int dropped = f->columns - HALF / 2;
    for (; dropped > 0; dropped -= HALF) {
        int count = dropped < HALF ? dropped : HALF;
        memcpy(old, f->column, (size_t)count * sizeof *old);
        memmove(f->column, f->column + count, (size_t)(SC_FRONT_COLUMNS - count) * sizeof *old);
        memcpy(f->column + SC_FRONT_COLUMNS - count, old, (size_t)count * sizeof *old);
        f->columns -= count;
    }
}

struct mixture {
    struct sc_front *f;
    const struct sc_front_part *part;
    int rows, columns;
    int *index; /* of each column, in f->columns */
    double *at, *cost, *weight;
    double base, scale, usage_scale; /* of cost and usage in the program */
    struct sc_arena *arena;
};

static bool is_allowed(const struct sc_front *f, const struct sc_front_point *p)
{
    for (int i = 0; i < f->n; i++)
        if (f->cost[i][p->plan[i]] == INFINITY)
            return false;
    return true;
}

static void add_column(struct mixture *x, int index)
{
    const struct sc_front_point *p = &x->f->column[index];
    double *at = x->at + (size_t)x->columns * (size_t)x->rows;
    if (!is_allowed(x->f, p))
        return;
    at[0] = (p->usage + x->part->low) / x->usage_scale;
    for (int l = 0; l < x->part->limits; l++) {
        int count = count_in(x->f, &x->part->limit[l].count, p->plan);
        at[1 + 2 * l] = (double)(count - x->part->limit[l].most) / x->part->limit[l].count.size;
        at[2 + 2 * l] = (double)(x->part->limit[l].least - count) / x->part->limit[l].count.size;
    }
    x->index[x->columns] = index;
    x->cost[x->columns++] = (p->cost - x->base) / x->scale;
}

static bool open_mixture(struct mixture *x, struct sc_front *f, const struct sc_front_part *part, int runs)
{
    size_t most = (size_t)f->columns + (size_t)runs + 2;
    *x = (struct mixture){.f = f, .part = part, .rows = 1 + 2 * part->limits, .arena = sc_arena_new()};
    if (!x->arena)
        return false;
    x->index = sc_arena_calloc(x->arena, most, sizeof *x->index);
    x->cost = sc_arena_calloc(x->arena, most, sizeof *x->cost);
    x->weight = sc_arena_calloc(x->arena, most, sizeof *x->weight);
    x->at = sc_arena_calloc(x->arena, most * (size_t)x->rows, sizeof *x->at);
    x->base = part->bound;
    x->scale = fmax(1, f->cutoff - part->bound);
    x->usage_scale = 1;
    for (int i = 0; i < f->columns; i++)
        x->usage_scale = fmax(x->usage_scale, fabs(f->column[i].usage + part->low));
    if (!x->index || !x->cost || !x->weight || !x->at)
        return false;
    for (int i = 0; i < f->columns; i++)
        add_column(x, i);
    return true;
}

/* Solve the program; its prices. `value`: what the mixture costs. */
static bool mix(struct mixture *x, struct sc_front_prices *prices, double *value)
{
    double price[SC_MASTER_ROWS];
    int last = x->columns;
    memset(x->at + (size_t)last * (size_t)x->rows, 0, (size_t)x->rows * sizeof *x->at);
    x->cost[last] = 1.02 + (4.0 * x->f->n + 16) / x->scale; /* beyond the cutoff */
    if (!sc_master_solve(x->rows, last + 1, x->at, x->cost, price, x->weight, value))
        return false;
    *value = *value * x->scale + x->base;
    *prices = (struct sc_front_prices){.lambda = price[0] * x->scale / x->usage_scale};
    for (int l = 0; l < x->part->limits; l++)
        prices->count[l] = nearbyint((price[1 + 2 * l] - price[2 + 2 * l]) * x->scale / x->part->limit[l].count.size);
    return true;
}

static bool too_dear(const struct sc_front *f, const struct sc_front_part *part, const struct sc_front_prices *prices)
{
    double most = 0;
    for (int l = 0; l < part->limits; l++)
        most += fabs(prices->count[l]) * part->limit[l].count.size;
    return most > most_charge || prices->lambda * (f->total_usage + 1) > most_charge;
}

enum sc_status sc_front_price(struct sc_front *f, struct sc_front_part *part, int runs, struct sc_front_prices *best)
{
    struct mixture x;
    double capacity = -part->low, value = 0, bound = -INFINITY;
    struct sc_front_point p = {0};
    forget_columns(f);
    enum sc_status status = open_mixture(&x, f, part, runs) ? SC_OK : SC_NO_MEMORY;
    if (status == SC_OK && !(p.plan = sc_arena_calloc(x.arena, (size_t)f->n + 1, sizeof *p.plan)))
        status = SC_NO_MEMORY;
    *best = (struct sc_front_prices){0};
    for (int run = 0; status == SC_OK && run < runs && bound <= f->cutoff; run++) {
        struct sc_front_prices prices;
        if (!mix(&x, &prices, &value))
            status = SC_NO_MEMORY;
        if (status != SC_OK || too_dear(f, part, &prices))
            break;
        sc_front_charge(f, part, &prices);
        status = sc_front_evaluate(f, prices.lambda, &p);
        if (status != SC_OK)
            break;
        sc_front_consider(f, &p);
        double found = p.total - (ceil(prices.lambda * capacity) + 1) - sc_front_credit(part, &prices);
        if (found > bound) {
            bound = found;
            *best = prices;
        }
        if (value - bound <= 1e-4 * (f->cutoff - bound) + 2.0 * f->n + 16 || f->columns >= SC_FRONT_COLUMNS)
            break;
        if (!sc_front_keep(f, &p))
            status = SC_NO_MEMORY;
        else
            add_column(&x, f->columns - 1);
        if (sc_cancelled(f->core->cancel))
            status = SC_CANCELLED;
    }
    part->bound = fmax(part->bound, bound);
    memset(f->weight, 0, sizeof f->weight);
    for (int i = 0; status == SC_OK && i < x.columns; i++)
        f->weight[x.index[i]] = x.weight[i];
    sc_arena_free(x.arena);
    return status;
}

/* ---- branching --------------------------------------------------------------------------------------- */

struct candidate {
    struct sc_front_count count;
    double at, spread; /* how many in the mixture; by how much the plans of the mixture differ in it */
    double jump;       /* in usage, of each */
};

/* Is this a broken number in the mixture? */
static bool is_broken(const struct sc_front *f, double far, struct candidate *c)
{
    double sum = 0, least = INFINITY, most = -INFINITY, total = 0;
    for (int j = 0; j < f->columns; j++) {
        if (f->weight[j] <= 1e-9)
            continue;
        int count = count_in(f, &c->count, f->column[j].plan);
        sum += f->weight[j] * count;
        total += f->weight[j];
        least = fmin(least, count);
        most = fmax(most, count);
    }
    if (total <= 0 || most <= least)
        return false;
    c->at = sum / total;
    c->spread = most - least;
    return c->at - floor(c->at) > far && ceil(c->at) - c->at > far;
}

/* The next larger usage of a node in the mixture's plans; +inf: there is none. */
static double next_usage(const struct sc_front *f, int node, double than)
{
    double least = INFINITY;
    for (int j = 0; j < f->columns; j++) {
        double usage = f->g[node][f->column[j].plan[node]];
        if (f->weight[j] > 1e-9 && usage > than)
            least = fmin(least, usage);
    }
    return least;
}

/* Into a list by falling value, one of each spread if wanted: nodes that change alike give alike bounds. */
static void add_candidate(struct candidate *list, int *count, const struct candidate *c, bool by_spread)
{
    double value = c->jump * (by_spread ? c->spread : fmin(c->at, 1 - c->at));
    int at = *count;
    for (int i = 0; i < *count; i++) {
        double other = list[i].jump * (by_spread ? list[i].spread : fmin(list[i].at, 1 - list[i].at));
        if (by_spread && list[i].spread == c->spread) {
            if (value > other)
                list[i] = *c;
            return;
        }
        if (value > other && at == *count)
            at = i;
    }
    if (at == MOST_CANDIDATES)
        return;
    *count = *count < MOST_CANDIDATES ? *count + 1 : *count;
    memmove(list + at + 1, list + at, (size_t)(*count - 1 - at) * sizeof *list);
    list[at] = *c;
}

static void find_candidates(const struct sc_front *f, struct candidate *list, int *count)
{
    *count = 0;
    for (int k = 0; k < f->kinds; k++) {
        int first = f->first_of_kind[k], size = f->first_of_kind[k + 1] - first;
        double before = 0;
        if (size >= 1 << SC_FRONT_COUNT_BITS)
            continue;
        for (;;) {
            double usage = INFINITY;
            for (int i = 0; i < size; i++)
                usage = fmin(usage, next_usage(f, f->by_kind[first + i], before));
            if (usage == INFINITY)
                break;
            struct candidate now = {.count = {size, usage, f->by_kind + first}, .jump = usage - before};
            if (is_broken(f, broken, &now))
                add_candidate(list, count, &now, true);
            before = usage;
        }
    }
}

/* Nodes alone. */
static void find_single_candidates(const struct sc_front *f, struct candidate *list, int *count)
{
    *count = 0;
    for (int i = 0; i < f->n; i++) {
        double before = 0, usage;
        for (; (usage = next_usage(f, f->by_kind[i], before)) < INFINITY; before = usage) {
            struct candidate now = {.count = {1, usage, f->by_kind + i}, .jump = usage - before};
            if (is_broken(f, broken_alone, &now))
                add_candidate(list, count, &now, false);
        }
    }
}

static bool same_count(const struct sc_front_count *a, const struct sc_front_count *b)
{
    return a->node == b->node && a->least == b->least;
}

/* The part with at most (side 0) or at least (side 1) so many. False: it cannot be told (no memory, too many limits).
 */
static bool restrict_to(struct sc_front *f, const struct sc_front_part *part, const struct candidate *c, int side,
                        struct sc_front_part *out)
{
    int at = 0;
    *out = *part;
    while (at < out->limits && at < SC_LABELS_COUNTS && !same_count(&out->limit[at].count, &c->count))
        at++;
    if (side ? ceil(c->at) == c->count.size : floor(c->at) == 0) {
        struct sc_front_fixed *fixed = sc_arena_calloc(f->arena, 1, sizeof *fixed);
        if (!fixed)
            return false;
        *fixed = (struct sc_front_fixed){c->count, side, part->fixed};
        out->fixed = fixed;
        if (at < out->limits)
            out->limit[at] = out->limit[--out->limits];
        return true;
    }
    if (at >= SC_LABELS_COUNTS)
        return false;
    if (at == out->limits) {
        out->limits++;
        out->limit[at].count = c->count;
        out->limit[at].least = 0;
        out->limit[at].most = c->count.size;
    }
    if (side)
        out->limit[at].least = (int)ceil(c->at);
    else
        out->limit[at].most = (int)floor(c->at);
    return out->limit[at].least <= out->limit[at].most;
}

/* The peaks of plans in the mixture, between which the part can be split. Largest first. */
static int find_peaks(const struct sc_front *f, const struct sc_front_part *part, double *peaks)
{
    int count = 0;
    for (int j = 0; j < f->columns; j++) {
        double peak = f->column[j].peak;
        int at = 0;
        if (f->weight[j] <= 1e-9 || peak <= part->low || peak >= part->high)
            continue;
        while (at < count && peaks[at] > peak)
            at++;
        if (at == MOST_CANDIDATES || (at < count && peaks[at] == peak))
            continue;
        count = count < MOST_CANDIDATES ? count + 1 : count;
        memmove(peaks + at + 1, peaks + at, (size_t)(count - 1 - at) * sizeof *peaks);
        peaks[at] = peak;
    }
    return count;
}

struct branching {
    struct sc_front *f;
    struct sc_front_part best[2];
    double score;
    bool found;
};

/* Bound both halves, and keep them when they are the best so far: when the lesser bound is largest. */
static enum sc_status try_halves(struct branching *b, struct sc_front_part half[2])
{
    struct sc_front *f = b->f;
    struct sc_front_prices prices;
    for (int side = 0; side < 2; side++) {
        sc_front_allow(f, &half[side]);
        enum sc_status status =
            half[side].low > 0 ? SC_INFEASIBLE : sc_front_price(f, &half[side], TRIAL_RUNS, &prices);
        if (status == SC_INFEASIBLE)
            half[side].bound = INFINITY;
        else if (status != SC_OK)
            return status;
    }
    double least = fmin(f->cutoff + 1, fmin(half[0].bound, half[1].bound));
    double most = fmin(f->cutoff + 1, fmax(half[0].bound, half[1].bound));
    if (least + most / 64 > b->score) {
        b->score = least + most / 64;
        memcpy(b->best, half, sizeof b->best);
        b->found = true;
    }
    return SC_OK;
}

static enum sc_status try_candidates(struct branching *b, const struct sc_front_part *part,
                                     const struct candidate *list, int count)
{
    enum sc_status status = SC_OK;
    for (int i = 0; i < count && status == SC_OK; i++) {
        struct sc_front_part half[2];
        if (restrict_to(b->f, part, &list[i], 0, &half[0]) && restrict_to(b->f, part, &list[i], 1, &half[1]))
            status = try_halves(b, half);
    }
    return status;
}

enum sc_status sc_front_branch(struct sc_front *f, const struct sc_front_part *part, bool *found)
{
    struct branching b = {.f = f, .score = -INFINITY};
    struct candidate list[MOST_CANDIDATES], single[MOST_CANDIDATES];
    double peaks[MOST_CANDIDATES];
    int count, singles;
    enum sc_status status = SC_OK;
    if (!f->kind && !find_kinds(f))
        return SC_NO_MEMORY;
    int peak_count = find_peaks(f, part, peaks); /* all from the part's own mixture: trials make others */
    find_candidates(f, list, &count);
    find_single_candidates(f, single, &singles);
    for (int i = 0; i < peak_count && status == SC_OK; i++) {
        struct sc_front_part half[2] = {*part, *part};
        half[0].high = half[1].low = peaks[i];
        status = try_halves(&b, half);
    }
    if (status == SC_OK)
        status = try_candidates(&b, part, list, count);
    if (status == SC_OK && !b.found)
        status = try_candidates(&b, part, single, singles);
    *found = b.found;
    for (int side = 0; side < 2 && status == SC_OK && b.found; side++)
        if (b.best[side].bound <= f->cutoff && !sc_vec_push(&f->parts, b.best[side]))
            status = SC_NO_MEMORY;
    return status;
}
