/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "random_problem.h"

#include <math.h>
#include <stdlib.h>

static double cost_of(uint64_t *state, const struct random_shape *shape)
{
    if (sc_random_unit(state) < shape->forbidden_chance)
        return INFINITY;
    double cost = (double)sc_random_below(state, (uint64_t)shape->most_cost + 1);
    return sc_random_below(state, 20) == 0 ? -cost : cost;
}

static void add_edges(struct sc_problem_builder *b, uint64_t *state, const struct random_shape *shape, int n,
                      const int *choices)
{
    double values[64 * 64];
    for (int u = 0; u < n; u++)
        for (int v = u + 1; v < n; v++)
            while (sc_random_unit(state) < shape->edge_chance) { /* now and then parallel edges */
                bool turned = sc_random_below(state, 2);
                int from = turned ? v : u, to = turned ? u : v;
                bool same = choices[from] == choices[to] && sc_random_below(state, 6) == 0; /* equal choices only */
                for (int p = 0; p < choices[from]; p++)
                    for (int q = 0; q < choices[to]; q++)
                        values[p * choices[to] + q] = same && p != q ? INFINITY : cost_of(state, shape);
                sc_problem_add_edge(b, from, to, sc_problem_add_table(b, choices[from], choices[to], values, 0));
            }
}

static void add_usages(struct sc_problem_builder *b, uint64_t *state, int n, const int *choices)
{
    double usage[64], least = 0, most = 0;
    for (int u = 0; u < n; u++)
        for (uint64_t terms = sc_random_below(state, 4); terms > 0; terms--) {
            double low = INFINITY, high = 0;
            int64_t t0 = (int64_t)sc_random_below(state, 12), t1 = t0 + (int64_t)sc_random_below(state, 8);
            for (int c = 0; c < choices[u]; c++) {
                usage[c] = (double)sc_random_below(state, 20);
                low = fmin(low, usage[c]);
                high = fmax(high, usage[c]);
            }
            sc_problem_add_usage(b, u, t0, t1, usage);
            least += low;
            most += high;
        }
    /* Somewhere between hopeless and loose. */
    sc_problem_set_limit(b, floor(least / 2 + (most / 2) * sc_random_unit(state)));
}

struct sc_problem *random_problem(uint64_t seed, const struct random_shape *shape)
{
    uint64_t state = seed * 7919 + 1;
    struct sc_problem_builder *b = sc_problem_builder_new("random");
    struct sc_problem *problem = NULL;
    struct sc_error err = {0};
    double row[64];
    int n = shape->least_nodes + (int)sc_random_below(&state, (uint64_t)(shape->most_nodes - shape->least_nodes) + 1);
    int *choices = sc_calloc((size_t)n, sizeof *choices);
    for (int u = 0; u < n; u++) {
        choices[u] = 1 + (int)sc_random_below(&state, (uint64_t)shape->most_choices);
        for (int c = 0; c < choices[u]; c++)
            row[c] = cost_of(&state, shape);
        sc_problem_add_node(b, choices[u], row, NULL);
    }
    add_edges(b, &state, shape, n, choices);
    if (sc_random_unit(&state) < shape->limited_chance)
        add_usages(b, &state, n, choices);
    sc_problem_build(b, &problem, &err);
    sc_problem_builder_free(b);
    sc_free(choices);
    return problem;
}
