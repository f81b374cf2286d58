/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * core: the mutable cost graph on which the exact ladder works. Private to this folder.
 *
 * Costs are whole numbers of `unit` held in doubles and stay below 2^53, so that every sum is exact in any order; the
 * same holds for usages. Nodes lose choices, merge and vanish; each such step can be undone to give a full plan.
 */
#ifndef SC_SOLVE_CORE_H
#define SC_SOLVE_CORE_H

#include "solve/rungs.h"

/* In slots a … b - 1 the node uses use[choice] (relative to its least choice, which is part of the base load). */
struct sc_core_seg {
    int a, b;
    double *use;
};

/* Between u and v; at[p * cols + q] for choice p of u and q of v. Owned. NULL: the edge is gone. */
struct sc_core_edge {
    int u, v;
    double *at;
    bool settled; /* every row and column has a least entry of 0 */
};

struct sc_core_node {
    int k; /* choices left; 0: the node is gone */
    double *cost;
    int *id; /* the problem's choice, of each */
    int seg_count, seg_capacity;
    struct sc_core_seg *seg; /* disjoint and by time, unless tangled */
    bool tangled;
    int degree, edge_capacity;
    int *edge;
    bool queued;
};

/* What became of a node that is gone; undone last to first. */
struct sc_core_undo {
    int node;
    int count; /* of neighbours; 0: the node was free of all others */
    int k;
    int *id;      /* of its choices */
    double *cost; /* a choice; NULL with one neighbour: then `follow` tells */
    int *follow;  /* problem's choice of the neighbour to choice of the node */
    struct {
        int node, k;
        int *id;    /* of the neighbour's choices then */
        double *at; /* k × (neighbour's k) */
    } by[2];
};

struct sc_core {
    const struct sc_problem *problem; /* NULL: a part of another core */
    struct sc_cancel *cancel;
    int n;         /* nodes of the problem */
    int *original; /* choices that each had at first */
    int alive;     /* nodes that are left */
    struct sc_core_node *node;
    SC_VEC(struct sc_core_edge) edges;
    int edge_alive;
    SC_VEC(struct sc_core_undo) undo;
    int slot_count;
    double *room;    /* of each slot: limit minus the base load; >= 0 or the core is infeasible */
    double *lambda;  /* of each slot: the price that served best so far */
    double reach;    /* how far beyond the best bound the next step of the prices aims; 0: not yet known */
    double constant; /* cost of what is gone */
    double unit;     /* of cost: problem cost = core cost × unit (+- error) */
    double grain;    /* costs are multiples of this many units, so a cheaper plan is cheaper by so much */
    double usage_unit;
    double error;    /* absolute, in problem costs: the most by which rounding to units changes a plan's cost */
    bool infeasible; /* no plan at all (within the cutoff that was used) */
    bool no_memory;
    SC_VEC(int) queue; /* nodes whose surroundings changed */
    double *scratch;   /* for rungs: grown by sc_core_scratch */
    int *integers;     /* likewise, by sc_core_integers */
    size_t scratch_size, integers_size;
};

/* A core of the problem. NULL when out of memory. */
struct sc_core *sc_core_new(const struct sc_problem *problem, struct sc_cancel *cancel);
void sc_core_free(struct sc_core *core);
/* A core of those nodes that are free[…], all others taking their choice of `plan` (of `core`; free NULL: all that are
 * left are free, and plan may be NULL). Its node i is nodes[i] of `core` (the caller's array of core->n), and its
 * "problem's choices" are indices into the choices that node has in `core` now. Its costs include those of the nodes
 * that are not free. NULL when out of memory. */
struct sc_core *sc_core_part(const struct sc_core *core, const bool *free, const int *plan, int *nodes);

/* Edges. Rows of a view from `node` are read at at[own * own_step + other * other_step]. */
struct sc_core_side {
    int other;
    const double *at;
    int own_step, other_step;
};
struct sc_core_side sc_core_look(const struct sc_core *core, int edge, int node);
int sc_core_find_edge(const struct sc_core *core, int a, int b); /* -1: none */
/* Add a table (owned by the core from here on; transposed when the edge runs the other way and merged into an edge
 * that is already there). */
void sc_core_add_edge(struct sc_core *core, int u, int v, double *at);
void sc_core_drop_edge(struct sc_core *core, int edge);

/* Keep only the choices with keep[c]; marks the surroundings. */
void sc_core_keep(struct sc_core *core, int node, const bool *keep);
void sc_core_touch(struct sc_core *core, int node);          /* into the queue */
double *sc_core_scratch(struct sc_core *core, size_t count); /* NULL: out of memory */
int *sc_core_integers(struct sc_core *core, size_t count);

/* Removals, with undo. */
void sc_core_fix(struct sc_core *core, int node);       /* one choice is left: costs move to the neighbours */
void sc_core_eliminate(struct sc_core *core, int node); /* free of usage, at most two neighbours */
/* Each choice of `leader` leaves choice map[c] of `node` (-1: none): merge them. */
void sc_core_follow(struct sc_core *core, int leader, int node, int edge, const int *map);

/* In slots a … b - 1 node x uses use[choice] more; `use` is the node's from here on. */
void sc_core_add_seg(struct sc_core *core, struct sc_core_node *x, int a, int b, double *use);
/* Make the segments of a node disjoint and sorted. */
void sc_core_untangle(struct sc_core *core, int node);
/* Slots: drop those that cannot bind, renumber, take least usages into the base, merge equal neighbours. Sets
 * infeasible when the base exceeds the limit. */
void sc_core_settle_slots(struct sc_core *core);

/* From a plan of the core (index of a choice, for every node that is left) to the problem's choices. */
void sc_core_expand(const struct sc_core *core, const int *plan, int *choices);
/* The core's plan nearest to the problem's choices: choices that are gone become the cheapest. */
void sc_core_project(const struct sc_core *core, const int *choices, int *plan);
double sc_core_cost(const struct sc_core *core, const int *plan); /* with the constant; +inf when forbidden */
/* Loads into load[slot_count + 1]; returns the largest excess over the room (<= 0: within the limit). */
double sc_core_loads(const struct sc_core *core, const int *plan, double *load);

/* A view of what is left, in arrays. `nodes[i]` is the core's node of the view's node i. */
struct sc_core_view {
    struct sc_view view;
    int *nodes; /* of each view node */
    int *index; /* of each core node, -1 when gone */
    struct sc_arena *arena;
};
bool sc_core_view_make(const struct sc_core *core, struct sc_core_view *out); /* false: out of memory */
void sc_core_view_free(struct sc_core_view *view);

/* Told the plans and bounds of a core, in its units (with its constant). `offer` returns the cost of the best plan so
 * far; `stop` is asked between steps. */
struct sc_core_sink {
    double (*offer)(void *user, const int *plan);
    void (*bound)(void *user, double bound);
    bool (*stop)(void *user);
    void *user;
};

/* ---- rungs on the core ------------------------------------------------------------------------------ */

/* reduce.c: every exact reduction, until nothing changes or the cancel token says stop. */
void sc_core_reduce(struct sc_core *core);

#endif
