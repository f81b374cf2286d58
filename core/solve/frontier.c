/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * frontier: exact solution of narrow graphs whose limit is, in effect, one sum and one maximum.
 *
 * The form: each node uses g(choice) in every slot but those it owns, in which it uses g(choice) + r(choice), and no
 * slot has two owners. So it is with models: parameters and activations are held throughout, an op's working set lives
 * in its own slot. With m(choice) = the largest r(choice) minus the room of the slot, a plan is within the limit
 * exactly when sum g + max m <= 0 (slots without owner have m = minus their room).
 *
 * The maximum is branched on: a part of the problem forbids m >= high and grants the sum a capacity of -low; it is
 * relaxed in between, and split at the maximum of its optimal plan when that breaks the limit. The sum is priced: the
 * best price is found by cutting planes (Kelley 1960) over runs of the elimination, min-marginals at that price delete
 * choices, and the frontiers of labels.c close the gap, for growing thresholds above the bound.
 */
#include "solve/frontier.h"
#include "solve/front.h"
#include "solve/knapsack.h"

#include <math.h>
#include <string.h>

enum { MOST_PRICES = 60, LABELS_A_NODE = 24, FIRST_LABELS = 1 << 20, MOST_LABELS = 8 << 20 };
static const double most_priced = 2251799813685248.0; /* 2^51: the largest sum of prices that stays exact */

/* ---- the form --------------------------------------------------------------------------------------- */

static double **rows(struct sc_front *f)
{
    double **out = sc_arena_calloc(f->arena, (size_t)f->n + 1, sizeof *out);
    for (int i = 0; out && i < f->n; i++)
        if (!(out[i] = sc_arena_calloc(f->arena, (size_t)f->view->view.choices[i], sizeof **out)))
            return NULL;
    return out;
}

static double total_use(const struct sc_core_node *x, int segment)
{
    double sum = 0;
    for (int c = 0; c < x->k; c++)
        sum += x->seg[segment].use[c];
    return sum;
}

/* What node i uses throughout: its use in its longest segment (of those, where it uses least), when its segments leave
 * no slot out. */
static void find_common(struct sc_front *f, int i)
{
    const struct sc_core_node *x = &f->core->node[f->view->nodes[i]];
    int reached = 0, longest = -1;
    double most = 0;
    for (int s = 0; s < x->seg_count && x->seg[s].a == reached; s++) {
        reached = x->seg[s].b;
        int length = x->seg[s].b - x->seg[s].a, best = longest < 0 ? 0 : x->seg[longest].b - x->seg[longest].a;
        if (length > best || (length == best && total_use(x, s) < total_use(x, longest)))
            longest = s;
    }
    for (int c = 0; c < x->k; c++) {
        f->g[i][c] = reached == f->core->slot_count && longest >= 0 ? x->seg[longest].use[c] : 0;
        f->m[i][c] = -INFINITY;
        most = fmax(most, f->g[i][c]);
    }
    f->total_usage += most;
}

/* Slots in which node i uses other than g are its own; m is the worst of them. False when another node owns one. */
static bool find_peaks(struct sc_front *f, int i, int *owner)
{
    const struct sc_core_node *x = &f->core->node[f->view->nodes[i]];
    for (int s = 0; s < x->seg_count; s++) {
        const struct sc_core_seg *seg = &x->seg[s];
        if (memcmp(seg->use, f->g[i], (size_t)x->k * sizeof *seg->use) == 0)
            continue;
        double room = INFINITY;
        for (int t = seg->a; t < seg->b; t++) {
            if (owner[t])
                return false;
            owner[t] = i + 1;
            room = fmin(room, f->core->room[t]);
        }
        for (int c = 0; c < x->k; c++)
            f->m[i][c] = fmax(f->m[i][c], seg->use[c] - f->g[i][c] - room);
    }
    return true;
}

