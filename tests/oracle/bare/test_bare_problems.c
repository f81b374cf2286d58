/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Published values of bare problems: google/iopddl's example.json (ASPLOS/EuroSys 2025 contest) and the cases of
 * OpenXLA's xla/hlo/experimental/auto_sharding/auto_sharding_solver_test.cc. Contest problems are solved when the
 * environment variable STAGECUT_PROBLEMS names a folder that holds more than samples/problems does.
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

#include "solve/solve.h"

static struct sc_solution *solve(const struct sc_problem *p, enum sc_solver solver, double seconds)
{
    struct sc_solve_options options = SC_SOLVE_OPTIONS_INIT;
    struct sc_cancel cancel;
    struct sc_solution *s = NULL;
    struct sc_error err = {0};
    sc_cancel_init(&cancel, seconds, 0);
    options.solver = solver;
    options.cancel = &cancel;
    if (sc_solve(p, &options, &s, &err) != SC_OK)
        fail_msg("%s", err.message);
    return s;
}

/* ---- the contest's example -------------------------------------------------------------------------- */

static const char example[] =
    "{\"problem\": {\"name\": \"example\", \"nodes\": {"
    "\"intervals\": [[30,70],[40,70],[50,120],[110,140],[110,150]],"
    "\"costs\": [[15],[55,65],[25,45,35],[85,75],[95]],"
    "\"usages\": [[10],[25,25],[15,20,15],[10,10],[15]]},"
    "\"edges\": {\"nodes\": [[0,1],[0,2],[1,3],[2,4],[3,4]],"
    "\"costs\": [[30,40],[50,10,40],[90,10,20,80],[60,20,30],[70,60]]}, \"usage_limit\": 50}}";

static void contest_example(void **state)
{
    (void)state;
    struct sc_problem *p;
    struct sc_error err = {0};
    assert_int_equal(sc_problem_parse("example", example, strlen(example), &p, &err), SC_OK);
    assert_true(sc_problem_check(p, (int[]){0, 0, 2, 1, 0}).feasible);
    assert_true(sc_problem_check(p, (int[]){0, 0, 2, 1, 0}).cost == 445);
    assert_true(sc_problem_check(p, (int[]){0, 1, 2, 0, 0}).feasible);
    assert_true(sc_problem_check(p, (int[]){0, 1, 2, 0, 0}).cost == 495);
    assert_false(sc_problem_check(p, (int[]){0, 0, 1, 1, 0}).feasible);
    assert_true(sc_problem_check(p, (int[]){0, 0, 1, 1, 0}).cost == 415);
    for (int solver = 0; solver < SC_SOLVER_COUNT; solver++) {
        struct sc_solution *s = solve(p, (enum sc_solver)solver, 10);
        if (solver != SC_SOLVER_GREEDY) {
            assert_int_equal(s->status, SC_SOLVED_OPTIMAL);
            assert_true(s->cost == 445 && s->bound == 445);
        }
        assert_true(s->choices && s->cost >= 445);
        sc_solution_free(s);
    }
    sc_problem_free(p);
}

/* ---- XLA's solver test ------------------------------------------------------------------------------ */

struct xla {
    struct sc_problem_builder *b;
    double cost[5][7];
    double r0[7 * 7], r1[7 * 7];
    int k[5];
};

/* Five nodes; node 3 follows node 2; computation plus communication costs; what is alive when, and its bytes. */
static void xla_default(struct xla *x)
{
    static const int k[5] = {4, 3, 4, 4, 3};
    for (int n = 0; n < 5; n++)
        for (int c = 0; c < k[n]; c++)
            x->cost[n][c] = (10 * (n + 1) + c) + (100 * (n + 1) + 10 * c);
    memcpy(x->k, k, sizeof k);
    for (int p = 0; p < 4; p++)
        for (int q = 0; q < 4; q++) {
            x->r0[p * 4 + q] = 1000 * (p + 1) + 100 * q;
            x->r1[p * 4 + q] = 1000 * (p + 5) + 100 * q;
        }
}

static void edge(struct xla *x, int u, int v, const double *values)
{
    assert_true(sc_problem_add_edge(x->b, u, v, sc_problem_add_table(x->b, x->k[u], x->k[v], values, 0)) >= 0);
}

static void xla_graph(struct xla *x)
{
    static const int64_t alive[5][2] = {{0, 5}, {0, 5}, {2, 4}, {3, 5}, {5, 5}};
    double follow[7 * 7], alias[9] = {0, INFINITY, INFINITY, INFINITY, 0, INFINITY, INFINITY, INFINITY, 0};
    x->b = sc_problem_builder_new("xla");
    for (int n = 0; n < 5; n++)
        sc_problem_add_node(x->b, x->k[n], x->cost[n], NULL);
    for (int n = 0; n < 5; n++) {
        double bytes[7];
        for (int c = 0; c < x->k[n]; c++)
            bytes[c] = n == 0 && c == 2 ? 990000 : 100000 * (n + 1) + 10000 * c;
        sc_problem_add_usage(x->b, n, alive[n][0], alive[n][1], bytes);
    }
    sc_problem_set_limit(x->b, 1500000);
    for (int p = 0; p < x->k[2]; p++)
        for (int q = 0; q < x->k[3]; q++)
            follow[p * x->k[3] + q] = p == q ? 0 : INFINITY;
    edge(x, 0, 2, x->r0);
    edge(x, 1, 2, x->r1);
    edge(x, 2, 3, follow);
    edge(x, 1, 4, alias);
}

