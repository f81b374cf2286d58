/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * dual: lower bounds of a core of any width, by message passing, with prices on the limit. Private to this folder.
 */
#ifndef SC_SOLVE_DUAL_H
#define SC_SOLVE_DUAL_H

#include "solve/core.h"

struct sc_dual_edge {
    int u, v; /* u < v */
    int rows, cols;
    const double *at; /* rows of u × columns of v */
    double *nu, *nv;  /* minus what moved to u and to v: the rest of an entry is at + nu[p] + nv[q] >= 0 */
};

/* A reparametrisation: constant + sum node + sum (edge rest) is the priced cost of every plan. */
struct sc_dual {
    const struct sc_view *view;
    struct sc_cancel *cancel;
    struct sc_arena *arena;
    int n;
    double **theta; /* a node and choice; least 0 after a pass */
    double **price; /* of usage, as it is in theta now */
    struct sc_dual_edge *edge;
    int *first, *incident;   /* edges of node i: incident[first[i] … first[i + 1] - 1], earlier neighbours first */
    int *later;              /* where those with later neighbours begin */
    int *first_term, *term;  /* terms of node i */
    double *lambda, *prefix; /* of each slot; sums of those before it */
    double constant;
    double credit; /* sum of lambda × room, rounded up: bound = constant - credit */
    double *row;   /* scratch: largest number of choices */
};

/* Tables are read in place while the dual lives. NULL: out of memory. */
struct sc_dual *sc_dual_new(const struct sc_view *view, struct sc_cancel *cancel);
void sc_dual_free(struct sc_dual *dual);
/* Change the prices (a slot each, not negative); messages stay. */
void sc_dual_price(struct sc_dual *dual, const double *lambda);
/* One pass forward and one back. False when cancelled. */
bool sc_dual_pass(struct sc_dual *dual);
double sc_dual_bound(const struct sc_dual *dual);
/* A plan that follows the reparametrisation, node by node. */
void sc_dual_decode(const struct sc_dual *dual, int *plan);
/* bound[i][c]: no plan with choice c of node i is cheaper. Rows as in the view. */
void sc_dual_choice_bounds(struct sc_dual *dual, double *const *bound);

/* Write the reparametrisation, without its prices, into the core that the view is of: the same problem, with the work
 * of the messages kept. Choices and pairs whose bound exceeds `most` become forbidden there. Returns how many did. */
long sc_dual_store(struct sc_dual *dual, struct sc_core *core, const struct sc_core_view *view, double most,
                   double *const *bound);

#endif