static enum sc_status find_form(struct sc_front *f, bool *fits)
{
    int *owner = sc_calloc((size_t)f->core->slot_count + 1, sizeof *owner);
    if (!owner)
        return SC_NO_MEMORY;
    *fits = true;
    for (int i = 0; i < f->n && *fits; i++) {
        find_common(f, i);
        *fits = find_peaks(f, i, owner);
    }
    f->base_peak = -INFINITY;
    for (int t = 0; t < f->core->slot_count; t++)
        if (!owner[t])
            f->base_peak = fmax(f->base_peak, -f->core->room[t]);
    f->least_peak = f->base_peak;
    for (int i = 0; i < f->n && *fits; i++) {
        double least = INFINITY;
        for (int c = 0; c < f->view->view.choices[i]; c++)
            least = fmin(least, f->m[i][c]);
        f->least_peak = fmax(f->least_peak, least);
    }
    sc_free(owner);
    return SC_OK;
}

/* ---- prices ----------------------------------------------------------------------------------------- */

enum sc_status sc_front_evaluate(struct sc_front *f, double lambda, struct sc_front_point *p)
{
    const struct sc_view *v = &f->view->view;
    for (int i = 0; i < f->n; i++)
        for (int c = 0; c < v->choices[i]; c++)
            f->priced[i][c] = f->cost[i][c] + f->charge[i][c] + floor(lambda * f->g[i][c]);
    enum sc_status status = sc_elim_run(f->elim, (const double *const *)f->priced);
    if (status != SC_OK)
        return status;
    sc_elim_plan(f->elim, p->plan);
    f->runs++;
    p->lambda = lambda;
    p->total = f->elim->total;
    p->cost = p->total;
    p->usage = 0;
    p->peak = f->base_peak;
    for (int i = 0; i < f->n; i++) {
        int c = p->plan[i];
        p->cost -= f->priced[i][c] - f->cost[i][c];
        p->usage += f->g[i][c];
        p->peak = fmax(p->peak, f->m[i][c]);
    }
    return SC_OK;
}

void sc_front_send(struct sc_front *f)
{
    f->cutoff = f->sink->offer(f->sink->user, f->full) - f->core->constant - f->core->grain;
}

static void send(struct sc_front *f, const struct sc_front_point *p)
{
    for (int i = 0; i < f->n; i++)
        f->full[f->view->nodes[i]] = p->plan[i];
    sc_front_send(f);
}

void sc_front_consider(struct sc_front *f, const struct sc_front_point *p)
{
    if (p->usage + p->peak <= 0 && p->cost <= f->cutoff)
        send(f, p);
}

static double bound_at(const struct sc_front_point *p, double capacity)
{
    return p->lambda == 0 ? p->total : p->total - ceil(p->lambda * capacity) - 1;
}

/* The plan of least usage: elimination with usages for costs and tables that only forbid. *high gets no price. */
static enum sc_status least_usage(struct sc_front *f, struct sc_front_point *high)
{
    const struct sc_view *v = &f->view->view;
    struct sc_arena *arena = sc_arena_new();
    struct sc_view_edge *edges = arena ? sc_arena_calloc(arena, (size_t)v->edge_count + 1, sizeof *edges) : NULL;
    enum sc_status status = edges ? SC_OK : SC_NO_MEMORY;
    for (int e = 0; status == SC_OK && e < v->edge_count; e++) {
        int cols = v->choices[v->edges[e].to], rows = v->choices[v->edges[e].from];
        double *at = sc_arena_calloc(arena, (size_t)rows * (size_t)cols, sizeof *at);
        if (!at)
            status = SC_NO_MEMORY;
        for (int r = 0; at && r < rows; r++)
            for (int c = 0; c < cols; c++)
                if (v->edges[e].table[(size_t)r * (size_t)v->edges[e].row_stride + (size_t)c] == INFINITY)
                    at[(size_t)r * (size_t)cols + (size_t)c] = INFINITY;
        edges[e] = (struct sc_view_edge){v->edges[e].from, v->edges[e].to, at, cols};
    }
    for (int i = 0; i < f->n; i++)
        for (int c = 0; c < v->choices[i]; c++)
            f->priced[i][c] = f->cost[i][c] < INFINITY ? f->g[i][c] : INFINITY;
    struct sc_view bare = {.node_count = f->n,
                           .edge_count = v->edge_count,
                           .choices = v->choices,
                           .cost = (const double *const *)f->priced,
                           .edges = edges};
    bool wide = false;
    struct sc_elim *elim = status == SC_OK ? sc_elim_new(&bare, 2 * f->elim->work, f->core->cancel, &wide) : NULL;
    if (status == SC_OK && !elim)
        status = wide ? SC_LIMIT : sc_cancelled(f->core->cancel) ? SC_CANCELLED : SC_NO_MEMORY;
    if (status == SC_OK)
        status = sc_elim_run(elim, bare.cost);
    if (status == SC_OK) {
        sc_elim_plan(elim, high->plan);
        *high = (struct sc_front_point){.peak = f->base_peak, .total = -INFINITY, .plan = high->plan};
        for (int i = 0; i < f->n; i++) {
            high->cost += f->cost[i][high->plan[i]];
            high->usage += f->g[i][high->plan[i]];
            high->peak = fmax(high->peak, f->m[i][high->plan[i]]);
        }
        for (int e = 0; e < v->edge_count; e++)
            high->cost += v->edges[e].table[(size_t)high->plan[v->edges[e].from] * (size_t)v->edges[e].row_stride +
                                            (size_t)high->plan[v->edges[e].to]];
    }
    sc_elim_free(elim);
    sc_arena_free(arena);
    return status;
}

