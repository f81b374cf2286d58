/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * reduce: makes a core smaller without losing its optimum. Nodes whose surroundings changed are looked at again until
 * nothing changes; between the rounds the usage limit is settled anew.
 *
 * What is done to a node, and why it is exact:
 *   settle    the least entry of each row and column of a table moves into the nodes: a reparametrisation, all plans
 *             keep their cost. A table that becomes zero was a sum f(row) + g(column), and goes.
 *   forbid    a choice with no finite partner on some edge has no plan (arc consistency).
 *   exclude   a choice that exceeds the room of some slot even beside the least load of all others has no plan.
 *   dominate  choice c goes when some d costs less whatever the neighbours do (Goldstein 1994: cost difference plus, an
 *             edge, the least difference over the neighbour's choices) and never uses more.
 *   follow    when each choice of one end leaves one choice of the other, the two are one node.
 *   lean      a node with one neighbour: beside a neighbour's choice, a choice goes when another is no dearer and never
 *             uses more.
 *   eliminate a node with no usage and at most two neighbours becomes a table between them (variable elimination).
 */
#include "solve/core.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    LARGEST_TABLE = 1 << 22, /* entries of a table made by merging or eliminating */
    LARGEST_WORK = 1 << 28,  /* steps of one elimination */
    SETTLE_ROUNDS = 50,
};

/* ---- tables ---------------------------------------------------------------------------------------- */

static void settle_rows(struct sc_core *core, struct sc_core_edge *e)
{
    struct sc_core_node *u = &core->node[e->u];
    size_t cols = (size_t)core->node[e->v].k;
    for (int r = 0; r < u->k; r++) {
        double *row = e->at + (size_t)r * cols, least = INFINITY;
        for (size_t c = 0; c < cols; c++)
            least = row[c] < least ? row[c] : least;
        if (least != 0)
            u->cost[r] += least;
        if (least != 0 && least < INFINITY)
            for (size_t c = 0; c < cols; c++)
                row[c] -= least;
    }
}

static bool settle_columns(struct sc_core *core, struct sc_core_edge *e)
{
    size_t rows = (size_t)core->node[e->u].k, cols = (size_t)core->node[e->v].k;
    double *least = sc_core_scratch(core, cols), *cost = core->node[e->v].cost;
    bool zero = true;
    if (!least)
        return false;
    memcpy(least, e->at, cols * sizeof *least);
    for (size_t r = 1; r < rows; r++)
        for (size_t c = 0; c < cols; c++)
            least[c] = e->at[r * cols + c] < least[c] ? e->at[r * cols + c] : least[c];
    for (size_t c = 0; c < cols; c++) {
        cost[c] += least[c];
        if (least[c] == INFINITY)
            least[c] = 0;
    }
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < cols; c++) {
            e->at[r * cols + c] -= least[c];
            zero = zero && e->at[r * cols + c] == 0;
        }
    return zero;
}

/* False when the core became infeasible. */
static bool forbid(struct sc_core *core, int node)
{
    struct sc_core_node *x = &core->node[node];
    int gone = 0;
    for (int c = 0; c < x->k; c++)
        gone += x->cost[c] == INFINITY;
    if (gone == 0)
        return true;
    bool *keep = sc_calloc((size_t)x->k, sizeof *keep);
    if (!keep) {
        core->no_memory = true;
        return false;
    }
    for (int c = 0; c < x->k; c++)
        keep[c] = x->cost[c] < INFINITY;
    sc_core_keep(core, node, keep);
    sc_free(keep);
    return !core->infeasible && !core->no_memory;
}

/* Settle the edges of a node; both ends lose the choices that turn out forbidden. */
static bool settle(struct sc_core *core, int node)
{
    if (!forbid(core, node))
        return false;
    for (int i = 0; i < core->node[node].degree;) {
        int edge = core->node[node].edge[i];
        struct sc_core_edge *e = &core->edges.data[edge];
        if (e->settled) {
            i++;
            continue;
        }
        int u = e->u, v = e->v;
        settle_rows(core, e);
        bool zero = settle_columns(core, e);
        e->settled = true;
        sc_core_touch(core, u);
        sc_core_touch(core, v);
        if (zero)
            sc_core_drop_edge(core, edge);
        if (core->no_memory || !forbid(core, u) || !forbid(core, v))
            return false;
        i = 0;
    }
    return true;
}

