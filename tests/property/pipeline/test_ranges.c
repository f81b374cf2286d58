/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Every run of layers of small models, as a stage: what the sweep says is what solving the stage's own problem says
 * when memory is plenty, and never more when it is not; runs with equal keys have equal costs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/pipeline.h"
#include "plan/plan.h"
#include "support/run.h"

static double solve_stage(const struct sc_costs *whole, int first, int last, int in_flight, double limit, double *peak)
{
    struct sc_costs *costs = NULL;
    struct sc_problem *problem = NULL, *limited = NULL;
    struct sc_solution *s = NULL;
    struct sc_error err = {0};
    struct sc_solve_options options = SC_SOLVE_OPTIONS_INIT;
    if (sc_costs_cut(whole, first, last, in_flight, &costs, &err) != SC_OK ||
        sc_plan_problem(costs, &problem, &err) != SC_OK ||
        sc_problem_vary(problem, 0, NULL, NULL, limit, &limited, &err) != SC_OK ||
        sc_solve(limited, &options, &s, &err) != SC_OK || !s)
        fail_msg("%s", err.message);
    double cost = s->cost;
    *peak = s->choices ? sc_problem_check(limited, s->choices).peak : INFINITY;
    assert_true(s->status == SC_SOLVED_OPTIMAL || s->status == SC_SOLVED_INFEASIBLE);
    sc_solution_free(s);
    sc_problem_free(limited);
    sc_problem_free(problem);
    sc_costs_free(costs);
    return cost;
}

/* `loose`: parameters are tied or many tensors pass, so that some runs are only bounded. `many`: too many runs to solve
 * each with a limit. */
static void check(const char *model, const char *sets, const char *cluster, const char *mesh, enum sc_remat remat,
                  bool loose, bool many)
{
    struct sc_cost_options options = SC_COST_OPTIONS_INIT;
    struct run run;
    struct sc_error err = {0};
    struct sc_ranges *ranges;
    options.cuttable = true;
    options.remat = remat;
    options.microbatches = 4;
    options.memory_bytes = 1e15;
    run_costs(&run, model, sets, cluster, mesh, SC_FORMULAS_NATIVE, &options);
    if (sc_plan_problem(run.costs, &run.problem, &err) != SC_OK)
        fail_msg("%s", err.message);
    int layers = run.graph->layer_count, exact = 0, count = 0;
    double *plain = calloc((size_t)layers * (size_t)layers, sizeof *plain);
    double *costs = calloc((size_t)layers * (size_t)layers, sizeof *costs);
    uint64_t *keys = calloc((size_t)layers * (size_t)layers, sizeof *keys);
    if (sc_ranges_new(run.costs, run.problem, NULL, &ranges, &err) != SC_OK ||
        sc_ranges_sweep(ranges, 0, 1, plain, &err) != SC_OK)
        fail_msg("%s: %s", model, err.message);
    for (int first = 0; first < layers; first++)
        for (int last = first; last < layers; last++) {
            double peak, cost = solve_stage(run.costs, first, last, 1, INFINITY, &peak);
            double said = plain[first * layers + last];
            uint64_t key = sc_ranges_key(ranges, first, last);
            if (said > cost || (!loose && said != cost))
                fail_msg("%s, layers %d to %d: the sweep says %.17g, the stage costs %.17g", model, first, last, said,
                         cost);
            for (int i = 0; i < count; i++)
                if (keys[i] == key && costs[i] != cost)
                    fail_msg("%s, layers %d to %d: its key is one of %.17g, it costs %.17g", model, first, last,
                             costs[i], cost);
            keys[count] = key;
            costs[count] = cost;
            exact += said == cost;
            count++;
            if (many)
                continue;
            /* With less memory: prices bound it from below. */
            double less, limited = solve_stage(run.costs, first, last, 3, 0.8 * peak, &less);
            for (double price = 1e-13; isfinite(limited) && price < 1e-7; price *= 30) {
                double *priced = calloc((size_t)layers * (size_t)layers, sizeof *priced);
                assert_int_equal(sc_ranges_sweep(ranges, price, 3, priced, &err), SC_OK);
                double bound = priced[first * layers + last] + price * (1e15 - 0.8 * peak);
                if (bound > limited * (1 + 1e-6) + price * 1e6)
                    fail_msg("%s, layers %d to %d: %.17g is no bound on %.17g", model, first, last, bound, limited);
                free(priced);
            }
        }
    print_message("%s %s: %d of %d runs exact\n", model, sets, exact, count);
    sc_ranges_free(ranges);
    free(plain);
    free(costs);
    free(keys);
    run_free(&run);
}

#define MODEL(name) TEST_SOURCE_DIR "/samples/models/" name ".json"

static void runs_cost_what_stages_cost(void **state)
{
    (void)state;
    check(MODEL("mlp-12"), "layers=4", "toy-2x2", "2x2", SC_REMAT_NONE, false, false);
    check(MODEL("gpt-125m"), "layers=3", "toy-2x2", "2x2", SC_REMAT_NONE, true, false);
    check(MODEL("gpt-125m"), "layers=2", "toy-1x4", "4", SC_REMAT_LAYER, true, false);
    check(MODEL("t5-3b"), "layers=2", "h100:1", "8", SC_REMAT_NONE, true, true);
    check(MODEL("u-net"), "", "h100:1", "8", SC_REMAT_NONE, true, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(runs_cost_what_stages_cost)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
