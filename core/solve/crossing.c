/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * crossing: plans between two that are optimal at one price of usage, of which one exceeds the limit and the other
 * leaves room. Models repeat their layers, and at the best price equal layers change from one plan to the other all at
 * once; so good plans begin like the one and end like the other. Every place to cross is priced, both ways round.
 * Rounding up and down: the cheapest crossing that fits, and the one that exceeds the limit least dearly, repaired;
 * each then takes the moves that save most for the room they need, and those of neighbours, while any fits.
 */
#include "solve/front.h"
#include "solve/local.h"

#include <math.h>
#include <string.h>

struct crossing {
    struct sc_front *f;
    const struct sc_front_point *first, *then; /* choices before and from the cut */
    int *begin, *incident;                     /* edges of node i: incident[begin[i] … begin[i + 1] - 1] */
    double *after;                             /* peak of `then` from a node on */
    double price;                              /* of excess */
    double best[2];                            /* that fits; that exceeds (with the price of its excess) */
    int cut[2];                                /* -1: none */
    bool turned[2];
};

static bool index_edges(struct crossing *x, struct sc_arena *arena)
{
    const struct sc_view *v = &x->f->view->view;
    size_t n = (size_t)v->node_count;
    x->begin = sc_arena_calloc(arena, n + 2, sizeof *x->begin);
    x->incident = sc_arena_calloc(arena, 2 * (size_t)v->edge_count + 1, sizeof *x->incident);
    x->after = sc_arena_calloc(arena, n + 1, sizeof *x->after);
    if (!x->begin || !x->incident || !x->after)
        return false;
    for (int e = 0; e < v->edge_count; e++) {
        x->begin[v->edges[e].from + 2]++;
        x->begin[v->edges[e].to + 2]++;
    }
    for (size_t i = 2; i <= n + 1; i++)
        x->begin[i] += x->begin[i - 1];
    for (int e = 0; e < v->edge_count; e++) {
        x->incident[x->begin[v->edges[e].from + 1]++] = e;
        x->incident[x->begin[v->edges[e].to + 1]++] = e;
    }
    return true;
}

/* Cost of node i at that choice, with its edges when nodes before i have the choices of `first` and others those of
 * `then`. *forbidden counts infinite ones. */
static double cost_beside(const struct crossing *x, int i, int choice, int *forbidden)
{
    const struct sc_view *v = &x->f->view->view;
    double cost = x->f->cost[i][choice];
    *forbidden = cost == INFINITY;
    cost = *forbidden ? 0 : cost;
    for (int k = x->begin[i]; k < x->begin[i + 1]; k++) {
        const struct sc_view_edge *e = &v->edges[x->incident[k]];
        int other = e->from == i ? e->to : e->from;
        int beside = other < i ? x->first->plan[other] : x->then->plan[other];
        int row = e->from == i ? choice : beside, col = e->from == i ? beside : choice;
        double value = e->table[(size_t)row * (size_t)e->row_stride + (size_t)col];
        *forbidden += value == INFINITY;
        cost += value < INFINITY ? value : 0;
    }
    return cost;
}

static void rate_cut(struct crossing *x, int cut, bool turned, double cost, double excess)
{
    int which = excess > 0;
    double rated = cost + (which ? x->price * excess : 0);
    if (rated < x->best[which]) {
        x->best[which] = rated;
        x->cut[which] = cut;
        x->turned[which] = turned;
    }
}

/* Every cut from all of `then` to all of `first`. */
static void try_cuts(struct crossing *x, bool turned)
{
    const struct sc_front *f = x->f;
    double cost = x->then->cost, usage = x->then->usage, before = f->base_peak;
    int forbidden = 0;
    x->after[f->n] = f->base_peak;
    for (int i = f->n - 1; i >= 0; i--)
        x->after[i] = fmax(x->after[i + 1], f->m[i][x->then->plan[i]]);
    for (int i = 0; i < f->n; i++) {
        int from = x->then->plan[i], to = x->first->plan[i], lost, gained;
        before = fmax(before, f->m[i][to]);
        if (from == to)
            continue;
        cost -= cost_beside(x, i, from, &lost);
        cost += cost_beside(x, i, to, &gained);
        forbidden += gained - lost;
        usage += f->g[i][to] - f->g[i][from];
        if (forbidden == 0)
            rate_cut(x, i + 1, turned, cost, usage + fmax(before, x->after[i + 1]));
    }
}