/* ---- dominance ------------------------------------------------------------------------------------- */

/* Rows of a node's tables, contiguous: row c of edge i at row[i] + c * width[i]. */
struct rows {
    int count;
    const double **row;
    int *width;
};

static bool gather(struct sc_core *core, int node, struct rows *out)
{
    struct sc_core_node *x = &core->node[node];
    size_t turned = 0;
    out->count = x->degree;
    out->row = sc_calloc((size_t)x->degree + 1, sizeof *out->row);
    out->width = sc_calloc((size_t)x->degree + 1, sizeof *out->width);
    for (int i = 0; i < x->degree; i++) {
        struct sc_core_side side = sc_core_look(core, x->edge[i], node);
        if (side.other_step != 1)
            turned += (size_t)x->k * (size_t)core->node[side.other].k;
    }
    double *to = sc_core_scratch(core, turned + 1);
    if (!out->row || !out->width || !to)
        return false;
    for (int i = 0; i < x->degree; i++) {
        struct sc_core_side side = sc_core_look(core, x->edge[i], node);
        int width = core->node[side.other].k;
        out->width[i] = width;
        out->row[i] = side.at;
        if (side.other_step == 1)
            continue;
        out->row[i] = to;
        for (int c = 0; c < x->k; c++)
            for (int q = 0; q < width; q++)
                *to++ = side.at[(size_t)q * (size_t)side.other_step + (size_t)c];
    }
    return true;
}

static bool uses_no_more(const struct sc_core_node *x, int d, int c)
{
    for (int s = 0; s < x->seg_count; s++)
        if (x->seg[s].use[d] > x->seg[s].use[c])
            return false;
    return true;
}

/* Is c at least as dear as d, whatever the neighbours choose? */
static bool dearer(const struct sc_core_node *x, const struct rows *rows, int c, int d)
{
    double slack = x->cost[c] - x->cost[d];
    for (int i = 0; i < rows->count && slack >= 0; i++) {
        const double *of_c = rows->row[i] + (size_t)c * (size_t)rows->width[i];
        const double *of_d = rows->row[i] + (size_t)d * (size_t)rows->width[i];
        double least = INFINITY;
        for (int q = 0; q < rows->width[i]; q++) {
            double difference = of_c[q] - of_d[q]; /* inf - inf: not a number, and not less */
            if (difference < least && of_c[q] < INFINITY) {
                least = difference;
                if (slack + least < 0)
                    return false;
            }
        }
        slack += least;
    }
    return slack >= 0;
}

static void sort_by_cost(int *order, int k, const double *cost)
{
    for (int i = 0; i < k; i++) { /* insertion: rows are short and nearly sorted by construction */
        int j = i;
        for (; j > 0 && cost[order[j - 1]] > cost[i]; j--)
            order[j] = order[j - 1];
        order[j] = i;
    }
}

static bool dominate(struct sc_core *core, int node)
{
    struct sc_core_node *x = &core->node[node];
    struct rows rows = {0};
    int *order = sc_calloc((size_t)x->k, sizeof *order), gone = 0;
    bool *keep = sc_calloc((size_t)x->k, sizeof *keep);
    if (!order || !keep || !gather(core, node, &rows)) {
        core->no_memory = true;
    } else {
        sort_by_cost(order, x->k, x->cost);
        memset(keep, true, (size_t)x->k * sizeof *keep);
        for (int i = 1; i < x->k; i++)
            for (int j = 0; j < i && keep[order[i]]; j++)
                if (keep[order[j]] && uses_no_more(x, order[j], order[i]) && dearer(x, &rows, order[i], order[j])) {
                    keep[order[i]] = false;
                    gone++;
                }
        if (gone)
            sc_core_keep(core, node, keep);
    }
    sc_free(order);
    sc_free(keep);
    sc_free(rows.row);
    sc_free(rows.width);
    return gone > 0;
}