/* A plan that keeps the capacity: by prices from a guess upwards, or the one of least usage. SC_INFEASIBLE: none. */
static enum sc_status find_high(struct sc_front *f, double capacity, const struct sc_front_point *low,
                                struct sc_front_point *high)
{
    double lambda = (fabs(low->cost) + 1) / (low->usage + 1);
    for (int i = 0; i < 4 && lambda * (f->total_usage + 1) <= most_priced; i++, lambda *= 8) {
        enum sc_status status = sc_front_evaluate(f, lambda, high);
        if (status != SC_OK)
            return status;
        sc_front_consider(f, high);
        if (high->usage <= capacity)
            return SC_OK;
    }
    enum sc_status status = least_usage(f, high);
    if (status != SC_OK)
        return status;
    if (high->usage > capacity) {
        send(f, high); /* its peak is a limit that is known to do */
        return SC_INFEASIBLE;
    }
    sc_front_consider(f, high);
    return SC_OK;
}

/* The best price for a capacity. `low` breaks the capacity (or is optimal at price 0), `high` keeps it. *bound is the
 * best found. */
static enum sc_status find_price(struct sc_front *f, double capacity, struct sc_front_point *low,
                                 struct sc_front_point *high, struct sc_front_point *best, double *bound)
{
    enum sc_status status = sc_front_evaluate(f, 0, low);
    if (status != SC_OK)
        return status;
    sc_front_consider(f, low);
    *bound = bound_at(low, capacity);
    memcpy(best->plan, low->plan, (size_t)f->n * sizeof *best->plan);
    best->lambda = 0;
    if (low->usage <= capacity) {
        int *plan = high->plan;
        memcpy(plan, low->plan, (size_t)f->n * sizeof *plan);
        *high = *low;
        high->plan = plan;
        return SC_OK;
    }
    status = find_high(f, capacity, low, high);
    if (status != SC_OK)
        return status;
    struct sc_front_point middle = {.plan = best->plan};
    if (high->total > -INFINITY && bound_at(high, capacity) > *bound) {
        *bound = bound_at(high, capacity);
        best->lambda = high->lambda;
    }
    for (int i = 0; i < MOST_PRICES && *bound <= f->cutoff; i++) {
        double lambda = (high->cost - low->cost) / (low->usage - high->usage);
        if (lambda < 0 || lambda * (f->total_usage + 1) > most_priced || sc_cancelled(f->core->cancel))
            break;
        status = sc_front_evaluate(f, lambda, &middle);
        if (status != SC_OK)
            return status;
        sc_front_consider(f, &middle);
        if (bound_at(&middle, capacity) > *bound) {
            *bound = bound_at(&middle, capacity);
            best->lambda = lambda;
        }
        if (middle.total >= low->cost + lambda * low->usage - 2.0 * f->n - 4)
            break; /* on the line through both: no price is better */
        struct sc_front_point *side = middle.usage <= capacity ? high : low;
        if (middle.usage == side->usage)
            break;
        int *plan = side->plan;
        *side = middle;
        side->plan = plan;
        memcpy(plan, middle.plan, (size_t)f->n * sizeof *plan);
    }
    return sc_cancelled(f->core->cancel) ? SC_CANCELLED : SC_OK;
}

