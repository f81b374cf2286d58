/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * core: building the mutable cost graph from a problem, its edges, and the steps that remove nodes together with their
 * undoing. Source of the steps: reductions of weighted constraint networks (Larrosa and Dechter 2003; Bertele and
 * Brioschi 1972 for elimination); each keeps every optimal plan, or one of equal cost, reachable.
 */
#include "solve/core.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double most_cost = 1125899906842624.0;  /* 2^50: leaves room for sums of parts */
static const double most_usage = 2251799813685248.0; /* 2^51 */
static const double limit_slack = 5e-10;             /* of fractional limits; half of what the checker grants */

static void *fail(struct sc_core *core)
{
    core->no_memory = true;
    return NULL;
}

double *sc_core_scratch(struct sc_core *core, size_t count)
{
    if (core->scratch_size < count) {
        double *grown = sc_realloc(core->scratch, count + count / 2, sizeof *grown);
        if (!grown)
            return fail(core);
        core->scratch = grown;
        core->scratch_size = count + count / 2;
    }
    return core->scratch;
}

int *sc_core_integers(struct sc_core *core, size_t count)
{
    if (core->integers_size < count) {
        int *grown = sc_realloc(core->integers, count + count / 2, sizeof *grown);
        if (!grown)
            return fail(core);
        core->integers = grown;
        core->integers_size = count + count / 2;
    }
    return core->integers;
}

/* ---- edges ----------------------------------------------------------------------------------------- */

struct sc_core_side sc_core_look(const struct sc_core *core, int edge, int node)
{
    const struct sc_core_edge *e = &core->edges.data[edge];
    int cols = core->node[e->v].k;
    if (e->u == node)
        return (struct sc_core_side){e->v, e->at, cols, 1};
    return (struct sc_core_side){e->u, e->at, 1, cols};
}

int sc_core_find_edge(const struct sc_core *core, int a, int b)
{
    int from = core->node[a].degree <= core->node[b].degree ? a : b, to = from == a ? b : a;
    for (int i = 0; i < core->node[from].degree; i++) {
        const struct sc_core_edge *e = &core->edges.data[core->node[from].edge[i]];
        if (e->u == to || e->v == to)
            return core->node[from].edge[i];
    }
    return -1;
}

static void attach(struct sc_core *core, int node, int edge)
{
    struct sc_core_node *x = &core->node[node];
    if (x->degree == x->edge_capacity) {
        int capacity = x->edge_capacity ? 2 * x->edge_capacity : 4;
        int *grown = sc_realloc(x->edge, (size_t)capacity, sizeof *grown);
        if (!grown) {
            core->no_memory = true;
            return;
        }
        x->edge = grown;
        x->edge_capacity = capacity;
    }
    x->edge[x->degree++] = edge;
}

/* Edges are mostly taken from the end of a list, so it is searched from there. */
static void detach(struct sc_core *core, int node, int edge)
{
    struct sc_core_node *x = &core->node[node];
    for (int i = x->degree - 1; i >= 0; i--)
        if (x->edge[i] == edge) {
            x->edge[i] = x->edge[--x->degree];
            return;
        }
}

/* The edge leaves the graph; its table is the caller's. */
static double *take_edge(struct sc_core *core, int edge)
{
    struct sc_core_edge *e = &core->edges.data[edge];
    double *at = e->at;
    detach(core, e->u, edge);
    detach(core, e->v, edge);
    e->at = NULL;
    core->edge_alive--;
    return at;
}

void sc_core_drop_edge(struct sc_core *core, int edge)
{
    int u = core->edges.data[edge].u, v = core->edges.data[edge].v;
    sc_free(take_edge(core, edge));
    sc_core_touch(core, u);
    sc_core_touch(core, v);
}