/* ---- moves ------------------------------------------------------------------------------------------- */

struct filling {
    struct sc_front *f;
    struct sc_local *local;
    int *choice;   /* best move of each of the view's nodes, -1: none */
    double *saved; /* for each unit of usage it adds */
};

/* The move of node i that fits and saves most for what it uses more. */
static void rate_node(struct filling *l, int i)
{
    int node = l->f->view->nodes[i], now = l->local->plan[node];
    l->choice[i] = -1;
    l->saved[i] = 0;
    for (int c = 0; c < l->f->view->view.choices[i]; c++) {
        double change = c != now && l->f->cost[i][c] < INFINITY ? sc_local_change(l->local, node, c) : 0;
        if (change >= 0)
            continue;
        double more = l->f->g[i][c] - l->f->g[i][now];
        double saved = more > 0 ? -change / more : INFINITY;
        if (saved > l->saved[i] && sc_local_allows(l->local, node, c)) {
            l->saved[i] = saved;
            l->choice[i] = c;
        }
    }
}

static void fill(struct filling *l, const int *index)
{
    const struct sc_core *core = l->f->core;
    for (int i = 0; i < l->f->n; i++)
        rate_node(l, i);
    while (!sc_cancel_work(core->cancel, 8)) {
        int best = -1;
        for (int i = 0; i < l->f->n; i++)
            if (l->choice[i] >= 0 && (best < 0 || l->saved[i] > l->saved[best]))
                best = i;
        if (best < 0)
            return;
        int node = l->f->view->nodes[best];
        if (sc_local_allows(l->local, node, l->choice[best])) {
            sc_local_move(l->local, node, l->choice[best]);
            for (int k = 0; k < core->node[node].degree; k++)
                rate_node(l, index[sc_core_look(core, core->node[node].edge[k], node).other]);
        }
        rate_node(l, best);
    }
}

static bool open_filling(struct filling *l, struct sc_front *f, struct sc_arena *arena)
{
    *l = (struct filling){.f = f, .local = sc_local_new(f->core)};
    l->choice = arena ? sc_arena_calloc(arena, (size_t)f->n + 1, sizeof *l->choice) : NULL;
    l->saved = arena ? sc_arena_calloc(arena, (size_t)f->n + 1, sizeof *l->saved) : NULL;
    return l->local && l->choice && l->saved;
}

/* Mend the plan in f->full, fill it up, improve it, offer it. */
static void finish(struct filling *l)
{
    const struct sc_front *f = l->f;
    sc_local_set(l->local, f->full);
    if (!sc_local_fits(l->local) && !sc_local_repair(l->local))
        return;
    fill(l, f->view->index);
    sc_local_improve(l->local, true);
    if (sc_local_fits(l->local) && l->local->cost - f->core->constant <= f->cutoff) {
        memcpy(f->full, l->local->plan, (size_t)f->core->n * sizeof *f->full);
        sc_front_send(l->f);
    }
}

enum sc_status sc_front_cross(struct sc_front *f, const struct sc_front_point *a, const struct sc_front_point *b)
{
    struct crossing x = {.f = f, .first = a, .then = b, .best = {INFINITY, INFINITY}, .cut = {-1, -1}};
    struct sc_arena *arena = sc_arena_new();
    struct filling l;
    enum sc_status status = open_filling(&l, f, arena) && index_edges(&x, arena) ? SC_OK : SC_NO_MEMORY;
    if (a->usage != b->usage)
        x.price = 2 * fabs(a->cost - b->cost) / fabs(a->usage - b->usage);
    for (int turned = 0; status == SC_OK && turned < 2; turned++) {
        x.first = turned ? b : a;
        x.then = turned ? a : b;
        try_cuts(&x, turned);
    }
    for (int which = 0; status == SC_OK && which < 2; which++) {
        const struct sc_front_point *first = x.turned[which] ? b : a, *then = x.turned[which] ? a : b;
        for (int i = 0; i < f->n; i++)
            f->full[f->view->nodes[i]] = i < x.cut[which] ? first->plan[i] : then->plan[i];
        if (x.cut[which] >= 0)
            finish(&l);
    }
    sc_local_free(l.local);
    sc_arena_free(arena);
    return status;
}