/* One neighbour: forbid pairs that another choice beats beside the same choice of the neighbour. */
static bool lean(struct sc_core *core, int node)
{
    struct sc_core_node *x = &core->node[node];
    int edge = x->edge[0];
    struct sc_core_side side = sc_core_look(core, edge, node);
    double *at = core->edges.data[edge].at;
    bool changed = false;
    for (int q = 0; q < core->node[side.other].k; q++)
        for (int c = 0; c < x->k; c++) {
            size_t of_c = (size_t)c * (size_t)side.own_step + (size_t)q * (size_t)side.other_step;
            bool beaten = false;
            for (int d = 0; d < x->k && !beaten && at[of_c] < INFINITY; d++) {
                size_t of_d = (size_t)d * (size_t)side.own_step + (size_t)q * (size_t)side.other_step;
                double over = x->cost[c] + at[of_c] - x->cost[d] - at[of_d];
                beaten = d != c && over >= 0 && at[of_d] < INFINITY && uses_no_more(x, d, c) &&
                         (over > 0 || d < c || !uses_no_more(x, c, d));
            }
            if (beaten) {
                at[of_c] = INFINITY;
                changed = true;
            }
        }
    if (changed) {
        core->edges.data[edge].settled = false;
        sc_core_touch(core, node);
        sc_core_touch(core, side.other);
    }
    return changed;
}

/* ---- merging and eliminating ------------------------------------------------------------------------ */

/* Does each choice of `leader` leave exactly one choice across the edge? Then map[c] is it. */
static bool functional(const struct sc_core *core, int leader, int edge, int *map)
{
    struct sc_core_side side = sc_core_look(core, edge, leader);
    for (int c = 0; c < core->node[leader].k; c++) {
        map[c] = -1;
        for (int q = 0; q < core->node[side.other].k; q++)
            if (side.at[(size_t)c * (size_t)side.own_step + (size_t)q * (size_t)side.other_step] < INFINITY) {
                if (map[c] >= 0)
                    return false;
                map[c] = q;
            }
    }
    return true;
}

static bool worth_merging(const struct sc_core *core, int leader, int node)
{
    double before = 0, after = 0;
    for (int i = 0; i < core->node[node].degree; i++) {
        int other = sc_core_look(core, core->node[node].edge[i], node).other;
        before += (double)core->node[node].k * core->node[other].k;
        if (other != leader)
            after += (double)core->node[leader].k * core->node[other].k;
    }
    return after <= fmax(4 * before, 16384) && after <= LARGEST_TABLE;
}

/* May `follower` become a part of `leader`? */
static bool follows(struct sc_core *core, int leader, int follower, int edge, int *map)
{
    return core->node[leader].k >= core->node[follower].k && functional(core, leader, edge, map) &&
           worth_merging(core, leader, follower);
}

static bool merge(struct sc_core *core, int node)
{
    for (int i = 0; i < core->node[node].degree; i++) {
        int edge = core->node[node].edge[i], other = sc_core_look(core, edge, node).other;
        int k = core->node[node].k > core->node[other].k ? core->node[node].k : core->node[other].k;
        /* Where either may lead, the one with more edges does: fewer of them move. */
        int first = core->node[node].degree >= core->node[other].degree ? node : other;
        int second = first == node ? other : node;
        int *map = sc_core_integers(core, (size_t)k);
        if (!map)
            return false;
        if (follows(core, first, second, edge, map)) {
            sc_core_follow(core, first, second, edge, map);
            return true;
        }
        if (follows(core, second, first, edge, map)) {
            sc_core_follow(core, second, first, edge, map);
            return true;
        }
    }
    return false;
}

static bool may_eliminate(const struct sc_core *core, int node)
{
    const struct sc_core_node *x = &core->node[node];
    if (x->seg_count > 0 || x->degree > 2)
        return false;
    double table = 1;
    for (int i = 0; i < x->degree; i++)
        table *= core->node[sc_core_look(core, x->edge[i], node).other].k;
    return x->degree < 2 || (table <= LARGEST_TABLE && table * x->k <= LARGEST_WORK);
}

static void look_at(struct sc_core *core, int node)
{
    struct sc_core_node *x = &core->node[node];
    if (!settle(core, node))
        return;
    if (x->k == 1 || (x->degree == 0 && x->seg_count == 0)) {
        sc_core_fix(core, node);
        return;
    }
    if (may_eliminate(core, node)) {
        sc_core_eliminate(core, node);
        return;
    }
    if (dominate(core, node) || core->no_memory)
        return;
    if (x->degree == 1 && lean(core, node))
        return;
    merge(core, node);
}