void sc_core_add_edge(struct sc_core *core, int u, int v, double *at)
{
    int old = sc_core_find_edge(core, u, v);
    sc_core_touch(core, u);
    sc_core_touch(core, v);
    if (old >= 0) {
        struct sc_core_edge *e = &core->edges.data[old];
        size_t rows = (size_t)core->node[u].k, cols = (size_t)core->node[v].k;
        e->settled = false;
        if (e->u == u) {
            for (size_t i = 0; i < rows * cols; i++)
                e->at[i] += at[i];
        } else {
            for (size_t r = 0; r < rows; r++)
                for (size_t c = 0; c < cols; c++)
                    e->at[c * rows + r] += at[r * cols + c];
        }
        sc_free(at);
        return;
    }
    struct sc_core_edge edge = {u, v, at, false};
    if (!sc_vec_push(&core->edges, edge)) {
        sc_free(at);
        core->no_memory = true;
        return;
    }
    core->edge_alive++;
    attach(core, u, (int)core->edges.count - 1);
    attach(core, v, (int)core->edges.count - 1);
}

void sc_core_touch(struct sc_core *core, int node)
{
    struct sc_core_node *x = &core->node[node];
    if (x->queued || x->k == 0)
        return;
    if (!sc_vec_push(&core->queue, node))
        core->no_memory = true;
    else
        x->queued = true;
}

static void touch_around(struct sc_core *core, int node)
{
    sc_core_touch(core, node);
    for (int i = 0; i < core->node[node].degree; i++)
        sc_core_touch(core, sc_core_look(core, core->node[node].edge[i], node).other);
}

/* ---- choices --------------------------------------------------------------------------------------- */

static void keep_in_edge(struct sc_core *core, int node, int edge, const bool *keep)
{
    struct sc_core_edge *e = &core->edges.data[edge];
    size_t rows = (size_t)core->node[e->u].k, cols = (size_t)core->node[e->v].k, next = 0;
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < cols; c++)
            if (keep[e->u == node ? r : c])
                e->at[next++] = e->at[r * cols + c];
    e->settled = false;
}

void sc_core_keep(struct sc_core *core, int node, const bool *keep)
{
    struct sc_core_node *x = &core->node[node];
    for (int i = 0; i < x->degree; i++)
        keep_in_edge(core, node, x->edge[i], keep);
    int next = 0;
    for (int c = 0; c < x->k; c++)
        if (keep[c]) {
            x->cost[next] = x->cost[c];
            x->id[next] = x->id[c];
            for (int s = 0; s < x->seg_count; s++)
                x->seg[s].use[next] = x->seg[s].use[c];
            next++;
        }
    x->k = next;
    if (next == 0) {
        core->infeasible = true;
        x->k = 0;
        return;
    }
    touch_around(core, node);
}

/* ---- removing nodes --------------------------------------------------------------------------------- */

static void free_segs(struct sc_core_node *x)
{
    for (int s = 0; s < x->seg_count; s++)
        sc_free(x->seg[s].use);
    sc_free(x->seg);
    x->seg = NULL;
    x->seg_count = x->seg_capacity = 0;
    x->tangled = false;
}

static void bury(struct sc_core *core, int node)
{
    struct sc_core_node *x = &core->node[node];
    free_segs(x);
    sc_free(x->edge);
    x->edge = NULL;
    x->id = NULL;
    x->cost = NULL;
    x->k = x->degree = x->edge_capacity = 0;
    core->alive--;
}

static struct sc_core_undo *remember(struct sc_core *core, int node)
{
    struct sc_core_undo undo = {
        .node = node, .k = core->node[node].k, .id = core->node[node].id, .cost = core->node[node].cost};
    if (!sc_vec_push(&core->undo, undo))
        return fail(core);
    return &core->undo.data[core->undo.count - 1];
}

static void spend(struct sc_core *core, const struct sc_core_node *x, int choice)
{
    for (int s = 0; s < x->seg_count; s++)
        if (x->seg[s].use[choice] > 0)
            for (int t = x->seg[s].a; t < x->seg[s].b; t++)
                core->room[t] -= x->seg[s].use[choice];
}