/* ---- a smaller view ---------------------------------------------------------------------------------- */

struct pruned {
    struct sc_view view;
    int **kept; /* choices of the view's nodes that are left */
    double **cost, **usage;
    uint64_t **counts; /* NULL without limits of counts */
    struct sc_arena *arena;
};

static double *prune_table(struct pruned *p, const struct sc_view_edge *e)
{
    int rows = p->view.choices[e->from], cols = p->view.choices[e->to];
    double *at = sc_arena_calloc(p->arena, (size_t)rows * (size_t)cols, sizeof *at);
    for (int r = 0; at && r < rows; r++)
        for (int c = 0; c < cols; c++)
            at[(size_t)r * (size_t)cols + (size_t)c] =
                e->table[(size_t)p->kept[e->from][r] * (size_t)e->row_stride + (size_t)p->kept[e->to][c]];
    return at;
}

/* Which counts a choice adds to. */
static bool prune_counts(const struct sc_front *f, const struct sc_front_part *part, struct pruned *p)
{
    p->counts = sc_arena_calloc(p->arena, (size_t)f->n, sizeof *p->counts);
    for (int i = 0; p->counts && i < f->n; i++)
        if (!(p->counts[i] = sc_arena_calloc(p->arena, (size_t)p->view.choices[i], sizeof **p->counts)))
            return false;
    for (int l = 0; p->counts && l < part->limits; l++)
        for (int i = 0; i < part->limit[l].count.size; i++) {
            int node = part->limit[l].count.node[i];
            for (int c = 0; c < p->view.choices[node]; c++)
                if (p->usage[node][c] >= part->limit[l].count.least)
                    p->counts[node][c] += UINT64_C(1) << (l * SC_FRONT_COUNT_BITS);
        }
    return p->counts != NULL;
}

/* Only choices with a min-marginal of at most `most` (with prices). *empty when a node keeps none. */
static bool prune(struct sc_front *f, double most, struct pruned *p, bool *empty)
{
    const struct sc_view *v = &f->view->view;
    *empty = false;
    *p = (struct pruned){.arena = sc_arena_new()};
    if (!p->arena)
        return false;
    int *choices = sc_arena_calloc(p->arena, (size_t)f->n, sizeof *choices);
    struct sc_view_edge *edges = sc_arena_calloc(p->arena, (size_t)v->edge_count + 1, sizeof *edges);
    p->kept = sc_arena_calloc(p->arena, (size_t)f->n, sizeof *p->kept);
    p->cost = sc_arena_calloc(p->arena, (size_t)f->n, sizeof *p->cost);
    p->usage = sc_arena_calloc(p->arena, (size_t)f->n, sizeof *p->usage);
    if (!choices || !edges || !p->kept || !p->cost || !p->usage)
        return false;
    for (int i = 0; i < f->n && !*empty; i++) {
        size_t k = (size_t)v->choices[i];
        p->kept[i] = sc_arena_calloc(p->arena, k, sizeof **p->kept);
        p->cost[i] = sc_arena_calloc(p->arena, k, sizeof **p->cost);
        p->usage[i] = sc_arena_calloc(p->arena, k, sizeof **p->usage);
        if (!p->kept[i] || !p->cost[i] || !p->usage[i])
            return false;
        for (int c = 0; c < v->choices[i]; c++)
            if (f->cost[i][c] < INFINITY && f->marginal[i][c] <= most) {
                int at = choices[i]++;
                p->kept[i][at] = c;
                p->cost[i][at] = f->cost[i][c] + f->charge[i][c];
                p->usage[i][at] = f->g[i][c];
            }
        *empty = choices[i] == 0;
    }
    p->view = (struct sc_view){.node_count = f->n,
                               .edge_count = v->edge_count,
                               .choices = choices,
                               .cost = (const double *const *)p->cost,
                               .edges = edges};
    for (int e = 0; e < v->edge_count && !*empty; e++) {
        const double *table = prune_table(p, &v->edges[e]);
        if (!table)
            return false;
        edges[e] = (struct sc_view_edge){v->edges[e].from, v->edges[e].to, table, choices[v->edges[e].to]};
    }
    return true;
}

