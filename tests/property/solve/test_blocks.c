/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Equal blocks in a chain, under a limit that is one sum and one maximum: what models look like to the solver. Held
 * against brute force, also with cutoffs and with the rungs after the frontier left out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "solve/solve.h"

enum { PROBLEMS = 300, MOST_NODES = 3, MOST_CHOICES = 3 };

struct block {
    int nodes, choices[MOST_NODES];
    double cost[MOST_NODES][MOST_CHOICES], held[MOST_NODES][MOST_CHOICES], working[MOST_NODES][MOST_CHOICES];
    double table[MOST_NODES][MOST_CHOICES * MOST_CHOICES]; /* from the node before; of the first: from the last */
};

/* Coarse costs and memory that trade against each other, and fine differences. */
static void make_block(struct block *b, uint64_t *seed)
{
    b->nodes = 2 + (int)sc_random_below(seed, MOST_NODES - 1);
    for (int i = 0; i < b->nodes; i++) {
        double size = i == 0 ? 1000 : 1 + (double)sc_random_below(seed, 60);
        b->choices[i] = b->nodes == 2 ? 2 + (int)sc_random_below(seed, 2) : 2 + (i == 0 && sc_random_below(seed, 2));
        for (int c = 0; c < b->choices[i]; c++) {
            b->cost[i][c] =
                floor(size * 3 * (1 + c) * (0.5 + sc_random_unit(seed))) + (double)sc_random_below(seed, 40);
            b->held[i][c] = floor(size * (b->choices[i] - c) * (0.5 + sc_random_unit(seed)));
            b->working[i][c] = floor(size * sc_random_unit(seed) * 2);
        }
    }
    for (int i = 0; i < b->nodes; i++)
        for (int e = 0; e < MOST_CHOICES * MOST_CHOICES; e++)
            b->table[i][e] = sc_random_below(seed, 3) ? 0 : (double)sc_random_below(seed, i == 0 ? 900 : 300);
}

static struct sc_problem *chain(uint64_t seed)
{
    struct block b;
    struct sc_problem_builder *builder = sc_problem_builder_new("blocks");
    struct sc_problem *problem = NULL;
    struct sc_error err = {0};
    double least = 0, most = 0, peak = 0;
    make_block(&b, &seed);
    int blocks = 3 + (int)sc_random_below(&seed, 3), slots = blocks * b.nodes;
    for (int n = 0; n < slots; n++) {
        int i = n % b.nodes, before = (i + b.nodes - 1) % b.nodes;
        double low = INFINITY, high = 0;
        sc_problem_add_node(builder, b.choices[i], b.cost[i], NULL);
        sc_problem_add_usage(builder, n, 0, slots, b.held[i]);
        sc_problem_add_usage(builder, n, n, n + 1, b.working[i]);
        for (int c = 0; c < b.choices[i]; c++) {
            low = fmin(low, b.held[i][c]);
            high = fmax(high, b.held[i][c]);
            peak = fmax(peak, b.working[i][c]);
        }
        least += low;
        most += high;
        if (n > 0)
            sc_problem_add_edge(builder, n - 1, n,
                                sc_problem_add_table(builder, b.choices[before], b.choices[i], b.table[i], 0));
    }
    sc_problem_set_limit(builder, floor(least + (most - least) * sc_random_unit(&seed) + peak * sc_random_unit(&seed)));
    assert_int_equal(sc_problem_build(builder, &problem, &err), SC_OK);
    sc_problem_builder_free(builder);
    return problem;
}

static struct sc_solution *solve(const struct sc_problem *p, enum sc_solver solver, uint32_t skip, double most)
{
    struct sc_solve_options options = SC_SOLVE_OPTIONS_INIT;
    struct sc_solution *s = NULL;
    struct sc_error err = {0};
    options.solver = solver;
    options.skip = skip;
    options.most = most;
    if (sc_solve(p, &options, &s, &err) != SC_OK)
        fail_msg("%s: %s", sc_solver_name(solver), err.message);
    return s;
}

static void equals_brute_force(void **state)
{
    (void)state;
    const uint32_t later =
        1u << SC_RUNG_PRICE | 1u << SC_RUNG_BRANCH | 1u << SC_RUNG_NEIGHBOURS | 1u << SC_RUNG_PROGRAM;
    int optimal = 0, infeasible = 0, by_frontier = 0, reached = 0;
    for (uint64_t seed = 1; seed <= PROBLEMS; seed++) {
        struct sc_problem *p = chain(seed * 7717);
        struct sc_solution *brute = solve(p, SC_SOLVER_BRUTE, 0, 0), *exact = solve(p, SC_SOLVER_EXACT, later, 0);
        struct sc_solution *below = solve(p, SC_SOLVER_EXACT, later, brute->choices ? brute->cost : 1000);
        bool proven = exact->status == SC_SOLVED_OPTIMAL || exact->status == SC_SOLVED_INFEASIBLE;
        bool right = proven ? exact->status == brute->status && exact->cost == brute->cost
                            : exact->bound <= brute->cost && exact->cost >= brute->cost;
        if (!right)
            fail_msg("seed %lu: %s %g (bound %g), brute force %s %g", (unsigned long)seed,
                     sc_solve_status_name(exact->status), exact->cost, exact->bound,
                     sc_solve_status_name(brute->status), brute->cost);
        double least = brute->choices ? brute->cost : 1000;
        reached += below->bound >= least;
        if (below->bound > brute->cost || (proven && below->bound < least))
            fail_msg("seed %lu: bound %g with a cutoff; brute force %g", (unsigned long)seed, below->bound,
                     brute->cost);
        by_frontier += proven;
        optimal += brute->status == SC_SOLVED_OPTIMAL;
        infeasible += brute->status == SC_SOLVED_INFEASIBLE;
        sc_solution_free(brute);
        sc_solution_free(exact);
        sc_solution_free(below);
        sc_problem_free(p);
    }
    print_message("%d problems: %d optimal, %d infeasible; the frontier proves %d, and %d with a cutoff\n", PROBLEMS,
                  optimal, infeasible, by_frontier, reached);
    assert_true(optimal > PROBLEMS / 2 && infeasible > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(equals_brute_force)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