void sc_core_fix(struct sc_core *core, int node)
{
    struct sc_core_node *x = &core->node[node];
    int best = 0;
    for (int c = 1; c < x->k; c++)
        if (x->cost[c] < x->cost[best])
            best = c;
    spend(core, x, best);
    core->constant += x->cost[best];
    while (x->degree > 0) {
        int edge = x->edge[x->degree - 1];
        struct sc_core_side side = sc_core_look(core, edge, node);
        struct sc_core_node *y = &core->node[side.other];
        for (int c = 0; c < y->k; c++)
            y->cost[c] += side.at[best * side.own_step + c * side.other_step];
        sc_core_drop_edge(core, edge);
    }
    struct sc_core_undo *undo = remember(core, node);
    if (!undo)
        return;
    bury(core, node);
}

/* The table of an edge as own × other, transposed when it has to be. Consumes the edge. */
static double *oriented(struct sc_core *core, int node, int edge)
{
    struct sc_core_side side = sc_core_look(core, edge, node);
    size_t own = (size_t)core->node[node].k, other = (size_t)core->node[side.other].k;
    bool turned = core->edges.data[edge].v == node;
    double *at = take_edge(core, edge);
    if (!turned)
        return at;
    double *copy = sc_calloc(own * other, sizeof *copy);
    if (!copy)
        core->no_memory = true;
    for (size_t r = 0; copy && r < own; r++)
        for (size_t c = 0; c < other; c++)
            copy[r * other + c] = at[c * own + r];
    sc_free(at);
    return copy;
}

/* out[a][b] = min over c of cost[c] + x[c][a] + y[c][b]. */
static void min_plus(int k, const double *cost, const double *x, int ka, const double *y, int kb, double *out)
{
    for (int i = 0; i < ka * kb; i++)
        out[i] = INFINITY;
    for (int c = 0; c < k; c++)
        for (int a = 0; a < ka; a++) {
            double base = cost[c] + x[(size_t)c * (size_t)ka + (size_t)a];
            const double *row = y + (size_t)c * (size_t)kb;
            double *to = out + (size_t)a * (size_t)kb;
            if (base == INFINITY)
                continue;
            for (int b = 0; b < kb; b++)
                to[b] = base + row[b] < to[b] ? base + row[b] : to[b];
        }
}

void sc_core_eliminate(struct sc_core *core, int node)
{
    struct sc_core_node *x = &core->node[node];
    struct sc_core_undo undo = {.node = node, .count = x->degree, .k = x->k, .id = x->id, .cost = x->cost};
    if (x->degree == 0) {
        sc_core_fix(core, node);
        return;
    }
    if (!sc_vec_reserve(&core->undo, core->undo.count + 1)) {
        core->no_memory = true;
        return;
    }
    for (int i = undo.count - 1; i >= 0; i--) {
        int other = sc_core_look(core, x->edge[i], node).other;
        undo.by[i].node = other;
        undo.by[i].k = core->node[other].k;
        undo.by[i].id = sc_calloc((size_t)undo.by[i].k, sizeof *undo.by[i].id);
        undo.by[i].at = oriented(core, node, x->edge[i]);
        if (undo.by[i].id)
            memcpy(undo.by[i].id, core->node[other].id, (size_t)undo.by[i].k * sizeof *undo.by[i].id);
        else
            core->no_memory = true;
    }
    core->undo.data[core->undo.count++] = undo;
    bury(core, node);
    if (core->no_memory)
        return;
    int a = undo.by[0].node, ka = undo.by[0].k;
    if (undo.count == 1) {
        double *row = sc_core_scratch(core, (size_t)ka);
        if (!row)
            return;
        for (int p = 0; p < ka; p++)
            row[p] = INFINITY;
        for (int c = 0; c < undo.k; c++)
            for (int p = 0; p < ka; p++)
                row[p] = fmin(row[p], undo.cost[c] + undo.by[0].at[(size_t)c * (size_t)ka + (size_t)p]);
        for (int p = 0; p < ka; p++)
            core->node[a].cost[p] += row[p];
        sc_core_touch(core, a);
        return;
    }
    int kb = undo.by[1].k;
    double *table = sc_calloc((size_t)ka * (size_t)kb, sizeof *table);
    if (!table) {
        core->no_memory = true;
        return;
    }
    min_plus(undo.k, undo.cost, undo.by[0].at, ka, undo.by[1].at, kb, table);
    sc_core_add_edge(core, a, undo.by[1].node, table);
}