static void plan_of_labels(const struct sc_front *f, const struct pruned *p, struct sc_front_point *out)
{
    out->usage = 0;
    out->peak = f->base_peak;
    for (int i = 0; i < f->n; i++) {
        int c = out->plan[i] = p->kept[i][out->plan[i]];
        out->usage += f->g[i][c];
        out->peak = fmax(out->peak, f->m[i][c]);
    }
}

/* What labels are to find: the best plan of a part that costs at most `most`, in so many labels. */
struct question {
    const struct sc_front_part *part;
    const struct sc_front_prices *prices;
    double most;
    size_t budget;
    bool found, exhausted;
};

static enum sc_status by_labels(struct sc_front *f, struct question *ask, struct sc_front_point *out)
{
    struct pruned p;
    bool empty;
    const struct sc_front_part *part = ask->part;
    double lambda = ask->prices->lambda, capacity = -part->low;
    ask->found = ask->exhausted = false;
    enum sc_status status = SC_OK;
    if (!prune(f, ask->most + ceil(lambda * capacity) + 1 + sc_front_credit(part, ask->prices), &p, &empty) ||
        (!empty && part->limits > 0 && !prune_counts(f, part, &p)))
        status = SC_NO_MEMORY;
    struct sc_knapsack knapsack = {.view = &p.view,
                                   .cost = (const double *const *)p.cost,
                                   .usage = (const double *const *)p.usage,
                                   .count = (const uint64_t *const *)p.counts,
                                   .cancel = f->core->cancel,
                                   .lambda = lambda,
                                   .capacity = capacity,
                                   .most = ask->most,
                                   .limits = {.counts = part->limits, .bits = SC_FRONT_COUNT_BITS},
                                   .budget = ask->budget,
                                   .plan = out->plan};
    for (int l = 0; l < part->limits; l++) {
        knapsack.limits.most[l] = part->limit[l].most;
        knapsack.least[l] = part->limit[l].least;
        knapsack.price[l] = ask->prices->count[l];
    }
    if (status == SC_OK && !empty)
        status = sc_knapsack_solve(&knapsack);
    ask->found = status == SC_OK && knapsack.found;
    ask->exhausted = status == SC_OK && knapsack.exhausted;
    if (ask->found) {
        out->cost = knapsack.best;
        plan_of_labels(f, &p, out);
    }
    sc_arena_free(p.arena);
    return status;
}

/* ---- parts ------------------------------------------------------------------------------------------- */

static enum sc_status split(struct sc_front *f, const struct sc_front_part *part, double peak, double bound)
{
    struct sc_front_part below = *part, above = *part;
    below.bound = above.bound = bound;
    below.high = above.low = peak;
    return sc_vec_push(&f->parts, below) && sc_vec_push(&f->parts, above) ? SC_OK : SC_NO_MEMORY;
}

static double least_bound(const struct sc_front *f, size_t *at)
{
    double least = INFINITY;
    for (size_t i = 0; i < f->parts.count; i++)
        if (f->parts.data[i].bound < least) {
            least = f->parts.data[i].bound;
            *at = i;
        }
    return least;
}

/* The part under way has a better bound: so has the whole, as far as the other parts allow. */
static void raise_bound(struct sc_front *f, struct sc_front_part *part, double bound)
{
    size_t at;
    part->bound = fmax(part->bound, bound);
    double least = fmin(part->bound, least_bound(f, &at));
    f->sink->bound(f->sink->user, fmin(least, f->cutoff + f->core->grain) + f->core->constant);
}

static enum sc_status find_marginals(struct sc_front *f, const struct sc_front_part *part,
                                     const struct sc_front_prices *prices, struct sc_front_point *scratch)
{
    sc_front_charge(f, part, prices);
    enum sc_status status = sc_front_evaluate(f, prices->lambda, scratch);
    if (status == SC_OK)
        status = sc_elim_descend(f->elim);
    for (int i = 0; status == SC_OK && i < f->n; i++)
        status = sc_elim_marginal(f->elim, i, f->marginal[i]);
    return status;
}

