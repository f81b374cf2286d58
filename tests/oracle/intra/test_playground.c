/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The optima that Alpa's playground expects of its solver (playground/auto_sharding_solver/test_solver_mlp.py), here
 * from model files through the whole path. The expected values are written as that file computes them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include "support/run.h"

#define HERE(name) TEST_SOURCE_DIR "/tests/oracle/intra/" name

#define PLAIN "bias=0 relu=0 mean=0 "

struct expected {
    const char *name, *sets, *cluster, *mesh;
    double value;
};

/* The playground's own tolerance is 0.1 %. */
static void check(const struct expected *cases, size_t count, bool everything)
{
    for (size_t i = 0; i < count; i++) {
        const struct expected *e = &cases[i];
        struct sc_cost_options options = SC_COST_OPTIONS_INIT;
        options.reduce_scatter = options.shard_state = everything;
        struct run run;
        run_costs(&run, HERE("alpa-mlp.json"), e->sets, e->cluster, e->mesh, SC_FORMULAS_ALPA_PLAYGROUND, &options);
        run_solve(&run, NULL);
        struct counts c = run_count(&run, 0);
        printf("%s on %s: %.2f, expected %.2f\n", e->name, e->mesh, run.solution->cost, e->value);
        if (!(fabs(run.solution->cost / e->value - 1) < 1e-6))
            fail_msg("%s on %s: %.2f, not %.2f", e->name, e->mesh, run.solution->cost, e->value);
        assert_true(fabs(c.seconds / run.solution->cost - 1) < 1e-9);
        run_free(&run);
    }
}

/* all_reduce_cost of cluster_env.py, α = 1. */
static double ar(double bytes, double n, double beta)
{
    return trunc(1 + beta * 2 * (n - 1) / n * bytes) + 0.01;
}

static const struct expected published[] = {
    {"2 layers, data parallel", PLAIN "layers=2 batch=1024 hidden=128", "alpa-4x1", "4x1", 196610.02},
    {"2 layers, data parallel", PLAIN "layers=2 batch=1024 hidden=128", "alpa-1x4", "1x4", 196610.02},
    {"2 layers, model parallel", PLAIN "layers=2 batch=128 hidden=1024", "alpa-4x1", "4x1", 786433.01},
    {"2 layers, model parallel", PLAIN "layers=2 batch=128 hidden=1024", "alpa-1x4", "1x4", 786433.01},
    {"12 layers, model parallel", PLAIN "layers=12 batch=128 hidden=1024", "alpa-4x1", "4x1", 8650763.11},
    {"12 layers, model parallel", PLAIN "layers=12 batch=128 hidden=1024", "alpa-1x4", "1x4", 8650763.11},
    {"2 layers, two axes", PLAIN "layers=2 batch=1024 hidden=128", "alpa-4x8", "4x8", 26872.03},
    {"2 layers, two axes", PLAIN "layers=2 batch=1024 hidden=128", "alpa-8x4", "8x4", 58330.03},
    {"2 layers, two axes", PLAIN "layers=2 batch=1024 hidden=128", "alpa-3x4", "3x4", 46314.03},
    {"12 layers, two axes", PLAIN "layers=12 batch=1024 hidden=128", "alpa-4x8", "4x8", 172702.23},
    {"12 layers, two axes", PLAIN "layers=12 batch=1024 hidden=128", "alpa-8x4", "8x4", 354900.23},
    {"12 layers, two axes", PLAIN "layers=12 batch=1024 hidden=128", "alpa-3x4", "3x4", 290994.23},
};

static void published_values(void **state)
{
    (void)state;
    check(published, SC_LEN(published), false);
}

/* Reduce-scatter and sharded optimizer state are allowed too, and do not pay. */
static void published_values_in_the_whole_space(void **state)
{
    (void)state;
    check(published, SC_LEN(published), true);
}

static double ag(double bytes, double n, double beta)
{
    return trunc(1 + beta * (n - 1) / n * bytes) + 0.1;
}

/* The other tests of that file: 12 data-parallel layers, and 2 layers with biases. On two axes the playground adds
 * AR(bias, x) for the second bias, whose gradient it reduces whole; here the bias may also be stored in slices over y,
 * gathered, and its gradient be sliced before it is reduced, which costs less. */
static void other_tests_of_the_file(void **state)
{
    (void)state;
    const double weight = 128 * 128 * 4, activation = 1024 * 128 * 4;
    const struct expected cases[] = {
        {"12 layers, data parallel", PLAIN "layers=12 batch=1024 hidden=128", "alpa-4x1", "4x1", 12 * ar(weight, 4, 1)},
        {"biases, data parallel", "relu=0 mean=0 layers=2 batch=1024 hidden=128", "alpa-4x1", "4x1",
         2 * ar(weight, 4, 1) + 2 * ar(128 * 4, 4, 1)},
        {"biases, model parallel", "relu=0 mean=0 layers=2 batch=128 hidden=1024", "alpa-1x4", "1x4",
         ar(128 * 1024 * 4, 4, 1)},
        {"biases, two axes", "relu=0 mean=0 layers=2 batch=1024 hidden=128", "alpa-4x8", "4x8",
         ar(activation / 4, 8, 0.01) + 2 * ar(weight / 8, 4, 1) + ar(128 * 4 / 8, 4, 1) +
             fmin(ar(128 * 4, 4, 1), ar(128 * 4 / 8, 4, 1) + ag(128 * 4, 8, 0.01))},
        {"biases, two axes", "relu=0 mean=0 layers=2 batch=1024 hidden=128", "alpa-8x4", "8x4",
         ar(activation / 8, 4, 0.01) + 2 * ar(weight / 4, 8, 1) + ar(128 * 4 / 4, 8, 1) +
             fmin(ar(128 * 4, 8, 1), ar(128 * 4 / 4, 8, 1) + ag(128 * 4, 4, 0.01))},
    };
    check(cases, SC_LEN(cases), false);
}

/* The model of the samples is the same network when its activation and mean are off. */
static void the_sample_is_that_network(void **state)
{
    (void)state;
    struct sc_cost_options options = SC_COST_OPTIONS_INIT;
    struct run run;
    run_costs(&run, SAMPLE("mlp-2.json"), "relu=0 mean=0", "alpa-4x1", "4x1", SC_FORMULAS_ALPA_PLAYGROUND, &options);
    run_solve(&run, NULL);
    assert_true(fabs(run.solution->cost - 196610.02) < 1e-3);
    run_free(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_values),
        cmocka_unit_test(published_values_in_the_whole_space),
        cmocka_unit_test(other_tests_of_the_file),
        cmocka_unit_test(the_sample_is_that_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