static void xla_expect(struct xla *x, double cost, const int *choices)
{
    struct sc_problem *p;
    struct sc_error err = {0};
    assert_int_equal(sc_problem_build(x->b, &p, &err), SC_OK);
    sc_problem_builder_free(x->b);
    for (int solver = 0; solver < SC_SOLVER_COUNT; solver++) {
        struct sc_solution *s = solve(p, (enum sc_solver)solver, 10);
        assert_true(s->choices && s->cost >= cost);
        if (solver != SC_SOLVER_GREEDY) {
            assert_int_equal(s->status, SC_SOLVED_OPTIMAL);
            assert_true(s->cost == cost);
            assert_memory_equal(s->choices, choices, 5 * sizeof *choices);
        }
        sc_solution_free(s);
    }
    sc_problem_free(p);
}

static void xla_optimum(void **state)
{
    (void)state;
    struct xla x;
    xla_default(&x);
    xla_graph(&x);
    xla_expect(&x, 7650, (int[]){0, 0, 0, 0, 0});
}

static void xla_forbidden_edge(void **state)
{
    (void)state;
    struct xla x;
    xla_default(&x);
    x.r0[0] = INFINITY;
    xla_graph(&x);
    xla_expect(&x, 7872, (int[]){0, 0, 1, 1, 0});
}

static void xla_forbidden_nodes(void **state)
{
    (void)state;
    struct xla x;
    xla_default(&x);
    x.cost[0][0] = x.cost[0][1] = x.cost[0][2] = INFINITY;
    xla_graph(&x);
    xla_expect(&x, 10683, (int[]){3, 0, 0, 0, 0});
}

static void xla_followed_edge(void **state)
{
    (void)state;
    struct xla x;
    xla_default(&x);
    xla_graph(&x);
    edge(&x, 1, 3, x.r1);
    xla_expect(&x, 12650, (int[]){0, 0, 0, 0, 0});
}

static void xla_collapsed_edge(void **state)
{
    (void)state;
    struct xla x;
    xla_default(&x);
    xla_graph(&x);
    double r[16];
    for (int i = 0; i < 16; i++)
        r[i] = i == 0 ? 9000 : 5000 + 1000 * (i / 4) + 100 * (i % 4);
    edge(&x, 2, 3, r);
    xla_expect(&x, 13972, (int[]){0, 0, 1, 1, 0});
}

static void xla_evaluation(void **state)
{
    (void)state;
    struct xla x;
    struct sc_problem *p;
    struct sc_error err = {0};
    xla_default(&x);
    xla_graph(&x);
    assert_int_equal(sc_problem_build(x.b, &p, &err), SC_OK);
    sc_problem_builder_free(x.b);
    struct sc_check check = sc_problem_check(p, (int[]){3, 1, 2, 2, 1});
    assert_true(check.feasible && check.cost == 12149 && check.peak == 1080000);
    check = sc_problem_check(p, (int[]){2, 1, 2, 2, 1});
    assert_true(!check.feasible && check.cost == 11138 && check.peak == 1940000);
    check = sc_problem_check(p, (int[]){3, 1, 2, 1, 1}); /* violates following */
    assert_true(!check.feasible && check.bad_edge == 2);
    check = sc_problem_check(p, (int[]){3, 1, 2, 2, 0}); /* violates the alias */
    assert_true(!check.feasible && check.bad_edge == 3);
    sc_problem_free(p);
}

/* ---- contest problems -------------------------------------------------------------------------------- */

static void contest_problems(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        double optimum, seconds;
    } cases[] = {
        {"contest-B.json.gz", 532843, 60}, {"contest-G.json.gz", 217039, 60}, {"contest-P.json.gz", 651833115436, 120}};
    const char *folder = getenv("STAGECUT_PROBLEMS");
    for (size_t i = 0; i < SC_LEN(cases); i++) {
        char path[4096];
        struct sc_problem *p;
        struct sc_error err = {0};
        snprintf(path, sizeof path, "%s/%s", folder ? folder : TEST_SOURCE_DIR "/samples/problems", cases[i].file);
        if (!folder && !sc_file_exists(path)) {
            print_message("%s: only where STAGECUT_PROBLEMS names a folder that has it\n", cases[i].file);
            continue;
        }
        if (sc_problem_load(path, &p, &err) != SC_OK)
            fail_msg("%s", err.message);
        struct sc_solution *s = solve(p, SC_SOLVER_EXACT, cases[i].seconds);
        print_message("%s: %s, cost %.17g, bound %.17g, %.3f s\n", cases[i].file, sc_solve_status_name(s->status),
                      s->cost, s->bound, s->seconds);
        assert_int_equal(s->status, SC_SOLVED_OPTIMAL);
        assert_true(s->cost == cases[i].optimum && s->bound == s->cost && s->tolerance == 0);
        sc_solution_free(s);
        sc_problem_free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contest_example),    cmocka_unit_test(xla_optimum),
        cmocka_unit_test(xla_forbidden_edge), cmocka_unit_test(xla_forbidden_nodes),
        cmocka_unit_test(xla_followed_edge),  cmocka_unit_test(xla_collapsed_edge),
        cmocka_unit_test(xla_evaluation),     cmocka_unit_test(contest_problems),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
