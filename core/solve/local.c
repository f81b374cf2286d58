/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * local: a plan, its loads in a tree over the slots, and moves. Repair takes, at the worst time, the move that costs
 * least for what it frees; improvement takes the best move of one node or of two neighbours until none is left.
 */
#include "solve/local.h"

#include <math.h>
#include <string.h>

/* Forbidden pairs count as this much while a plan is repaired, in units above any real cost. */
static const double forbidden_cost = 1e18;

/* ---- loads ------------------------------------------------------------------------------------------ */

static void tree_add(struct sc_local *l, int at, int low, int high, int a, int b, double value)
{
    if (a <= low && high <= b) {
        l->most[at] += value;
        l->added[at] += value;
        return;
    }
    int middle = (low + high) / 2;
    if (a < middle)
        tree_add(l, 2 * at, low, middle, a, b, value);
    if (b > middle)
        tree_add(l, 2 * at + 1, middle, high, a, b, value);
    l->most[at] = fmax(l->most[2 * at], l->most[2 * at + 1]) + l->added[at];
}

static double tree_most(const struct sc_local *l, int at, int low, int high, int a, int b)
{
    if (a <= low && high <= b)
        return l->most[at];
    int middle = (low + high) / 2;
    double most = -INFINITY;
    if (a < middle)
        most = tree_most(l, 2 * at, low, middle, a, b);
    if (b > middle)
        most = fmax(most, tree_most(l, 2 * at + 1, middle, high, a, b));
    return most + l->added[at];
}

static int tree_worst(const struct sc_local *l)
{
    int at = 1;
    while (at < l->leaves)
        at = l->most[2 * at] >= l->most[2 * at + 1] ? 2 * at : 2 * at + 1;
    return at - l->leaves;
}

static void tree_fill(struct sc_local *l)
{
    const struct sc_core *core = l->core;
    memset(l->added, 0, 2 * (size_t)l->leaves * sizeof *l->added);
    double *load = l->most + l->leaves;
    memset(load, 0, (size_t)l->leaves * sizeof *load);
    for (int n = 0; n < core->n; n++)
        for (int s = 0; s < (core->node[n].k > 0 ? core->node[n].seg_count : 0); s++) {
            const struct sc_core_seg *seg = &core->node[n].seg[s];
            load[seg->a] += seg->use[l->plan[n]];
            if (seg->b < l->leaves)
                load[seg->b] -= seg->use[l->plan[n]];
        }
    double sum = 0;
    for (int t = 0; t < l->leaves; t++) {
        sum += load[t];
        load[t] = t < core->slot_count ? sum - core->room[t] : -INFINITY;
    }
    for (int i = l->leaves - 1; i > 0; i--)
        l->most[i] = fmax(l->most[2 * i], l->most[2 * i + 1]);
}

/* ---- the plan --------------------------------------------------------------------------------------- */

struct sc_local *sc_local_new(const struct sc_core *core)
{
    struct sc_local *l = sc_alloc(sizeof *l);
    if (!l)
        return NULL;
    l->core = core;
    l->leaves = 1;
    l->widest = 1;
    while (l->leaves < core->slot_count)
        l->leaves *= 2;
    for (int n = 0; n < core->n; n++)
        l->widest = core->node[n].k > l->widest ? core->node[n].k : l->widest;
    l->plan = sc_calloc((size_t)core->n + 1, sizeof *l->plan);
    l->queue = sc_calloc((size_t)core->n + 1, sizeof *l->queue);
    l->queued = sc_calloc((size_t)core->n + 1, sizeof *l->queued);
    l->listed = sc_calloc((size_t)core->n + 1, sizeof *l->listed);
    l->choice = sc_calloc((size_t)core->n + 1, sizeof *l->choice);
    l->score = sc_calloc((size_t)core->n + 1, sizeof *l->score);
    l->most = sc_calloc(2 * (size_t)l->leaves, sizeof *l->most);
    l->added = sc_calloc(2 * (size_t)l->leaves, sizeof *l->added);
    l->row = sc_calloc((size_t)l->widest, sizeof *l->row);
    l->other = sc_calloc((size_t)l->widest, sizeof *l->other);
    if (!l->plan || !l->queue || !l->queued || !l->listed || !l->choice || !l->score || !l->most || !l->added ||
        !l->row || !l->other) {
        sc_local_free(l);
        return NULL;
    }
    return l;
}

