/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Solving when memory runs out at any allocation, and when it is told to stop.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "solve/solve.h"
#include "support/faults.h"

/* A ring with chords; with `width` it is a random graph with that many neighbours ahead of each node. */
static struct sc_problem *make(int nodes, int k, int width, bool limited, struct sc_error *err)
{
    uint64_t seed = 5;
    struct sc_problem *p = NULL;
    struct sc_problem_builder *b = sc_problem_builder_new("made");
    double row[32], table[32 * 32];
    if (!b) {
        sc_fail(err, SC_NO_MEMORY, "no builder");
        return NULL;
    }
    for (int n = 0; n < nodes; n++) {
        for (int c = 0; c < k; c++)
            row[c] = (double)sc_random_below(&seed, 1000);
        sc_problem_add_node(b, k, row, NULL);
        for (int c = 0; c < k; c++)
            row[c] = (double)((c * 7 + n) % k) + 1;
        sc_problem_add_usage(b, n, n, n + 5, row);
    }
    for (int n = 0; n < nodes; n++)
        for (int step = 1; step <= width; step++) {
            int to = (n + step * step) % nodes;
            for (int i = 0; i < k * k; i++)
                table[i] = (double)sc_random_below(&seed, 1000);
            if (to != n)
                sc_problem_add_edge(b, n, to, sc_problem_add_table(b, k, k, table, 0));
        }
    if (limited)
        sc_problem_set_limit(b, 2.1 * k);
    sc_problem_build(b, &p, err);
    sc_problem_builder_free(b);
    return p;
}

static enum sc_status attempt(enum sc_solver solver, int width, double *cost)
{
    struct sc_error err = {0};
    struct sc_solve_options options = SC_SOLVE_OPTIONS_INIT;
    struct sc_solution *s = NULL;
    struct sc_problem *p = make(6, 3, width, true, &err), *q = NULL;
    if (!p)
        return err.status;
    options.solver = solver;
    options.marginals = true;
    enum sc_status status = sc_problem_vary(p, 0, NULL, NULL, p->limit, &q, &err);
    if (status == SC_OK)
        status = sc_solve(q, &options, &s, &err);
    if (status == SC_OK) {
        struct sc_str text = {0};
        *cost = s->cost;
        status = sc_problem_write(q, &text, &err);
        struct sc_problem *again = NULL;
        if (status == SC_OK)
            status = sc_problem_parse("again", sc_str_text(&text), text.length, &again, &err);
        sc_problem_free(again);
        sc_str_free(&text);
        sc_solution_free(s);
    }
    sc_problem_free(q);
    sc_problem_free(p);
    return status;
}

static void memory_runs_out_anywhere(void **state)
{
    (void)state;
    faults_begin();
    for (int width = 1; width <= 3; width++)
        for (int solver = 0; solver < SC_SOLVER_COUNT; solver++) {
            double truth = 0, cost = 0;
            faults_after(-1);
            assert_int_equal(attempt((enum sc_solver)solver, width, &truth), SC_OK);
            int n = 0;
            enum sc_status status;
            do {
                faults_after(n++);
                status = attempt((enum sc_solver)solver, width, &cost);
                bool failed = faults_hit();
                if (status == SC_OK)
                    assert_true(cost == truth); /* none failed, or it was one that is not needed */
                else if (status != SC_NO_MEMORY)
                    fail_msg("%s, allocation %d: %s", sc_solver_name((enum sc_solver)solver), n,
                             sc_status_name(status));
                if (!failed)
                    break;
            } while (n < 100000);
            assert_true(status == SC_OK && n > 20);
        }
    faults_end();
}

static void stops_when_told(void **state)
{
    (void)state;
    struct sc_error err = {0};
    struct sc_problem *p = make(220, 24, 5, true, &err);
    assert_non_null(p);
    static const enum sc_solver solvers[] = {SC_SOLVER_EXACT, SC_SOLVER_ILP, SC_SOLVER_GREEDY};
    for (size_t i = 0; i < SC_LEN(solvers); i++)
        for (int limit = 0; limit < 4; limit++) {
            static const double seconds[] = {1e-9, 0.01, 0.2, 0};
            struct sc_cancel cancel;
            struct sc_solve_options options = SC_SOLVE_OPTIONS_INIT;
            struct sc_solution *s;
            sc_cancel_init(&cancel, seconds[limit], 0);
            if (limit == 3)
                sc_cancel_request(&cancel);
            options.solver = solvers[i];
            options.cancel = &cancel;
            options.marginals = true;
            double start = sc_now();
            assert_int_equal(sc_solve(p, &options, &s, &err), SC_OK);
            double over = sc_now() - start - seconds[limit];
            if (over > 1) /* the law says 0.1 s; sanitizers and busy machines take their share */
                fail_msg("%s needs %g s to stop after %g", sc_solver_name(solvers[i]), over, seconds[limit]);
            if (s->choices)
                assert_true(sc_problem_check(p, s->choices).cost == s->cost && s->bound <= s->cost);
            else
                assert_int_equal(s->status, SC_SOLVED_TIMEOUT);
            sc_solution_free(s);
        }
    sc_problem_free(p);
}

static void brute_refuses(void **state)
{
    (void)state;
    struct sc_error err = {0};
    struct sc_problem *p = make(20, 10, 1, false, &err);
    struct sc_solve_options options = SC_SOLVE_OPTIONS_INIT;
    struct sc_solution *s;
    options.solver = SC_SOLVER_BRUTE;
    assert_int_equal(sc_solve(p, &options, &s, &err), SC_LIMIT);
    assert_non_null(strstr(err.message, "1e+20"));
    assert_null(s);
    sc_problem_free(p);
}

static void names(void **state)
{
    (void)state;
    for (int i = 0; i < SC_SOLVER_COUNT; i++) {
        enum sc_solver found;
        assert_true(sc_solver_find(sc_solver_name((enum sc_solver)i), &found) && found == (enum sc_solver)i);
        assert_true(strlen(sc_solver_help((enum sc_solver)i)) > 10);
    }
    enum sc_solver found;
    assert_false(sc_solver_find("oracle", &found));
    assert_string_equal(sc_solve_status_name(SC_SOLVED_TIMEOUT), "timeout");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_runs_out_anywhere),
        cmocka_unit_test(stops_when_told),
        cmocka_unit_test(brute_refuses),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
