/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * random_problem: small random cost graphs for property tests, the same for the same seed.
 */
#ifndef SC_TESTS_RANDOM_PROBLEM_H
#define SC_TESTS_RANDOM_PROBLEM_H

#include "solve/solve.h"

struct random_shape {
    int least_nodes, most_nodes, most_choices;
    double edge_chance;      /* of each pair of nodes to be joined */
    double forbidden_chance; /* of each choice and pair */
    double limited_chance;   /* of a problem to have a limit */
    int most_cost;           /* costs are whole numbers from 0 (sometimes negative) to this */
};

struct sc_problem *random_problem(uint64_t seed, const struct random_shape *shape);

#endif
