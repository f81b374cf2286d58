/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * price: bounds of wide cores by prices on the limit, plans by repair, and deletion of what cannot be in a better
 * plan. Private to this folder.
 */
#ifndef SC_SOLVE_PRICE_H
#define SC_SOLVE_PRICE_H

#include "solve/core.h"

struct sc_price_options {
    int stall;  /* give up after so many price steps without progress */
    int steps;  /* and after so many in all; 0: no end */
    bool plans; /* look for plans too */
};

/* Works on the core in place: it may end empty or infeasible, which means that no plan costs less than the best.
 * `cutoff`: cost of the best plan so far. */
enum sc_status sc_core_price(struct sc_core *core, double *cutoff, const struct sc_core_sink *sink,
                             const struct sc_price_options *options);

#endif