/* ---- merging ---------------------------------------------------------------------------------------- */

void sc_core_add_seg(struct sc_core *core, struct sc_core_node *x, int a, int b, double *use)
{
    if (x->seg_count == x->seg_capacity) {
        int capacity = x->seg_capacity ? 2 * x->seg_capacity : 1;
        struct sc_core_seg *grown = sc_realloc(x->seg, (size_t)capacity, sizeof *grown);
        if (!grown) {
            sc_free(use);
            core->no_memory = true;
            return;
        }
        x->seg = grown;
        x->seg_capacity = capacity;
    }
    if (x->seg_count > 0 && x->seg[x->seg_count - 1].b > a)
        x->tangled = true;
    x->seg[x->seg_count++] = (struct sc_core_seg){a, b, use};
}

/* The usages of `node` become usages of `leader`, whose choice c stands for map[c]. They may overlap those it has until
 * sc_core_untangle; every test of a single segment stays valid meanwhile, only weaker. */
static void merge_segs(struct sc_core *core, int leader, int node, const int *map)
{
    struct sc_core_node *x = &core->node[leader], *y = &core->node[node];
    for (int s = 0; s < y->seg_count; s++) {
        double *use = sc_calloc((size_t)x->k, sizeof *use);
        if (!use) {
            core->no_memory = true;
            return;
        }
        for (int c = 0; c < x->k; c++)
            use[c] = y->seg[s].use[map[c]];
        sc_core_add_seg(core, x, y->seg[s].a, y->seg[s].b, use);
    }
}

struct seg_end {
    int slot, seg;
    bool begins;
};

static int by_slot(const void *a, const void *b)
{
    const struct seg_end *x = a, *y = b;
    if (x->slot != y->slot)
        return x->slot < y->slot ? -1 : 1;
    return (x->seg > y->seg) - (x->seg < y->seg);
}

void sc_core_untangle(struct sc_core *core, int node)
{
    struct sc_core_node *x = &core->node[node];
    struct sc_core_seg *old = x->seg;
    int old_count = x->seg_count, k = x->k;
    struct seg_end *ends = sc_calloc(2 * (size_t)old_count + 1, sizeof *ends);
    double *sum = sc_calloc((size_t)k + 1, sizeof *sum);
    x->tangled = false;
    if (!ends || !sum) {
        core->no_memory = true;
        sc_free(ends);
        sc_free(sum);
        return;
    }
    for (int s = 0; s < old_count; s++) {
        ends[2 * s] = (struct seg_end){old[s].a, s, true};
        ends[2 * s + 1] = (struct seg_end){old[s].b, s, false};
    }
    qsort(ends, 2 * (size_t)old_count, sizeof *ends, by_slot);
    x->seg = NULL;
    x->seg_count = x->seg_capacity = 0;
    int open = 0;
    for (int i = 0; i < 2 * old_count; i++) {
        const double *use = old[ends[i].seg].use;
        open += ends[i].begins ? 1 : -1;
        for (int c = 0; c < k; c++)
            sum[c] += ends[i].begins ? use[c] : -use[c];
        if (open == 0 || i + 1 == 2 * old_count || ends[i + 1].slot == ends[i].slot)
            continue;
        double *copy = sc_calloc((size_t)k, sizeof *copy);
        if (copy) {
            memcpy(copy, sum, (size_t)k * sizeof *copy);
            sc_core_add_seg(core, x, ends[i].slot, ends[i + 1].slot, copy);
        } else {
            core->no_memory = true;
        }
    }
    for (int s = 0; s < old_count; s++)
        sc_free(old[s].use);
    sc_free(old);
    sc_free(ends);
    sc_free(sum);
}

