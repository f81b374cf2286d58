/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * frontier: exact solution under a limit that is, in effect, one sum. Private to this folder.
 */
#ifndef SC_SOLVE_FRONTIER_H
#define SC_SOLVE_FRONTIER_H

#include "solve/core.h"
#include "solve/elim.h"

enum sc_frontier_end {
    SC_FRONTIER_NOT,    /* the limit has another form, or the tables outgrew their budget */
    SC_FRONTIER_PROVEN, /* no plan of the core costs less than the cutoff, or than the best that was offered */
    SC_FRONTIER_STOPPED
};

/* `view` is of the core and `elim` of the view. Only plans that cost at most `cutoff` minus the core's grain count.
 * *lambda: the price of usage, in core units, at which the part that held the best plan was bounded. */
enum sc_status sc_core_frontier(struct sc_core *core, const struct sc_core_view *view, struct sc_elim *elim,
                                double cutoff, const struct sc_core_sink *sink, double *lambda,
                                enum sc_frontier_end *end);

#endif
