/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The stage problem against brute force over all partitions and submeshes, against a plain reading of Alpa's
 * recurrence on larger instances, and against PipeDream's published cut of VGG-16.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pipeline/pipeline.h"

static struct sc_stage_option options[40000];
static int submeshes[8];

static struct sc_stage_problem random_problem(uint64_t *seed, int max_layers, int max_devices, int max_submeshes,
                                              bool structured)
{
    struct sc_stage_problem p = {.name = "random", .submeshes = submeshes, .options = options};
    p.layers = max_layers >= 20 ? max_layers : 1 + (int)sc_random_below(seed, (uint64_t)max_layers);
    p.devices = max_layers >= 20 ? max_devices : 1 + (int)sc_random_below(seed, (uint64_t)max_devices);
    p.submesh_count = max_layers >= 20 ? max_submeshes : 1 + (int)sc_random_below(seed, (uint64_t)max_submeshes);
    p.microbatches = 1 + (int)sc_random_below(seed, 20);
    p.objective = (enum sc_objective)sc_random_below(seed, SC_OBJECTIVE_COUNT);
    if (!structured && sc_random_below(seed, 2))
        p.host_devices = 1 + (int)sc_random_below(seed, (uint64_t)p.devices);
    if (!structured && sc_random_below(seed, 3) == 0) {
        p.stages_min = (int)sc_random_below(seed, 3);
        p.stages_max = sc_random_below(seed, 2) ? p.stages_min + 1 + (int)sc_random_below(seed, 2) : 0;
    }
    double work[64];
    bool limited = sc_random_below(seed, 2);
    for (int i = 0; i < p.layers; i++)
        work[i] = 0.5 + sc_random_unit(seed);
    for (int m = 0; m < p.submesh_count; m++)
        submeshes[m] = structured ? 1 << m : 1 + (int)sc_random_below(seed, (uint64_t)p.devices);
    for (int i = 0; i < p.layers; i++)
        for (int k = i; k < p.layers; k++)
            for (int m = 0; m < p.submesh_count; m++)
                for (int copy = 0; copy < (structured ? 1 : 2); copy++) {
                    double seconds = 0;
                    if (sc_random_below(seed, 10) < (structured ? 1 : 3))
                        continue;
                    for (int l = i; structured && l <= k; l++)
                        seconds += work[l] / (submeshes[m] * (1 - 0.05 * m));
                    if (!structured)
                        seconds = (double)sc_random_below(seed, 12); /* many ties */
                    struct sc_stage_option *o = &options[p.option_count++];
                    *o = (struct sc_stage_option){.first = i, .last = k, .submesh = m, .seconds = seconds};
                    o->max_successors = limited ? (int)sc_random_below(seed, (uint64_t)p.layers + 1) : p.layers;
                    if (limited && !structured && sc_random_below(seed, 4) == 0)
                        o->min_successors = (int)sc_random_below(seed, 3);
                    for (int v = 0; p.host_devices && v < 2; v++) {
                        o->in_s[v] = i > 0 ? (double)sc_random_below(seed, 3) : 0;
                        o->out_s[v] = k + 1 < p.layers ? (double)sc_random_below(seed, 3) : 0;
                    }
                }
    return p;
}

/* Every way to go on from a layer; the whole plan is priced at the end. */
static double brute(const struct sc_stage_problem *p, int layer, int *stages, int count)
{
    double best = INFINITY;
    if (layer == p->layers)
        return sc_stage_check(p, count, stages);
    for (int o = 0; o < p->option_count; o++) {
        if (p->options[o].first != layer)
            continue;
        stages[count] = o;
        best = fmin(best, brute(p, p->options[o].last + 1, stages, count + 1));
    }
    return best;
}

static void same(double a, double b, int instance)
{
    if (isinf(a) && isinf(b))
        return;
    if (!(fabs(a - b) <= 1e-9 * fmax(1, fabs(b))))
        fail_msg("instance %d: %.17g, expected %.17g", instance, a, b);
}

static void test_brute_force(void **state)
{
    uint64_t seed = 1;
    int feasible = 0, infeasible = 0;
    (void)state;
    for (int instance = 0; instance < 2000; instance++) {
        struct sc_stage_problem p = random_problem(&seed, 4, 7, 2, false);
        struct sc_stage_solution solution;
        int stages[8];
        assert_int_equal(sc_stage_solve(&p, NULL, &solution, NULL), SC_OK);
        double truth = brute(&p, 0, stages, 0);
        same(solution.latency_s, truth, instance);
        assert_int_equal(solution.status, isinf(truth) ? SC_STAGES_INFEASIBLE : SC_STAGES_OPTIMAL);
        assert_true(solution.bound_s == solution.latency_s);
        if (isfinite(truth))
            assert_true(sc_stage_check(&p, solution.count, solution.stages) == solution.latency_s);
        feasible += isfinite(truth);
        infeasible += isinf(truth);
        sc_stage_solution_free(&solution);
    }
    assert_true(feasible > 300 && infeasible > 300);
}