/* Solve a part by thresholds that grow from its bound, as far as so many labels reach: *exhausted. */
static enum sc_status close_gap(struct sc_front *f, struct sc_front_part *part, const struct sc_front_prices *prices,
                                size_t budget, struct sc_front_point *scratch, bool *exhausted)
{
    double step = (f->cutoff < INFINITY ? f->cutoff - part->bound : fabs(part->bound)) / 64 + 1;
    struct sc_front_point best = {.plan = scratch->plan};
    enum sc_status status = find_marginals(f, part, prices, &best);
    while (status == SC_OK && part->bound <= f->cutoff) {
        struct question ask = {part, prices, floor(fmin(f->cutoff, part->bound + step)), budget, false, false};
        status = by_labels(f, &ask, &best);
        *exhausted = ask.exhausted;
        if (status != SC_OK || *exhausted)
            return status;
        if (ask.found) {
            if (best.usage + best.peak > 0)
                return split(f, part, best.peak, best.cost);
            sc_front_consider(f, &best);
            f->lambda = prices->lambda;
            return SC_OK;
        }
        raise_bound(f, part, ask.most + 1);
        step *= 4;
    }
    return status;
}

/* Cross the two plans of most weight in the mixture, of which one fits. */
static enum sc_status cross_mixture(struct sc_front *f, const struct sc_front_part *part)
{
    int heaviest[2] = {-1, -1};
    for (int j = 0; j < f->columns; j++) {
        int side = f->column[j].usage <= -part->low;
        if (f->weight[j] > 0 && (heaviest[side] < 0 || f->weight[j] > f->weight[heaviest[side]]))
            heaviest[side] = j;
    }
    if (heaviest[0] < 0 || heaviest[1] < 0)
        return SC_OK;
    return sc_front_cross(f, &f->column[heaviest[0]], &f->column[heaviest[1]]);
}

/* A part without limits of counts: its price, and plans. SC_INFEASIBLE: it has none. *done: it was split. */
static enum sc_status open_part(struct sc_front *f, struct sc_front_part *part, struct sc_front_point *low,
                                struct sc_front_point *high, struct sc_front_point *best, bool *done)
{
    double bound;
    sc_front_charge(f, part, NULL);
    enum sc_status status = find_price(f, -part->low, low, high, best, &bound);
    if (status != SC_OK)
        return status;
    raise_bound(f, part, bound);
    if (f->lambda == 0) /* until a plan tells which price is right */
        f->lambda = best->lambda;
    if (part->bound <= f->cutoff && low->usage + low->peak > 0)
        status = sc_front_cross(f, low, high);
    if (status == SC_OK && part->bound <= f->cutoff && high->usage + high->peak > 0) {
        *done = true;
        return split(f, part, high->peak, part->bound);
    }
    return sc_front_keep(f, low) && sc_front_keep(f, high) ? status : SC_NO_MEMORY;
}

/* Labels that a part may try before it is halved. As much work may be in vain as goes into halving. */
static size_t labels_to_try(const struct sc_front *f)
{
    double few = (double)LABELS_A_NODE * f->n;
    return (size_t)fmin(MOST_LABELS, fmax(few, FIRST_LABELS + (double)f->runs * f->n - f->in_vain));
}

/* Labels where few do it; else halves; and labels without end where nothing is left to halve. */
static enum sc_status finish_part(struct sc_front *f, struct sc_front_part *part, struct sc_front_prices *prices,
                                  struct sc_front_point *scratch, bool *exhausted)
{
    bool found = false;
    enum sc_status status = SC_OK;
    size_t labels = labels_to_try(f);
    status = close_gap(f, part, prices, labels, scratch, exhausted);
    if (status != SC_OK || !*exhausted)
        return status;
    f->in_vain += (double)labels;
    *exhausted = false;
    if (f->cutoff < INFINITY)
        status = sc_front_branch(f, part, &found);
    if (status != SC_OK || found)
        return status;
    return close_gap(f, part, prices, MOST_LABELS, scratch, exhausted);
}

