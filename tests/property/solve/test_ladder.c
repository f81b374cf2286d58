/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The ladder against itself and against GLPK: a rung that is left out must not change an answer; larger problems must
 * have the optimum that GLPK proves; the same seed and the same limit of work give the same result.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random_problem.h"
#include "support/layered_problem.h"

static struct sc_solution *solve(const struct sc_problem *p, enum sc_solver solver, uint32_t skip, double seconds,
                                 uint64_t work)
{
    struct sc_solve_options options = SC_SOLVE_OPTIONS_INIT;
    struct sc_cancel cancel;
    struct sc_solution *s = NULL;
    struct sc_error err = {0};
    sc_cancel_init(&cancel, seconds, work);
    options.solver = solver;
    options.skip = skip;
    options.cancel = &cancel;
    if (sc_solve(p, &options, &s, &err) != SC_OK)
        fail_msg("%s: %s", sc_solver_name(solver), err.message);
    assert_true(s->bound <= s->cost);
    if (s->choices) {
        struct sc_check check = sc_problem_check(p, s->choices);
        assert_true(check.feasible && check.cost == s->cost);
    }
    return s;
}

/* Two answers that cannot both be right? */
static void compare(const struct sc_solution *a, const struct sc_solution *b, const char *what, uint64_t seed)
{
    bool proven_a = a->status == SC_SOLVED_OPTIMAL || a->status == SC_SOLVED_INFEASIBLE;
    bool proven_b = b->status == SC_SOLVED_OPTIMAL || b->status == SC_SOLVED_INFEASIBLE;
    double slack = a->tolerance + b->tolerance;
    bool clash = a->bound > b->cost + slack || b->bound > a->cost + slack ||
                 (proven_a && proven_b && a->cost != b->cost && !(fabs(a->cost - b->cost) <= slack));
    if (clash)
        fail_msg("seed %lu, %s: %s %.17g (bound %.17g) against %s %.17g (bound %.17g)", (unsigned long)seed, what,
                 sc_solve_status_name(a->status), a->cost, a->bound, sc_solve_status_name(b->status), b->cost,
                 b->bound);
}

static const struct random_shape shapes[] = {
    {6, 30, 6, 0.12, 0.05, 1.0, 1000},
    {6, 24, 5, 0.25, 0.10, 1.0, 40},
    {5, 14, 8, 0.50, 0.02, 1.0, 100000},
    {6, 20, 4, 0.40, 0.20, 0.3, 9},
};

static void rungs_left_out(void **state)
{
    (void)state;
    static const uint32_t skips[] = {
        1u << SC_RUNG_REDUCE,
        1u << SC_RUNG_ELIMINATE,
        1u << SC_RUNG_FRONTIER,
        1u << SC_RUNG_PRICE,
        1u << SC_RUNG_BRANCH,
        1u << SC_RUNG_NEIGHBOURS,
        1u << SC_RUNG_PRICE | 1u << SC_RUNG_NEIGHBOURS,
        1u << SC_RUNG_ELIMINATE | 1u << SC_RUNG_BRANCH | 1u << SC_RUNG_PROGRAM,
    };
    int proven = 0, runs = 0;
    for (uint64_t seed = 0; seed < 80; seed++) {
        struct sc_problem *p = random_problem(seed + 90000, &shapes[seed % SC_LEN(shapes)]);
        struct sc_solution *all = solve(p, SC_SOLVER_EXACT, 0, 20, 0);
        for (size_t i = 0; i < SC_LEN(skips); i++) {
            char what[32];
            snprintf(what, sizeof what, "skip %x", skips[i]);
            struct sc_solution *some = solve(p, SC_SOLVER_EXACT, skips[i], 0.2, 0);
            compare(all, some, what, seed);
            proven += some->status == SC_SOLVED_OPTIMAL || some->status == SC_SOLVED_INFEASIBLE;
            runs++;
            sc_solution_free(some);
        }
        assert_true(all->status == SC_SOLVED_OPTIMAL || all->status == SC_SOLVED_INFEASIBLE);
        sc_solution_free(all);
        sc_problem_free(p);
    }
    print_message("%d of %d runs with a rung left out were proven\n", proven, runs);
}