/* ---- the limit -------------------------------------------------------------------------------------- */

/* Take the least use of each segment into the base load, and drop segments that use nothing beyond it. */
static bool rebase(struct sc_core *core, double *base)
{
    bool changed = false;
    for (int n = 0; n < core->n; n++) {
        struct sc_core_node *x = &core->node[n];
        int next = 0;
        if (x->tangled)
            sc_core_untangle(core, n);
        for (int s = 0; s < x->seg_count; s++) {
            struct sc_core_seg seg = x->seg[s];
            double least = INFINITY, most = 0;
            for (int c = 0; c < x->k; c++)
                least = fmin(least, seg.use[c]);
            for (int c = 0; c < x->k; c++) {
                seg.use[c] -= least;
                most = fmax(most, seg.use[c]);
            }
            base[seg.a] += least;
            base[seg.b] -= least;
            if (most == 0) {
                sc_free(seg.use);
                changed = true;
                sc_core_touch(core, n);
            } else if (next && x->seg[next - 1].b == seg.a &&
                       memcmp(x->seg[next - 1].use, seg.use, (size_t)x->k * sizeof *seg.use) == 0) {
                x->seg[next - 1].b = seg.b;
                sc_free(seg.use);
                sc_core_touch(core, n);
            } else {
                x->seg[next++] = seg;
            }
        }
        x->seg_count = next;
    }
    return changed;
}

/* Mark the slots that can bind: their largest possible load exceeds the room, and no neighbouring slot holds all that
 * they hold within less room. Returns how many. */
static int binding(const struct sc_core *core, bool *binds, double *most, int *begins, int *ends)
{
    int slots = core->slot_count, count = 0;
    memset(most, 0, ((size_t)slots + 1) * sizeof *most);
    memset(begins, 0, ((size_t)slots + 1) * sizeof *begins);
    memset(ends, 0, ((size_t)slots + 1) * sizeof *ends);
    for (int n = 0; n < core->n; n++)
        for (int s = 0; s < core->node[n].seg_count; s++) {
            const struct sc_core_seg *seg = &core->node[n].seg[s];
            double use = 0;
            for (int c = 0; c < core->node[n].k; c++)
                use = fmax(use, seg->use[c]);
            most[seg->a] += use;
            most[seg->b] -= use;
            begins[seg->a]++;
            ends[seg->b]++;
        }
    int last = -1; /* the last slot that is kept: everything between it and t ends or begins in `ended`, `begun` */
    int ended = 0, begun = 0;
    for (int t = 0; t < slots; t++) {
        most[t + 1] += most[t];
        ended += ends[t];
        begun += begins[t];
        binds[t] = most[t] > core->room[t];
        if (!binds[t])
            continue;
        if (last >= 0 && begun == 0 && core->room[t] >= core->room[last]) {
            binds[t] = false; /* holds a part of what `last` holds */
            continue;
        }
        if (last >= 0 && ended == 0 && core->room[last] >= core->room[t]) {
            binds[last] = false;
            count--;
        }
        last = t;
        ended = begun = 0;
        count++;
    }
    return count;
}

static void renumber(struct sc_core *core, const bool *binds, int *place)
{
    int slots = core->slot_count, next = 0;
    double left = 0;
    for (int t = 0; t < slots; t++) {
        place[t] = next;
        if (binds[t]) {
            core->room[next] = core->room[t];
            core->lambda[next++] = core->lambda[t] + left;
            left = 0;
        } else {
            left += core->lambda[t]; /* a neighbouring slot takes its price */
        }
    }
    if (next > 0)
        core->lambda[next - 1] += left;
    place[slots] = next;
    core->slot_count = next;
    for (int n = 0; n < core->n; n++) {
        struct sc_core_node *x = &core->node[n];
        int kept = 0;
        for (int s = 0; s < x->seg_count; s++) {
            struct sc_core_seg seg = {place[x->seg[s].a], place[x->seg[s].b], x->seg[s].use};
            if (seg.a < seg.b) {
                x->seg[kept++] = seg;
            } else {
                sc_free(seg.use);
                sc_core_touch(core, n);
            }
        }
        x->seg_count = kept;
    }
}

