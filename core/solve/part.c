/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * part: a core of some nodes of another, for branching (all nodes, so that the copy can be cut down) and for large
 * neighbourhoods (a few nodes, all others fixed as in a plan).
 */
#include "solve/core.h"

#include <math.h>
#include <string.h>

struct part {
    const struct sc_core *from;
    struct sc_core *to;
    const bool *free;
    const int *plan;
    int *nodes, *index; /* of `to` in `from`, and back (-1: not free) */
};

static bool add_node(struct part *p, int i)
{
    const struct sc_core_node *x = &p->from->node[p->nodes[i]];
    struct sc_core_node *y = &p->to->node[i];
    size_t k = (size_t)x->k;
    y->cost = sc_calloc(k, sizeof *y->cost);
    y->id = sc_calloc(k, sizeof *y->id);
    if (!y->cost || !y->id)
        return false;
    y->k = p->to->original[i] = x->k;
    memcpy(y->cost, x->cost, k * sizeof *y->cost);
    for (int c = 0; c < x->k; c++)
        y->id[c] = c;
    for (int s = 0; s < x->seg_count; s++) {
        double *use = sc_calloc(k, sizeof *use);
        if (!use)
            return false;
        memcpy(use, x->seg[s].use, k * sizeof *use);
        sc_core_add_seg(p->to, y, x->seg[s].a, x->seg[s].b, use);
    }
    return !p->to->no_memory;
}

/* An edge of a free node: to another free one it is copied, to a fixed one it becomes cost. */
static bool add_edge(struct part *p, int i, int edge)
{
    const struct sc_core *from = p->from;
    struct sc_core_node *y = &p->to->node[i];
    struct sc_core_side side = sc_core_look(from, edge, p->nodes[i]);
    int j = p->index[side.other];
    if (j < 0) {
        const double *at = side.at + (size_t)p->plan[side.other] * (size_t)side.other_step;
        for (int c = 0; c < y->k; c++)
            y->cost[c] += at[(size_t)c * (size_t)side.own_step];
        return true;
    }
    if (from->edges.data[edge].u != p->nodes[i])
        return true; /* its other end adds it */
    size_t size = (size_t)y->k * (size_t)from->node[side.other].k;
    double *copy = sc_calloc(size, sizeof *copy);
    if (!copy)
        return false;
    memcpy(copy, side.at, size * sizeof *copy);
    sc_core_add_edge(p->to, i, j, copy);
    if (!p->to->no_memory)
        p->to->edges.data[p->to->edges.count - 1].settled = from->edges.data[edge].settled;
    return !p->to->no_memory;
}

/* What is left of the room beside the nodes that are fixed, and what those cost. */
static bool add_rest(struct part *p)
{
    const struct sc_core *from = p->from;
    struct sc_core *to = p->to;
    size_t slots = (size_t)from->slot_count;
    to->slot_count = from->slot_count;
    to->room = sc_calloc(slots + 1, sizeof *to->room);
    to->lambda = sc_calloc(slots + 1, sizeof *to->lambda);
    if (!to->room || !to->lambda)
        return false;
    if (slots > 0) {
        memcpy(to->room, from->room, slots * sizeof *to->room);
        memcpy(to->lambda, from->lambda, slots * sizeof *to->lambda);
    }
    if (!p->free)
        return true;
    double *load = sc_calloc(slots + 1, sizeof *load), sum = 0;
    if (!load)
        return false;
    for (int n = 0; n < from->n; n++) {
        const struct sc_core_node *x = &from->node[n];
        if (x->k == 0 || p->free[n])
            continue;
        to->constant += x->cost[p->plan[n]];
        for (int s = 0; s < x->seg_count; s++) {
            load[x->seg[s].a] += x->seg[s].use[p->plan[n]];
            load[x->seg[s].b] -= x->seg[s].use[p->plan[n]];
        }
    }
    for (size_t t = 0; t < slots; t++) {
        sum += load[t];
        to->room[t] -= sum;
    }
    sc_free(load);
    for (size_t i = 0; i < from->edges.count; i++) {
        const struct sc_core_edge *e = &from->edges.data[i];
        if (e->at && p->index[e->u] < 0 && p->index[e->v] < 0)
            to->constant += e->at[(size_t)p->plan[e->u] * (size_t)from->node[e->v].k + (size_t)p->plan[e->v]];
    }
    return true;
}

struct sc_core *sc_core_part(const struct sc_core *core, const bool *free, const int *plan, int *nodes)
{
    struct sc_core *to = sc_alloc(sizeof *to);
    struct part p = {.from = core, .to = to, .free = free, .plan = plan, .nodes = nodes};
    p.index = sc_calloc((size_t)core->n + 1, sizeof *p.index);
    bool ok = to && p.index;
    for (int n = 0; ok && n < core->n; n++) {
        p.index[n] = core->node[n].k > 0 && (!free || free[n]) ? to->n : -1;
        if (p.index[n] >= 0)
            nodes[to->n++] = n;
    }
    if (ok) {
        to->cancel = core->cancel;
        to->unit = core->unit;
        to->grain = core->grain;
        to->usage_unit = core->usage_unit;
        to->error = core->error;
        to->constant = core->constant;
        to->alive = to->n;
        to->node = sc_calloc((size_t)to->n + 1, sizeof *to->node);
        to->original = sc_calloc((size_t)to->n + 1, sizeof *to->original);
        ok = to->node && to->original;
    }
    for (int i = 0; ok && i < to->n; i++)
        ok = add_node(&p, i);
    for (int i = 0; ok && i < to->n; i++)
        for (int e = 0; ok && e < core->node[nodes[i]].degree; e++)
            ok = add_edge(&p, i, core->node[nodes[i]].edge[e]);
    ok = ok && add_rest(&p);
    sc_free(p.index);
    if (!ok) {
        sc_core_free(to);
        return NULL;
    }
    return to;
}
