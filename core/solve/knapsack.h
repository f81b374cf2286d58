/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * knapsack: the cheapest plan whose sum of usages stays within a capacity, where bounds have left few choices. Private
 * to this folder.
 */
#ifndef SC_SOLVE_KNAPSACK_H
#define SC_SOLVE_KNAPSACK_H

#include "solve/labels.h"

struct sc_knapsack {
    const struct sc_view *view; /* choices and edges; its costs are not read */
    const double *const *cost;  /* a node and choice each, with the prices of counts */
    const double *const *usage;
    const uint64_t *const *count; /* likewise; NULL: none */
    struct sc_cancel *cancel;
    double lambda, capacity;
    double most; /* only plans that cost at most this are wanted; this and `best` are without prices */
    struct sc_labels_limits limits;
    int least[SC_LABELS_COUNTS];
    double price[SC_LABELS_COUNTS]; /* of a count, whole */
    size_t budget;                  /* labels that may be made */
    /* results */
    bool found, exhausted; /* exhausted: the budget ran out, and nothing is proven */
    double best;
    int *plan; /* the caller's array */
};

enum sc_status sc_knapsack_solve(struct sc_knapsack *knapsack);

#endif
