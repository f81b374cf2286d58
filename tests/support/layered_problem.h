/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * layered_problem: cost graphs shaped like those of transformer models: equal layers with residual connections, choices
 * that shard operands and results, tables shared between layers, memory held for the whole iteration by parameters and
 * activations and for one slot by the working set of each op.
 */
#ifndef SC_TESTS_LAYERED_PROBLEM_H
#define SC_TESTS_LAYERED_PROBLEM_H

#include "solve/solve.h"

struct layered_shape {
    int layers;
    int most_choices; /* of an op */
    bool working;     /* working sets, beside what is held throughout */
    double room;      /* the limit, between the least load (0) and that of the cheapest plan (1); above 1: no limit */
};

/* NULL with an error when it cannot be built. */
struct sc_problem *layered_problem(uint64_t seed, const struct layered_shape *shape, struct sc_error *err);

#endif
