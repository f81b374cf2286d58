/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * labels: the cheapest plan whose sum of usages stays within a capacity. Private to this folder.
 */
#ifndef SC_SOLVE_LABELS_H
#define SC_SOLVE_LABELS_H

#include "solve/elim.h"

enum { SC_LABELS_COUNTS = 6 };

struct sc_labels {
    struct sc_elim *elim;      /* run and descended with prices floor(lambda * usage) added to the node costs */
    const double *const *cost; /* a node and choice each, without prices */
    const double *const *usage;
    double lambda, capacity;
    double most;   /* only plans that cost at most this are wanted */
    size_t budget; /* labels that may be made */
    /* How many of some nodes take some choice has limits, too: of each, `bits` of the sum of a plan's counts. The price
     * of a count (whole) is in `cost`; `most` and `best` are without it. */
    int counts, bits;
    const uint64_t *const *count; /* a node and choice each; NULL with counts = 0 */
    struct sc_labels_limit {
        int least, most;
        double price;
    } limit[SC_LABELS_COUNTS];
    /* results */
    bool found, exhausted; /* exhausted: the budget ran out, and nothing is proven */
    double best;
    int *plan; /* the caller's array */
};

enum sc_status sc_labels_run(struct sc_labels *labels);

#endif