/* Alpa's recurrence as the paper writes it: F(s, k, d; t) for every t, no bounds, no dominance. */
static double alpa(const struct sc_stage_problem *p)
{
    int layers = p->layers, devices = p->devices;
    size_t plane = (size_t)(layers + 1) * (size_t)(devices + 1);
    double *f = malloc((size_t)(layers + 1) * plane * sizeof *f), best = INFINITY;
#define F(s, i, d) f[(size_t)(s)*plane + (size_t)(i) * (size_t)(devices + 1) + (size_t)(d)]
    for (int o = 0; o < p->option_count; o++) {
        double limit = p->options[o].seconds;
        for (size_t x = 0; x < (size_t)(layers + 1) * plane; x++)
            f[x] = INFINITY;
        F(0, layers, 0) = 0;
        for (int s = 1; s <= layers; s++)
            for (int q = 0; q < p->option_count; q++) {
                const struct sc_stage_option *stage = &p->options[q];
                int n = p->submeshes[stage->submesh];
                if (stage->seconds > limit || stage->max_successors < s - 1)
                    continue;
                for (int d = n; d <= devices; d++)
                    F(s, stage->first, d) =
                        fmin(F(s, stage->first, d), stage->seconds + F(s - 1, stage->last + 1, d - n));
            }
        for (int s = 1; s <= layers; s++) {
            double sum = F(s, 0, devices);
            double value = isinf(sum)                                ? INFINITY
                           : p->objective == SC_OBJECTIVE_SUM        ? sum
                           : p->objective == SC_OBJECTIVE_THROUGHPUT ? limit
                                                                     : sum + (p->microbatches - 1) * limit;
            best = fmin(best, value);
        }
    }
#undef F
    free(f);
    return best;
}

static void test_plain_recurrence(void **state)
{
    uint64_t seed = 2;
    (void)state;
    for (int instance = 0; instance < 300; instance++) {
        struct sc_stage_problem p =
            random_problem(&seed, instance < 297 ? 10 : 24, instance < 297 ? 12 : 32, instance < 297 ? 4 : 3, true);
        struct sc_stage_solution solution;
        assert_int_equal(sc_stage_solve(&p, NULL, &solution, NULL), SC_OK);
        same(solution.latency_s, alpa(&p), instance);
        sc_stage_solution_free(&solution);
    }
}

/* PipeDream, profiler/image_classification/profiles/vgg16, 4 devices at 1 GB/s. */
static void test_vgg16(void **state)
{
    struct sc_stage_problem *p;
    struct sc_stage_solution solution;
    (void)state;
    assert_int_equal(sc_stage_problem_load(TEST_SOURCE_DIR "/samples/problems/vgg16-4.json", &p, NULL), SC_OK);
    assert_int_equal(sc_stage_solve(p, NULL, &solution, NULL), SC_OK);
    same(solution.latency_s, 0.205520896, 0);
    assert_int_equal(solution.count, 2);
    assert_int_equal(p->submeshes[p->options[solution.stages[0]].submesh], 3);
    assert_int_equal(p->submeshes[p->options[solution.stages[1]].submesh], 1);
    sc_stage_solution_free(&solution);
    sc_stage_problem_free(p);
}

static void test_bad_files(void **state)
{
    static const struct {
        const char *text, *message;
        int line;
    } bad[] = {
        {"[]", "expected an object", 1},
        {"{\"stage_problem\": {\n\"layers\": 0}}", "\"layers\" is 0", 2},
        {"{\"stage_problem\": {\"layers\": 2, \"devices\": 1, \"submeshes\": [1],\n\"stages\": [[0, 2, 0, 1, 9]]}}",
         "the last layer is from 0 to 1", 2},
        {"{\"stage_problem\": {\"layers\": 2, \"devices\": 1, \"submeshes\": [1], \"stages\": [[0, 1, 0, -1, 9]]}}",
         "0 or more", 1},
        {"{\"stage_problem\": {\"layers\": 2, \"devices\": 1, \"submeshes\": [1], \"stages\": [[0, 1, 0]]}}",
         "a stage is [first", 1},
        {"{\"stage_problem\": {\"layers\": 2, \"devices\": 1, \"submeshes\": [], \"stages\": []}}", "0 submeshes", 1},
        {"{\"stage_problem\": {\"layers\": 2, \"device\": 1}}", "did you mean \"devices\"", 1},
        {"{\"stage_problem\": {\"layers\": 1, \"devices\": 1, \"submeshes\": [1], \"stages\": [], \"objective\": "
         "\"x\"}}",
         "expected pipeline, sum or throughput", 1},
    };
    (void)state;
    for (size_t i = 0; i < SC_LEN(bad); i++) {
        struct sc_error err = {0};
        struct sc_stage_problem *p;
        assert_int_equal(sc_stage_problem_parse("f", bad[i].text, strlen(bad[i].text), &p, &err), SC_INPUT);
        if (!strstr(err.message, bad[i].message) || err.line != bad[i].line)
            fail_msg("%s: line %d: %s", bad[i].text, err.line, err.message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_brute_force),
        cmocka_unit_test(test_plain_recurrence),
        cmocka_unit_test(test_vgg16),
        cmocka_unit_test(test_bad_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