void sc_local_free(struct sc_local *l)
{
    if (!l)
        return;
    sc_free(l->plan);
    sc_free(l->queue);
    sc_free(l->queued);
    sc_free(l->listed);
    sc_free(l->choice);
    sc_free(l->score);
    sc_free(l->most);
    sc_free(l->added);
    sc_free(l->row);
    sc_free(l->other);
    sc_free(l);
}

void sc_local_set(struct sc_local *l, const int *plan)
{
    const struct sc_core *core = l->core;
    memcpy(l->plan, plan, (size_t)core->n * sizeof *l->plan);
    l->cost = core->constant;
    l->forbidden = 0;
    for (int n = 0; n < core->n; n++)
        if (core->node[n].k > 0)
            l->cost += core->node[n].cost[plan[n]];
    for (size_t i = 0; i < core->edges.count; i++) {
        const struct sc_core_edge *e = &core->edges.data[i];
        if (!e->at)
            continue;
        double value = e->at[(size_t)plan[e->u] * (size_t)core->node[e->v].k + (size_t)plan[e->v]];
        if (value == INFINITY)
            l->forbidden++;
        else
            l->cost += value;
    }
    tree_fill(l);
}

bool sc_local_fits(const struct sc_local *l)
{
    return l->forbidden == 0 && (l->core->slot_count == 0 || l->most[1] <= 0);
}

/* Costs of all choices of a node beside the rest of the plan; forbidden pairs cost forbidden_cost each. `without`: a
 * neighbour whose edge is left out, -1: none. */
static void cost_row(const struct sc_local *l, int node, int without, double *row)
{
    const struct sc_core *core = l->core;
    const struct sc_core_node *x = &core->node[node];
    memcpy(row, x->cost, (size_t)x->k * sizeof *row);
    for (int i = 0; i < x->degree; i++) {
        struct sc_core_side side = sc_core_look(core, x->edge[i], node);
        if (side.other == without)
            continue;
        const double *at = side.at + (size_t)l->plan[side.other] * (size_t)side.other_step;
        for (int c = 0; c < x->k; c++) {
            double value = at[(size_t)c * (size_t)side.own_step];
            row[c] += value < INFINITY ? value : forbidden_cost;
        }
    }
}

double sc_local_change(const struct sc_local *l, int node, int choice)
{
    const struct sc_core *core = l->core;
    const struct sc_core_node *x = &core->node[node];
    double change = x->cost[choice] - x->cost[l->plan[node]];
    for (int i = 0; i < x->degree; i++) {
        struct sc_core_side side = sc_core_look(core, x->edge[i], node);
        const double *at = side.at + (size_t)l->plan[side.other] * (size_t)side.other_step;
        double now = at[(size_t)l->plan[node] * (size_t)side.own_step],
               then = at[(size_t)choice * (size_t)side.own_step];
        change += (then < INFINITY ? then : forbidden_cost) - (now < INFINITY ? now : forbidden_cost);
    }
    return change;
}

bool sc_local_allows(struct sc_local *l, int node, int choice)
{
    const struct sc_core_node *x = &l->core->node[node];
    for (int s = 0; s < x->seg_count; s++) {
        double more = x->seg[s].use[choice] - x->seg[s].use[l->plan[node]];
        if (more > 0 && tree_most(l, 1, 0, l->leaves, x->seg[s].a, x->seg[s].b) + more > 0)
            return false;
    }
    return true;
}

void sc_local_move(struct sc_local *l, int node, int choice)
{
    const struct sc_core *core = l->core;
    const struct sc_core_node *x = &core->node[node];
    int before = l->plan[node];
    if (choice == before)
        return;
    l->cost += x->cost[choice] - x->cost[before];
    for (int i = 0; i < x->degree; i++) {
        struct sc_core_side side = sc_core_look(core, x->edge[i], node);
        const double *at = side.at + (size_t)l->plan[side.other] * (size_t)side.other_step;
        double now = at[(size_t)before * (size_t)side.own_step], then = at[(size_t)choice * (size_t)side.own_step];
        l->forbidden += (then == INFINITY) - (now == INFINITY);
        l->cost += (then < INFINITY ? then : 0) - (now < INFINITY ? now : 0);
    }
    for (int s = 0; s < x->seg_count; s++) {
        double more = x->seg[s].use[choice] - x->seg[s].use[before];
        if (more != 0)
            tree_add(l, 1, 0, l->leaves, x->seg[s].a, x->seg[s].b, more);
    }
    l->plan[node] = choice;
}