static void move_edge(struct sc_core *core, int leader, int node, int edge, const int *map)
{
    struct sc_core_side side = sc_core_look(core, edge, node);
    int rows = core->node[leader].k, cols = core->node[side.other].k, other = side.other;
    double *at = sc_calloc((size_t)rows * (size_t)cols, sizeof *at);
    if (!at) {
        core->no_memory = true;
        return;
    }
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < cols; c++)
            at[(size_t)r * (size_t)cols + (size_t)c] =
                side.at[(size_t)map[r] * (size_t)side.own_step + (size_t)c * (size_t)side.other_step];
    sc_free(take_edge(core, edge));
    sc_core_add_edge(core, leader, other, at);
}

void sc_core_follow(struct sc_core *core, int leader, int node, int edge, const int *map)
{
    struct sc_core_node *x = &core->node[leader], *y = &core->node[node];
    struct sc_core_side side = sc_core_look(core, edge, leader);
    int all = core->original[leader];
    int *follow = sc_calloc((size_t)all, sizeof *follow);
    struct sc_core_undo undo = {.node = node, .count = 1, .k = y->k, .id = y->id, .follow = follow};
    if (!follow || !sc_vec_reserve(&core->undo, core->undo.count + 1)) {
        sc_free(follow);
        core->no_memory = true;
        return;
    }
    for (int c = 0; c < x->k; c++) {
        x->cost[c] +=
            y->cost[map[c]] + side.at[(size_t)c * (size_t)side.own_step + (size_t)map[c] * (size_t)side.other_step];
        follow[x->id[c]] = y->id[map[c]];
    }
    sc_free(take_edge(core, edge));
    merge_segs(core, leader, node, map);
    while (y->degree > 0 && !core->no_memory)
        move_edge(core, leader, node, y->edge[y->degree - 1], map);
    sc_free(y->cost);
    undo.by[0].node = leader;
    core->undo.data[core->undo.count++] = undo;
    bury(core, node);
    touch_around(core, leader);
}

/* ---- plans ------------------------------------------------------------------------------------------ */

static int index_of(const int *id, int k, int choice)
{
    for (int c = 0; c < k; c++)
        if (id[c] == choice)
            return c;
    return -1;
}

static void undo_one(const struct sc_core_undo *undo, int *choices)
{
    if (undo->follow) {
        choices[undo->node] = undo->follow[choices[undo->by[0].node]];
        return;
    }
    const double *row[2];
    int step[2];
    for (int i = 0; i < undo->count; i++) {
        int c = index_of(undo->by[i].id, undo->by[i].k, choices[undo->by[i].node]);
        row[i] = undo->by[i].at + (c < 0 ? 0 : c);
        step[i] = undo->by[i].k;
    }
    double best = INFINITY;
    int chosen = 0;
    for (int c = 0; c < undo->k; c++) {
        double cost = undo->cost[c];
        for (int i = 0; i < undo->count; i++)
            cost += row[i][(size_t)c * (size_t)step[i]];
        if (cost < best) {
            best = cost;
            chosen = c;
        }
    }
    choices[undo->node] = undo->id[chosen];
}

void sc_core_expand(const struct sc_core *core, const int *plan, int *choices)
{
    for (int n = 0; n < core->n; n++)
        if (core->node[n].k > 0)
            choices[n] = core->node[n].id[plan[n]];
    for (size_t i = core->undo.count; i-- > 0;)
        undo_one(&core->undo.data[i], choices);
}

