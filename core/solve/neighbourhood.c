/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * neighbourhood: large neighbourhood search (Shaw 1998). Again and again some nodes are set free, all others keep their
 * choice, and the small problem that this leaves is solved by branch and bound (branch.c) for a plan that is cheaper.
 * Regions grow along edges, or along time: nodes that compete for the room of one slot. Their size follows what can be
 * solved completely.
 */
#include "solve/search.h"

#include <math.h>
#include <string.h>

enum { LEAST_SIZE = 4, FIRST_SIZE = 12, BRANCHES = 60 };

struct hood {
    const struct sc_core *core;
    const struct sc_core_sink *sink;
    double *cutoff;
    struct sc_neighbourhoods *state;
    int *plan, *nodes, *region, *choices, *full;
    bool *free;
    struct sc_core *part; /* the present one */
    bool improved;
    double best;
};

static void set_free(struct hood *h, int node, int *count)
{
    if (h->core->node[node].k < 2 || h->free[node])
        return;
    h->free[node] = true;
    h->region[(*count)++] = node;
}

static int random_node(struct hood *h)
{
    for (;;) {
        int n = (int)sc_random_below(&h->state->seed, (uint64_t)h->core->n);
        if (h->core->node[n].k > 1)
            return n;
    }
}

/* From a node outwards, the next one a neighbour of a random one of the region. */
static int grow_by_edges(struct hood *h, int size)
{
    int count = 0;
    set_free(h, random_node(h), &count);
    for (int tries = 0; count < size && tries < 20 * size; tries++) {
        int from = h->region[sc_random_below(&h->state->seed, (uint64_t)count)];
        const struct sc_core_node *x = &h->core->node[from];
        if (x->degree > 0)
            set_free(h,
                     sc_core_look(h->core, x->edge[sc_random_below(&h->state->seed, (uint64_t)x->degree)], from).other,
                     &count);
        else
            set_free(h, random_node(h), &count);
    }
    return count;
}

static bool alive_at(const struct sc_core_node *x, int slot)
{
    for (int s = 0; s < x->seg_count; s++)
        if (x->seg[s].a <= slot && slot < x->seg[s].b)
            return true;
    return false;
}

/* Nodes that use something in one slot, in random order, each with a neighbour. */
static int grow_by_time(struct hood *h, int size)
{
    const struct sc_core *core = h->core;
    int count = 0, slot = (int)sc_random_below(&h->state->seed, (uint64_t)core->slot_count), seen = 0;
    for (int n = 0; n < core->n; n++) /* a random sample of those alive: reservoir */
        if (core->node[n].k > 1 && alive_at(&core->node[n], slot)) {
            int at = seen < size / 2 ? seen : (int)sc_random_below(&h->state->seed, (uint64_t)seen + 1);
            if (at < size / 2)
                h->nodes[at] = n;
            seen++;
        }
    for (int i = 0; i < seen && i < size / 2; i++)
        set_free(h, h->nodes[i], &count);
    for (int tries = 0; count > 0 && count < size && tries < 10 * size; tries++) {
        int from = h->region[sc_random_below(&h->state->seed, (uint64_t)count)];
        const struct sc_core_node *x = &core->node[from];
        if (x->degree > 0)
            set_free(h, sc_core_look(core, x->edge[sc_random_below(&h->state->seed, (uint64_t)x->degree)], from).other,
                     &count);
    }
    return count > 0 ? count : grow_by_edges(h, size);
}

static double offer_part(void *user, const int *plan)
{
    struct hood *h = user;
    sc_core_expand(h->part, plan, h->choices);
    memcpy(h->full, h->plan, (size_t)h->core->n * sizeof *h->full);
    for (int i = 0; i < h->part->n; i++)
        h->full[h->nodes[i]] = h->choices[i];
    double cost = sc_core_cost(h->core, h->full);
    double best = h->sink->offer(h->sink->user, h->full);
    if (best <= cost && cost < h->best) {
        h->best = cost;
        h->improved = true;
        for (int i = 0; i < h->part->n; i++) /* the region's new choices; taken over when the region is done */
            h->region[i] = h->choices[i];
    }
    return fmin(best, h->best);
}

static void bound_part(void *user, double bound)
{
    (void)user;
    (void)bound;
}

static bool stop_part(void *user)
{
    const struct hood *h = user;
    return h->sink->stop(h->sink->user);
}

static enum sc_status one_region(struct hood *h)
{
    const struct sc_core *core = h->core;
    const struct sc_core_sink sink = {offer_part, bound_part, stop_part, h};
    int kind = core->slot_count > 0 ? (int)sc_random_below(&h->state->seed, 2) : 0;
    int size = LEAST_SIZE + (int)sc_random_below(&h->state->seed, (uint64_t)h->state->size[kind]);
    memset(h->free, 0, (size_t)core->n * sizeof *h->free);
    if (kind)
        grow_by_time(h, size);
    else
        grow_by_edges(h, size);
    h->part = sc_core_part(core, h->free, h->plan, h->nodes);
    if (!h->part)
        return SC_NO_MEMORY;
    bool complete;
    h->improved = false;
    double cutoff = h->best;
    enum sc_status status = sc_core_branch(h->part, &cutoff, &sink, BRANCHES, &complete);
    if (h->improved)
        for (int i = 0; i < h->part->n; i++)
            h->plan[h->nodes[i]] = h->region[i];
    h->state->size[kind] *= complete ? 1.02 : 0.93;
    h->state->size[kind] = fmax(LEAST_SIZE, fmin(h->state->size[kind], core->alive));
    *h->cutoff = fmin(*h->cutoff, h->best);
    sc_core_free(h->part);
    h->part = NULL;
    return status;
}

static bool has_choice(const struct sc_core *core)
{
    for (int n = 0; n < core->n; n++)
        if (core->node[n].k > 1)
            return true;
    return false;
}

enum sc_status sc_core_neighbourhoods(const struct sc_core *core, struct sc_neighbourhoods *state, double *cutoff,
                                      const struct sc_core_sink *sink, long regions)
{
    size_t n = (size_t)core->n + 1;
    struct hood h = {.core = core, .sink = sink, .cutoff = cutoff, .state = state, .plan = state->plan};
    h.nodes = sc_calloc(n, sizeof *h.nodes);
    h.region = sc_calloc(n, sizeof *h.region);
    h.choices = sc_calloc(n, sizeof *h.choices);
    h.full = sc_calloc(n, sizeof *h.full);
    h.free = sc_calloc(n, sizeof *h.free);
    enum sc_status status = h.nodes && h.region && h.choices && h.full && h.free ? SC_OK : SC_NO_MEMORY;
    for (int kind = 0; kind < 2; kind++)
        if (state->size[kind] == 0)
            state->size[kind] = FIRST_SIZE;
    h.best = sc_core_cost(core, state->plan);
    while (status == SC_OK && regions-- > 0 && has_choice(core) && !sink->stop(sink->user))
        status = one_region(&h);
    sc_free(h.nodes);
    sc_free(h.region);
    sc_free(h.choices);
    sc_free(h.full);
    sc_free(h.free);
    return status;
}