/* ---- repair ----------------------------------------------------------------------------------------- */

/* Use of a choice in a slot. */
static double use_at(const struct sc_core_node *x, int slot, int choice)
{
    int low = 0, high = x->seg_count; /* segments are sorted and disjoint */
    while (low < high) {
        int middle = (low + high) / 2;
        if (x->seg[middle].b <= slot)
            low = middle + 1;
        else
            high = middle;
    }
    return low < x->seg_count && x->seg[low].a <= slot ? x->seg[low].use[choice] : 0;
}

/* The best move of a node that uses something in an overloaded slot: least cost for what it frees there. */
static void rate(struct sc_local *l, int i, int slot, double over)
{
    const struct sc_core_node *x = &l->core->node[l->queue[i]];
    int now = l->plan[l->queue[i]];
    double used = use_at(x, slot, now);
    l->score[i] = INFINITY;
    if (used == 0)
        return;
    cost_row(l, l->queue[i], -1, l->row);
    for (int c = 0; c < x->k; c++) {
        double freed = fmin(used - use_at(x, slot, c), over);
        if (freed <= 0)
            continue;
        double change = l->row[c] - l->row[now];
        double score = change > 0 ? change / freed : change * freed;
        if (score < l->score[i]) {
            l->score[i] = score;
            l->choice[i] = c;
        }
    }
}

/* Bring a slot within its room. Its nodes are listed once; a move rates the node and its neighbours anew. False: stuck.
 */
static bool relieve(struct sc_local *l, int slot, long *steps)
{
    const struct sc_core *core = l->core;
    int count = 0;
    for (int n = 0; n < core->n; n++)
        if (core->node[n].k > 1 && core->node[n].seg_count > 0 && use_at(&core->node[n], slot, l->plan[n]) > 0) {
            l->queue[count] = n;
            l->listed[n] = ++count;
        }
    double over = tree_most(l, 1, 0, l->leaves, slot, slot + 1);
    for (int i = 0; i < count; i++)
        rate(l, i, slot, over);
    while (over > 0 && --*steps > 0 && ((*steps & 63) != 0 || !sc_cancel_work(core->cancel, 64))) {
        int best = -1;
        for (int i = 0; i < count; i++)
            if (l->score[i] < (best < 0 ? INFINITY : l->score[best]))
                best = i;
        if (best < 0)
            break;
        int node = l->queue[best];
        sc_local_move(l, node, l->choice[best]);
        over = tree_most(l, 1, 0, l->leaves, slot, slot + 1);
        rate(l, best, slot, over);
        for (int i = 0; i < core->node[node].degree; i++) {
            int other = sc_core_look(core, core->node[node].edge[i], node).other;
            if (l->listed[other])
                rate(l, l->listed[other] - 1, slot, over);
        }
    }
    for (int i = 0; i < count; i++)
        l->listed[l->queue[i]] = 0;
    return over <= 0;
}

/* Move one end of a forbidden pair to its cheapest choice beside the others. */
static bool mend(struct sc_local *l)
{
    const struct sc_core *core = l->core;
    for (size_t i = 0; i < core->edges.count; i++) {
        const struct sc_core_edge *e = &core->edges.data[i];
        if (!e->at || e->at[(size_t)l->plan[e->u] * (size_t)core->node[e->v].k + (size_t)l->plan[e->v]] < INFINITY)
            continue;
        double best = 0;
        int node = -1, choice = -1;
        for (int end = 0; end < 2; end++) {
            int n = end ? e->v : e->u;
            cost_row(l, n, -1, l->row);
            for (int c = 0; c < core->node[n].k; c++)
                if (l->row[c] - l->row[l->plan[n]] < best) {
                    best = l->row[c] - l->row[l->plan[n]];
                    node = n;
                    choice = c;
                }
        }
        if (node >= 0) {
            sc_local_move(l, node, choice);
            return true;
        }
    }
    return false;
}