void sc_core_project(const struct sc_core *core, const int *choices, int *plan)
{
    for (int n = 0; n < core->n; n++) {
        const struct sc_core_node *x = &core->node[n];
        plan[n] = -1;
        if (x->k == 0)
            continue;
        plan[n] = index_of(x->id, x->k, choices[n]);
        if (plan[n] >= 0)
            continue;
        plan[n] = 0;
        for (int c = 1; c < x->k; c++)
            if (x->cost[c] < x->cost[plan[n]])
                plan[n] = c;
    }
}

double sc_core_cost(const struct sc_core *core, const int *plan)
{
    double cost = core->constant;
    for (int n = 0; n < core->n; n++)
        if (core->node[n].k > 0)
            cost += core->node[n].cost[plan[n]];
    for (size_t i = 0; i < core->edges.count; i++) {
        const struct sc_core_edge *e = &core->edges.data[i];
        if (e->at)
            cost += e->at[(size_t)plan[e->u] * (size_t)core->node[e->v].k + (size_t)plan[e->v]];
    }
    return cost;
}

double sc_core_loads(const struct sc_core *core, const int *plan, double *load)
{
    memset(load, 0, ((size_t)core->slot_count + 1) * sizeof *load);
    for (int n = 0; n < core->n; n++)
        for (int s = 0; s < (core->node[n].k > 0 ? core->node[n].seg_count : 0); s++) {
            const struct sc_core_seg *seg = &core->node[n].seg[s];
            load[seg->a] += seg->use[plan[n]];
            load[seg->b] -= seg->use[plan[n]];
        }
    double worst = -INFINITY;
    for (int t = 0; t < core->slot_count; t++) {
        load[t + 1] += load[t];
        worst = fmax(worst, load[t] - core->room[t]);
    }
    return worst;
}

/* ---- building --------------------------------------------------------------------------------------- */

static double largest(const double *row, int count)
{
    double most = 0;
    for (int c = 0; c < count; c++)
        if (row[c] < INFINITY && fabs(row[c]) > most)
            most = fabs(row[c]);
    return most;
}

/* The unit of cost: the quantum refined by a power of two as far as sums stay exact, or as coarse as that needs. */
static void choose_unit(struct sc_core *core)
{
    const struct sc_problem *p = core->problem;
    double total = 0;
    double *of_table = sc_core_scratch(core, (size_t)p->table_count + 1);
    if (!of_table)
        return;
    for (int t = 0; t < p->table_count; t++) {
        of_table[t] = 0;
        for (int r = 0; r < p->tables[t].rows; r++)
            of_table[t] = fmax(of_table[t],
                               largest(p->tables[t].at + (size_t)r * (size_t)p->tables[t].stride, p->tables[t].cols));
    }
    for (int n = 0; n < p->node_count; n++)
        total += largest(p->cost[n], p->choices[n]);
    for (int e = 0; e < p->edge_count; e++)
        total += of_table[p->edges[e].table];
    double quantum = p->quantum > 0 ? p->quantum : exp2(-60) * fmax(total, 1e-300);
    quantum = p->quantum > 0 ? quantum : exp2(floor(log2(quantum)));
    int shift = total > 0 ? (int)floor(log2(most_cost / (total / quantum))) : 0;
    if (shift > 40)
        shift = 40;
    core->unit = ldexp(quantum, -shift);
    core->grain = p->quantum > 0 && shift >= 0 ? ldexp(1, shift) : 1;
    if (p->quantum == 0 || shift < 0)
        core->error = ((double)p->node_count + (double)p->edge_count) * core->unit / 2;
}

/* A cost off the promised grid is rounded, and the proof gets a tolerance. */
static double to_units(struct sc_core *core, double cost)
{
    if (cost == INFINITY)
        return INFINITY;
    double units = nearbyint(cost / core->unit);
    if (units * core->unit != cost && core->error == 0)
        core->error = ((double)core->n + (double)core->problem->edge_count) * core->unit / 2;
    return units;
}

