/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * elim: variable elimination along a tree decomposition, with min-marginals. Private to this folder.
 */
#ifndef SC_SOLVE_ELIM_H
#define SC_SOLVE_ELIM_H

#include "solve/rungs.h"

/* A function of some nodes. Dimensions are in order of elimination, the last one contiguous. */
struct sc_elim_table {
    const double *at;
    int id;        /* equal contents, equal id */
    double offset; /* of what is below (up) or beyond (down): the least entry of `at` is 0 */
};

struct sc_elim_function {
    int child; /* node whose message this is, or -1: an edge of the view */
    int scope_count;
    int *scope;      /* positions into clique: 0 is the node itself, i + 1 its i-th neighbour */
    ptrdiff_t *step; /* one for each member of the clique, 0 when not in the scope */
    struct sc_elim_table table;
};

/* The clique of a node: itself and the nodes it leaves behind when it is eliminated. */
struct sc_elim_clique {
    int node, parent; /* parent: the first of `next` to be eliminated, -1: a root */
    int next_count;
    int *next; /* by order of elimination */
    int function_count;
    struct sc_elim_function *functions;
    double *cost;              /* of the node, as given to the run */
    struct sc_elim_table up;   /* over next */
    struct sc_elim_table down; /* over next: the least cost of all outside the subtree */
    bool has_down;
};

struct sc_elim {
    const struct sc_view *view;
    struct sc_cancel *cancel;
    struct sc_arena *arena;
    int *order, *position;
    struct sc_elim_clique *clique; /* of each node */
    double work;                   /* entries of all cliques */
    int width;                     /* largest `next_count` */
    int left;                      /* nodes at the end of the order that a run does not eliminate */
    struct sc_map edges;           /* contents of tables to ids: those of the view, which stay */
    struct sc_map tables;          /* and those of a run */
    struct sc_map memo;
    SC_VEC(struct sc_elim_table) results;
    double *space, *sums;
    size_t space_size;
    double total; /* least cost of the last run */
};

/* NULL with *too_wide when the cliques would have more than `most` entries in sum; NULL without it: out of memory or
 * cancelled. */
struct sc_elim *sc_elim_new(const struct sc_view *view, double most, struct sc_cancel *cancel, bool *too_wide);
/* The nodes with last[node] are not eliminated: a run leaves messages to them. */
struct sc_elim *sc_elim_new_but(const struct sc_view *view, const bool *last, double most, struct sc_cancel *cancel,
                                bool *too_wide);
void sc_elim_free(struct sc_elim *elim);

/* Solve with these node costs (rows as in the view). SC_INFEASIBLE when there is no plan. */
enum sc_status sc_elim_run(struct sc_elim *elim, const double *const *cost);
/* The plan of the last run, ties to the first choice. */
void sc_elim_plan(const struct sc_elim *elim, int *plan);
/* After a run: messages from the root down. Then the min-marginals of a node, +inf where no plan has the choice. */
enum sc_status sc_elim_descend(struct sc_elim *elim);
enum sc_status sc_elim_marginal(struct sc_elim *elim, int node, double *out);

#endif
