/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * On small random problems every solver is held against brute force, and brute force against the checker.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "random_problem.h"

enum { PROBLEMS = 2000 };

static const struct random_shape shapes[] = {
    {2, 9, 4, 0.30, 0.10, 0.0, 30}, {2, 9, 4, 0.30, 0.10, 1.0, 30},     {2, 7, 6, 0.45, 0.25, 0.7, 1000},
    {3, 9, 3, 0.60, 0.05, 1.0, 5},  {2, 6, 7, 0.50, 0.02, 1.0, 100000}, {4, 9, 3, 0.25, 0.35, 0.5, 12},
};

static struct sc_solution *solve(const struct sc_problem *p, enum sc_solver solver, bool marginals)
{
    struct sc_solve_options options = SC_SOLVE_OPTIONS_INIT;
    struct sc_solution *s = NULL;
    struct sc_error err = {0};
    options.solver = solver;
    options.marginals = marginals;
    options.limits = true;
    if (sc_solve(p, &options, &s, &err) != SC_OK)
        fail_msg("%s: %s", sc_solver_name(solver), err.message);
    return s;
}

static void same_answer(const struct sc_problem *p, const struct sc_solution *s, const struct sc_solution *brute,
                        uint64_t seed, const char *who)
{
    if (s->status != brute->status)
        fail_msg("seed %lu: %s says %s, brute force %s", (unsigned long)seed, who, sc_solve_status_name(s->status),
                 sc_solve_status_name(brute->status));
    if (!s->choices) {
        assert_true(s->bound == INFINITY && s->cost == INFINITY);
        return;
    }
    struct sc_check check = sc_problem_check(p, s->choices);
    if (s->cost != brute->cost || s->bound != brute->cost || !check.feasible || check.cost != s->cost)
        fail_msg("seed %lu: %s finds %g (bound %g), brute force %g", (unsigned long)seed, who, s->cost, s->bound,
                 brute->cost);
}

static void marginals_hold(const struct sc_problem *p, const struct sc_solution *s, const struct sc_solution *brute,
                           uint64_t seed)
{
    assert_true(s->marginal != NULL || !s->choices);
    for (int n = 0; s->marginal && n < p->node_count; n++)
        for (int c = 0; c < p->choices[n]; c++) {
            double found = s->marginal[n][c], truth = brute->marginal[n][c];
            if (s->marginals_exact ? found != truth : found > truth)
                fail_msg("seed %lu: forcing choice %d of node %d costs %g; brute force says %g%s", (unsigned long)seed,
                         c, n, found, truth, s->marginals_exact ? " (said to be exact)" : "");
        }
}

/* An infeasible problem: brute force knows the least limit that would do. */
static void limits_hold(const struct sc_problem *p, const struct sc_solution *s, const struct sc_solution *brute,
                        uint64_t seed)
{
    double least = brute->limit_feasible;
    bool right = least == INFINITY ? s->limit_feasible == INFINITY && s->limit_infeasible == -INFINITY
                                   : s->limit_feasible >= least && s->limit_infeasible < least &&
                                         s->limit_infeasible >= p->limit && s->limit_feasible <= least * 1.01 + 1;
    if (!right)
        fail_msg("seed %lu: a limit of %g would do; said are %g and, too little, %g", (unsigned long)seed, least,
                 s->limit_feasible, s->limit_infeasible);
}

/* Only plans that cost less than so much: just more than the best, as much, less, or where there is none. */
static void cutoff_holds(const struct sc_problem *p, const struct sc_solution *brute, uint64_t seed)
{
    double least = brute->choices ? brute->cost : 40;
    for (double most = least - 3; most <= least + 1; most++) {
        struct sc_solve_options options = SC_SOLVE_OPTIONS_INIT;
        struct sc_solution *s = NULL;
        struct sc_error err = {0};
        options.most = most;
        if (most == 0 || most == least - 2)
            continue;
        if (sc_solve(p, &options, &s, &err) != SC_OK)
            fail_msg("with a cutoff: %s", err.message);
        if (brute->choices && most > least)
            same_answer(p, s, brute, seed, "exact with a cutoff above the best");
        else if (s->bound < most || s->bound > brute->cost || s->status == SC_SOLVED_INFEASIBLE)
            fail_msg("seed %lu: below %g: %s, bound %g; brute force finds %g", (unsigned long)seed, most,
                     sc_solve_status_name(s->status), s->bound, brute->cost);
        sc_solution_free(s);
    }
}

static void solvers_agree(void **state)
{
    (void)state;
    int optimal = 0, infeasible = 0, limited = 0, exact_marginals = 0;
    for (uint64_t seed = 0; seed < PROBLEMS; seed++) {
        const struct random_shape *shape = &shapes[seed % SC_LEN(shapes)];
        struct sc_problem *p = random_problem(seed, shape);
        assert_non_null(p);
        struct sc_solution *brute = solve(p, SC_SOLVER_BRUTE, true);
        struct sc_solution *exact = solve(p, SC_SOLVER_EXACT, false);
        struct sc_solution *with = solve(p, SC_SOLVER_EXACT, true);
        struct sc_solution *greedy = solve(p, SC_SOLVER_GREEDY, false);
        same_answer(p, exact, brute, seed, "exact");
        same_answer(p, with, brute, seed, "exact with min-marginals");
        marginals_hold(p, with, brute, seed);
        cutoff_holds(p, brute, seed);
        if (greedy->choices)
            assert_true(brute->choices && greedy->cost >= brute->cost && greedy->bound <= brute->cost);
        struct sc_solution *ilp = solve(p, SC_SOLVER_ILP, false);
        same_answer(p, ilp, brute, seed, "ilp");
        sc_solution_free(ilp);
        if (brute->status == SC_SOLVED_INFEASIBLE)
            limits_hold(p, exact, brute, seed);
        optimal += brute->status == SC_SOLVED_OPTIMAL;
        infeasible += brute->status == SC_SOLVED_INFEASIBLE;
        limited += p->limit < INFINITY;
        exact_marginals += with->marginals_exact;
        sc_solution_free(brute);
        sc_solution_free(exact);
        sc_solution_free(with);
        sc_solution_free(greedy);
        sc_problem_free(p);
    }
    print_message("%d problems: %d optimal, %d infeasible, %d with a limit, %d with exact min-marginals\n", PROBLEMS,
                  optimal, infeasible, limited, exact_marginals);
    assert_true(optimal > PROBLEMS / 3 && infeasible > PROBLEMS / 20 && limited > PROBLEMS / 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(solvers_agree)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