static bool build_node(struct sc_core *core, int n)
{
    const struct sc_problem *p = core->problem;
    struct sc_core_node *x = &core->node[n];
    size_t k = (size_t)p->choices[n];
    x->cost = sc_calloc(k, sizeof *x->cost);
    x->id = sc_calloc(k, sizeof *x->id);
    if (!x->cost || !x->id)
        return false;
    x->k = (int)k;
    for (int c = 0; c < x->k; c++) {
        x->cost[c] = to_units(core, p->cost[n][c]);
        x->id[c] = c;
    }
    core->alive++;
    return true;
}

static bool build_edge(struct sc_core *core, const struct sc_problem_edge *edge)
{
    const struct sc_table *t = &core->problem->tables[edge->table];
    double *at = sc_calloc((size_t)t->rows * (size_t)t->cols, sizeof *at);
    if (!at)
        return false;
    for (int r = 0; r < t->rows; r++)
        for (int c = 0; c < t->cols; c++)
            at[(size_t)r * (size_t)t->cols + (size_t)c] =
                to_units(core, t->at[(size_t)r * (size_t)t->stride + (size_t)c]);
    sc_core_add_edge(core, edge->from, edge->to, at);
    return !core->no_memory;
}

/* Unit of usage: 1 for whole numbers. Fractional ones are rounded to a grid fine enough not to matter. */
static void choose_usage_unit(struct sc_core *core, double *limit)
{
    const struct sc_problem *p = core->problem;
    double total = p->limit;
    bool whole = p->limit == floor(p->limit);
    for (int u = 0; u < p->usage_count; u++) {
        int k = p->choices[p->usages[u].node];
        total += largest(p->usages[u].usage, k);
        for (int c = 0; c < k; c++)
            whole = whole && p->usages[u].usage[c] == floor(p->usages[u].usage[c]);
    }
    core->usage_unit = 1;
    if (!whole || total > most_usage)
        core->usage_unit = exp2(ceil(log2(total / most_usage)));
    *limit = floor(p->limit * (whole ? 1 : 1 + limit_slack) / core->usage_unit);
}

static bool build_term(struct sc_core *core, const struct sc_problem_usage *term, int a, int b)
{
    struct sc_core_node *x = &core->node[term->node];
    double *use = sc_calloc((size_t)x->k, sizeof *use);
    if (!use)
        return false;
    for (int c = 0; c < x->k; c++)
        use[c] = nearbyint(term->usage[c] / core->usage_unit);
    sc_core_add_seg(core, x, a, b, use);
    return !core->no_memory;
}

static bool build_usages(struct sc_core *core)
{
    const struct sc_problem *p = core->problem;
    struct sc_slots slots;
    double limit;
    if (p->limit == INFINITY || p->usage_count == 0)
        return true;
    if (!sc_slots_make(p, &slots))
        return false;
    choose_usage_unit(core, &limit);
    core->slot_count = slots.count;
    core->room = sc_calloc((size_t)slots.count + 1, sizeof *core->room);
    core->lambda = sc_calloc((size_t)slots.count + 1, sizeof *core->lambda);
    bool ok = core->room && core->lambda;
    for (int t = 0; ok && t < slots.count; t++)
        core->room[t] = limit;
    for (int u = 0; ok && u < p->usage_count; u++)
        if (slots.begin[u] < slots.end[u])
            ok = build_term(core, &p->usages[u], slots.begin[u], slots.end[u]);
    sc_slots_free(&slots);
    return ok;
}

struct sc_core *sc_core_new(const struct sc_problem *problem, struct sc_cancel *cancel)
{
    struct sc_core *core = sc_alloc(sizeof *core);
    if (!core)
        return NULL;
    core->problem = problem;
    core->cancel = cancel;
    core->n = problem->node_count;
    core->node = sc_calloc((size_t)core->n, sizeof *core->node);
    core->original = sc_calloc((size_t)core->n, sizeof *core->original);
    bool ok = core->node && core->original;
    if (ok) {
        memcpy(core->original, problem->choices, (size_t)core->n * sizeof *core->original);
        choose_unit(core);
    }
    for (int n = 0; ok && n < core->n; n++)
        ok = build_node(core, n);
    for (int e = 0; ok && e < problem->edge_count; e++)
        ok = build_edge(core, &problem->edges[e]);
    ok = ok && build_usages(core) && !core->no_memory;
    if (!ok) {
        sc_core_free(core);
        return NULL;
    }
    return core;
}