static enum sc_status solve_part(struct sc_front *f, struct sc_front_part *part, struct sc_front_point *low,
                                 struct sc_front_point *high, struct sc_front_point *best, bool *exhausted)
{
    bool done = false;
    struct sc_front_prices prices = {0};
    if (part->low > 0)
        return SC_OK;
    sc_front_allow(f, part);
    enum sc_status status = part->limits == 0 ? open_part(f, part, low, high, best, &done) : SC_OK;
    *exhausted = status == SC_LIMIT;
    if (status == SC_INFEASIBLE || status == SC_LIMIT)
        return SC_OK;
    prices.lambda = best->lambda;
    if (status == SC_OK && !done && part->bound <= f->cutoff && f->cutoff < INFINITY) {
        double before = f->cutoff;
        status = sc_front_price(f, part, MOST_PRICES, &prices);
        if (status == SC_INFEASIBLE)
            return SC_OK;
        raise_bound(f, part, part->bound);
        if (status == SC_OK && part->bound <= f->cutoff && part->limits > 0)
            status = cross_mixture(f, part);
        if (f->cutoff < before)
            f->lambda = prices.lambda;
    }
    if (status != SC_OK || done || part->bound > f->cutoff)
        return status;
    return f->sink->stop(f->sink->user) ? SC_CANCELLED : finish_part(f, part, &prices, high, exhausted);
}

static enum sc_status solve_parts(struct sc_front *f, enum sc_frontier_end *end)
{
    struct sc_front_point low = {0}, high = {0}, best = {0};
    struct sc_front_part all = {.low = f->least_peak, .high = INFINITY, .bound = -INFINITY};
    bool exhausted = false;
    size_t at = 0;
    low.plan = sc_arena_calloc(f->arena, (size_t)f->n, sizeof *low.plan);
    high.plan = sc_arena_calloc(f->arena, (size_t)f->n, sizeof *high.plan);
    best.plan = sc_arena_calloc(f->arena, (size_t)f->n, sizeof *best.plan);
    enum sc_status status = low.plan && high.plan && best.plan && sc_vec_push(&f->parts, all) ? SC_OK : SC_NO_MEMORY;
    while (status == SC_OK && f->parts.count > 0 && !exhausted && !f->sink->stop(f->sink->user)) {
        double bound = least_bound(f, &at);
        if (bound > f->cutoff) {
            f->parts.count = 0;
            break;
        }
        if (bound > -INFINITY)
            f->sink->bound(f->sink->user, bound + f->core->constant);
        struct sc_front_part part = f->parts.data[at];
        f->parts.data[at] = f->parts.data[--f->parts.count];
        status = solve_part(f, &part, &low, &high, &best, &exhausted);
        if (status == SC_CANCELLED)
            sc_vec_push(&f->parts, part); /* there was room for it */
    }
    *end = exhausted                                      ? SC_FRONTIER_NOT
           : f->parts.count > 0 || status == SC_CANCELLED ? SC_FRONTIER_STOPPED
                                                          : SC_FRONTIER_PROVEN;
    return status == SC_CANCELLED ? SC_OK : status;
}

enum sc_status sc_core_frontier(struct sc_core *core, const struct sc_core_view *view, struct sc_elim *elim,
                                double cutoff, const struct sc_core_sink *sink, double *lambda,
                                enum sc_frontier_end *end)
{
    struct sc_front f = {.core = core,
                         .view = view,
                         .elim = elim,
                         .sink = sink,
                         .n = view->view.node_count,
                         .cutoff = cutoff - core->constant - core->grain,
                         .arena = sc_arena_new()};
    bool fits = false;
    enum sc_status status = SC_NO_MEMORY;
    *end = SC_FRONTIER_NOT;
    if (f.arena) {
        f.g = rows(&f);
        f.m = rows(&f);
        f.cost = rows(&f);
        f.priced = rows(&f);
        f.marginal = rows(&f);
        f.charge = rows(&f);
        f.full = sc_arena_calloc(f.arena, (size_t)core->n, sizeof *f.full);
        if (f.g && f.m && f.cost && f.priced && f.marginal && f.charge && f.full)
            status = find_form(&f, &fits);
    }
    if (status == SC_OK && fits)
        status = solve_parts(&f, end);
    *lambda = f.lambda;
    sc_vec_free(&f.parts);
    sc_arena_free(f.arena);
    return status;
}