void sc_core_settle_slots(struct sc_core *core)
{
    size_t slots = (size_t)core->slot_count + 1;
    double *base = sc_calloc(slots, sizeof *base);
    bool *binds = sc_calloc(slots, sizeof *binds);
    int *begins = sc_calloc(2 * slots, sizeof *begins);
    if (!base || !binds || !begins)
        core->no_memory = true;
    for (int round = 0; round < SETTLE_ROUNDS && !core->no_memory && core->slot_count > 0; round++) {
        memset(base, 0, slots * sizeof *base);
        bool changed = rebase(core, base);
        double load = 0;
        for (int t = 0; t < core->slot_count; t++) {
            load += base[t];
            core->room[t] -= load;
            if (core->room[t] < 0)
                core->infeasible = true;
        }
        if (core->infeasible)
            break;
        int kept = binding(core, binds, base, begins, begins + slots);
        if (kept == core->slot_count && !changed && round > 0)
            break;
        renumber(core, binds, begins);
    }
    sc_free(base);
    sc_free(binds);
    sc_free(begins);
}

/* Least room over any range of slots, by a table of powers of two. */
struct least {
    int levels, width;
    double *at;
};

static bool least_make(const struct sc_core *core, struct least *out)
{
    out->width = core->slot_count;
    out->levels = 1;
    while (1 << out->levels <= core->slot_count)
        out->levels++;
    out->at = sc_calloc((size_t)out->levels * (size_t)out->width + 1, sizeof *out->at);
    if (!out->at)
        return false;
    memcpy(out->at, core->room, (size_t)core->slot_count * sizeof *out->at);
    for (int l = 1; l < out->levels; l++)
        for (int t = 0; t + (1 << l) <= out->width; t++)
            out->at[(size_t)l * (size_t)out->width + (size_t)t] =
                fmin(out->at[(size_t)(l - 1) * (size_t)out->width + (size_t)t],
                     out->at[(size_t)(l - 1) * (size_t)out->width + (size_t)t + ((size_t)1 << (l - 1))]);
    return true;
}

static double least_of(const struct least *least, int a, int b)
{
    int l = 31 - __builtin_clz((unsigned)(b - a));
    const double *row = least->at + (size_t)l * (size_t)least->width;
    return fmin(row[a], row[b - (1 << l)]);
}

/* Choices that the limit excludes whatever all others do. True when there were any. */
static bool exclude(struct sc_core *core)
{
    struct least least = {0};
    bool changed = false;
    if (core->slot_count == 0)
        return false;
    if (!least_make(core, &least)) {
        core->no_memory = true;
        return false;
    }
    for (int n = 0; n < core->n && !core->infeasible && !core->no_memory; n++) {
        struct sc_core_node *x = &core->node[n];
        bool out = false;
        for (int s = 0; s < x->seg_count; s++) {
            double room = least_of(&least, x->seg[s].a, x->seg[s].b);
            for (int c = 0; c < x->k; c++)
                if (x->seg[s].use[c] > room) {
                    x->cost[c] = INFINITY;
                    out = true;
                }
        }
        if (out) {
            changed = true;
            forbid(core, n);
        }
    }
    sc_free(least.at);
    return changed;
}

void sc_core_reduce(struct sc_core *core)
{
    for (int n = 0; n < core->n; n++)
        sc_core_touch(core, n);
    do {
        sc_core_settle_slots(core);
        if (core->infeasible || core->no_memory)
            return;
        while (exclude(core) && !core->infeasible && !core->no_memory)
            sc_core_settle_slots(core);
        for (size_t at = 0; at < core->queue.count && !core->infeasible && !core->no_memory; at++) {
            int node = core->queue.data[at];
            core->node[node].queued = false;
            if (core->node[node].k > 0)
                look_at(core, node);
            if ((at & 63) == 0 && sc_cancel_work(core->cancel, 64)) {
                for (size_t rest = at + 1; rest < core->queue.count; rest++)
                    core->node[core->queue.data[rest]].queued = false;
                core->queue.count = 0;
                return;
            }
        }
        core->queue.count = 0;
        if (core->slot_count > 0 && !core->infeasible && !core->no_memory)
            sc_core_settle_slots(core);
    } while (core->queue.count > 0 && !core->infeasible && !core->no_memory);
}