static void larger_ones_against_glpk(void **state)
{
    (void)state;
    int proven = 0, exact_proven = 0, count = 40;
    for (int i = 0; i < count; i++) {
        uint64_t seed = 500 + (uint64_t)i;
        struct random_shape shape = {50, 300, 5, 0, 0.03, 1.0, 1000};
        shape.edge_chance = 0.004 + 0.002 * (i % 4);
        struct sc_problem *p = random_problem(seed, &shape);
        struct sc_solution *exact = solve(p, SC_SOLVER_EXACT, 0, 2, 0);
        struct sc_solution *ilp = solve(p, SC_SOLVER_ILP, 0, 0.5, 0);
        compare(exact, ilp, "against GLPK", seed);
        proven += ilp->status == SC_SOLVED_OPTIMAL || ilp->status == SC_SOLVED_INFEASIBLE;
        exact_proven += exact->status == SC_SOLVED_OPTIMAL || exact->status == SC_SOLVED_INFEASIBLE;
        sc_solution_free(exact);
        sc_solution_free(ilp);
        sc_problem_free(p);
    }
    print_message("of %d problems with 50 to 300 nodes GLPK proved %d, the ladder %d\n", count, proven, exact_proven);
    assert_true(exact_proven >= proven);
}

/* Layers under a limit, by frontiers and by everything else. */
static void layers(void **state)
{
    (void)state;
    int proven = 0, by_others = 0;
    for (uint64_t seed = 1; seed <= 24; seed++) {
        struct layered_shape shape = {1 + (int)(seed % 3), 5 + (int)(seed % 4), seed % 2,
                                      0.01 + 0.08 * (double)(seed % 9)};
        struct sc_error err = {0};
        struct sc_problem *p = layered_problem(seed, &shape, &err);
        assert_non_null(p);
        struct sc_solution *frontier = solve(p, SC_SOLVER_EXACT, 1u << SC_RUNG_BRANCH | 1u << SC_RUNG_PRICE, 5, 0);
        struct sc_solution *others = solve(p, SC_SOLVER_EXACT, 1u << SC_RUNG_FRONTIER, 0.5, 0);
        compare(frontier, others, "frontier against branching", seed);
        proven += frontier->status == SC_SOLVED_OPTIMAL || frontier->status == SC_SOLVED_INFEASIBLE;
        by_others += others->status == SC_SOLVED_OPTIMAL || others->status == SC_SOLVED_INFEASIBLE;
        sc_solution_free(frontier);
        sc_solution_free(others);
        sc_problem_free(p);
    }
    print_message("24 layered problems: %d proven by frontiers, %d without them\n", proven, by_others);
    assert_true(proven == 24 && by_others > 6);
}

static void same_work_same_result(void **state)
{
    (void)state;
    struct random_shape shape = {120, 120, 8, 0.15, 0.02, 1.0, 1000};
    int stopped = 0;
    for (uint64_t seed = 0; seed < 8; seed++) {
        struct sc_problem *p = random_problem(seed, &shape);
        struct sc_solution *a = solve(p, SC_SOLVER_EXACT, 0, 0, 60000), *b = solve(p, SC_SOLVER_EXACT, 0, 0, 60000);
        assert_true(a->status == b->status && a->cost == b->cost && a->bound == b->bound &&
                    a->trace_count == b->trace_count);
        if (a->choices)
            assert_memory_equal(a->choices, b->choices, (size_t)p->node_count * sizeof *a->choices);
        stopped += a->status == SC_SOLVED_FEASIBLE;
        sc_solution_free(a);
        sc_solution_free(b);
        sc_problem_free(p);
    }
    print_message("%d of 8 were stopped by the limit of work\n", stopped);
    assert_true(stopped > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rungs_left_out),
        cmocka_unit_test(larger_ones_against_glpk),
        cmocka_unit_test(layers),
        cmocka_unit_test(same_work_same_result),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