bool sc_local_repair(struct sc_local *l)
{
    const struct sc_core *core = l->core;
    const long most = 4L * core->alive + 100;
    long steps = most;
    while (steps-- > 0) {
        l->moves = most - steps;
        if ((steps & 63) == 0 && sc_cancel_work(core->cancel, 64))
            return false;
        if (l->forbidden > 0 && mend(l))
            continue;
        if (core->slot_count > 0 && l->most[1] > 0) {
            if (!relieve(l, tree_worst(l), &steps))
                return false;
            continue;
        }
        return l->forbidden == 0;
    }
    return false;
}

/* ---- improvement ------------------------------------------------------------------------------------- */

static void ask(struct sc_local *l, int node, int *count)
{
    if (l->queued[node])
        return;
    l->queued[node] = true;
    l->queue[(*count)++] = node;
}

static bool best_single(struct sc_local *l, int node)
{
    const struct sc_core_node *x = &l->core->node[node];
    cost_row(l, node, -1, l->row);
    for (;;) {
        int best = l->plan[node];
        for (int c = 0; c < x->k; c++)
            if (l->row[c] < l->row[best])
                best = c;
        if (best == l->plan[node])
            return false;
        if (sc_local_allows(l, node, best)) {
            sc_local_move(l, node, best);
            return true;
        }
        l->row[best] = INFINITY;
    }
}

/* Both ends of an edge at once. */
static bool best_pair(struct sc_local *l, int edge)
{
    const struct sc_core *core = l->core;
    const struct sc_core_edge *e = &core->edges.data[edge];
    int u = e->u, v = e->v, rows = core->node[u].k, cols = core->node[v].k;
    int u0 = l->plan[u], v0 = l->plan[v];
    cost_row(l, u, v, l->row);
    cost_row(l, v, u, l->other);
    double now = l->row[u0] + l->other[v0] + e->at[(size_t)u0 * (size_t)cols + (size_t)v0];
    for (int tries = 0; tries < 8; tries++) {
        double best = now;
        int bu = -1, bv = -1;
        for (int p = 0; p < rows; p++) {
            if (l->row[p] >= best)
                continue;
            const double *at = e->at + (size_t)p * (size_t)cols;
            for (int q = 0; q < cols; q++)
                if (l->row[p] + l->other[q] + at[q] < best) {
                    best = l->row[p] + l->other[q] + at[q];
                    bu = p;
                    bv = q;
                }
        }
        if (bu < 0)
            return false;
        sc_local_move(l, u, bu);
        sc_local_move(l, v, bv);
        if (sc_local_fits(l))
            return true;
        sc_local_move(l, u, u0);
        sc_local_move(l, v, v0);
        l->row[bu] = bu == u0 ? l->row[bu] : INFINITY;
        if (bu == u0)
            l->other[bv] = INFINITY;
    }
    return false;
}

static void touch_around(struct sc_local *l, int node, int *count)
{
    const struct sc_core_node *x = &l->core->node[node];
    ask(l, node, count);
    for (int i = 0; i < x->degree; i++)
        ask(l, sc_core_look(l->core, x->edge[i], node).other, count);
}

void sc_local_improve(struct sc_local *l, bool pairs)
{
    const struct sc_core *core = l->core;
    int count = 0;
    for (int n = 0; n < core->n; n++)
        if (core->node[n].k > 1)
            ask(l, n, &count);
    uint64_t steps = 0;
    while (count > 0) {
        int node = l->queue[--count];
        l->queued[node] = false;
        if (best_single(l, node))
            touch_around(l, node, &count);
        else
            for (int i = 0; pairs && i < core->node[node].degree; i++) {
                int edge = core->node[node].edge[i];
                if (best_pair(l, edge)) {
                    touch_around(l, core->edges.data[edge].u, &count);
                    touch_around(l, core->edges.data[edge].v, &count);
                    break;
                }
            }
        if ((++steps & 63) == 0 && sc_cancel_work(core->cancel, 64))
            break;
    }
    while (count > 0)
        l->queued[l->queue[--count]] = false;
}