void sc_core_free(struct sc_core *core)
{
    if (!core)
        return;
    for (int n = 0; core->node && n < core->n; n++) {
        struct sc_core_node *x = &core->node[n];
        free_segs(x);
        sc_free(x->edge);
        sc_free(x->id);
        sc_free(x->cost);
    }
    for (size_t i = 0; i < core->edges.count; i++)
        sc_free(core->edges.data[i].at);
    for (size_t i = 0; i < core->undo.count; i++) {
        struct sc_core_undo *u = &core->undo.data[i];
        sc_free(u->id);
        sc_free(u->cost);
        sc_free(u->follow);
        for (int j = 0; j < 2; j++) {
            sc_free(u->by[j].id);
            sc_free(u->by[j].at);
        }
    }
    sc_vec_free(&core->edges);
    sc_vec_free(&core->undo);
    sc_vec_free(&core->queue);
    sc_free(core->node);
    sc_free(core->original);
    sc_free(core->room);
    sc_free(core->lambda);
    sc_free(core->scratch);
    sc_free(core->integers);
    sc_free(core);
}

/* ---- views ------------------------------------------------------------------------------------------ */

bool sc_core_view_make(const struct sc_core *core, struct sc_core_view *out)
{
    struct sc_arena *arena = sc_arena_new();
    *out = (struct sc_core_view){.arena = arena};
    if (!arena)
        return false;
    size_t terms = 0, alive = (size_t)core->alive + 1;
    for (int n = 0; n < core->n; n++)
        terms += (size_t)core->node[n].seg_count;
    int *choices = sc_arena_calloc(arena, alive, sizeof *choices);
    const double **cost = sc_arena_calloc(arena, alive, sizeof *cost);
    struct sc_view_edge *edges = sc_arena_calloc(arena, (size_t)core->edge_alive + 1, sizeof *edges);
    struct sc_view_term *term = sc_arena_calloc(arena, terms + 1, sizeof *term);
    out->nodes = sc_arena_calloc(arena, alive, sizeof *out->nodes);
    out->index = sc_arena_calloc(arena, (size_t)core->n + 1, sizeof *out->index);
    if (!choices || !cost || !edges || !term || !out->nodes || !out->index) {
        sc_core_view_free(out);
        return false;
    }
    struct sc_view *v = &out->view;
    for (int n = 0; n < core->n; n++) {
        const struct sc_core_node *x = &core->node[n];
        out->index[n] = x->k > 0 ? v->node_count : -1;
        if (x->k == 0)
            continue;
        for (int s = 0; s < x->seg_count; s++)
            term[v->term_count++] = (struct sc_view_term){v->node_count, x->seg[s].a, x->seg[s].b, x->seg[s].use};
        choices[v->node_count] = x->k;
        cost[v->node_count] = x->cost;
        out->nodes[v->node_count++] = n;
    }
    for (size_t i = 0; i < core->edges.count; i++) {
        const struct sc_core_edge *e = &core->edges.data[i];
        if (e->at)
            edges[v->edge_count++] =
                (struct sc_view_edge){out->index[e->u], out->index[e->v], e->at, core->node[e->v].k};
    }
    v->slot_count = core->slot_count;
    v->choices = choices;
    v->cost = cost;
    v->edges = edges;
    v->terms = term;
    v->room = core->room;
    return true;
}

void sc_core_view_free(struct sc_core_view *view)
{
    sc_arena_free(view->arena);
    *view = (struct sc_core_view){0};
}
