/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * search: branch and bound, and large neighbourhoods, on cores. Private to this folder.
 */
#ifndef SC_SOLVE_SEARCH_H
#define SC_SOLVE_SEARCH_H

#include "solve/core.h"

/* Branch and bound. `core` is used up. Plans go to the sink, which returns the new cutoff; at most `nodes` branchings.
 * *complete: every plan that costs less than the cutoff was found or excluded. */
enum sc_status sc_core_branch(struct sc_core *core, double *cutoff, const struct sc_core_sink *sink, long nodes,
                              bool *complete);

/* The same on a copy. */
enum sc_status sc_core_branch_copy(const struct sc_core *core, double *cutoff, const struct sc_core_sink *sink,
                                   long nodes, bool *complete);

/* Large neighbourhood search from a plan of the core, over so many regions or until the sink says stop. */
struct sc_neighbourhoods {
    int *plan;      /* of the core: the best found; the caller's array */
    uint64_t seed;  /* and state of the random choices */
    double size[2]; /* of regions along edges and along time; 0: begin small */
};
enum sc_status sc_core_neighbourhoods(const struct sc_core *core, struct sc_neighbourhoods *state, double *cutoff,
                                      const struct sc_core_sink *sink, long regions);

#endif
