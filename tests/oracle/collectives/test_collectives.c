/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Collectives against values published by others. Alpa's formulas: alpa/shard_parallel/auto_sharding.py (class
 * LogicalDeviceMesh) and playground/auto_sharding_solver/cluster_env.py; the values of the playground are those that
 * its test_solver_mlp.py expects. Measured: autoparallel's colls8_8.table.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include "import/import.h"

static struct sc_cluster *cluster;
static struct sc_mesh mesh;

static void use(const char *preset, const char *shape, enum sc_formulas formulas)
{
    struct sc_error err = {0};
    struct sc_axes axes;
    sc_cluster_free(cluster);
    if (sc_import_cluster(preset, TEST_SOURCE_DIR "/samples/clusters", &cluster, &err) != SC_OK)
        fail_msg("%s", err.message);
    assert_true(sc_axes_parse(shape, &axes));
    if (sc_mesh_make(cluster, cluster->hosts, cluster->devices_per_host, &axes, formulas, &mesh, &err) != SC_OK)
        fail_msg("%s", err.message);
}

static void is(enum sc_collective kind, unsigned axes, double bytes, double value, double tolerance)
{
    double found = sc_collective_seconds(&mesh, kind, axes, bytes, NULL);
    if (!(fabs(found / value - 1) <= tolerance))
        fail_msg("%s over %u of %g bytes: %.10g, not %.10g", sc_collective_name(kind), axes, bytes, found, value);
}

/* α + β(n-1)/n·B + 0.1 and so on, with n = 4, α = β = 1, B = 65536. */
static void alpa_on_four_devices(void **state)
{
    (void)state;
    use("alpa-4x1", "4x1", SC_FORMULAS_ALPA);
    is(SC_ALL_GATHER, 1, 65536, 1 + 0.75 * 65536 + 0.1, 1e-12);
    is(SC_ALL_REDUCE, 1, 65536, 1 + 1.5 * 65536 + 0.01, 1e-12);
    is(SC_REDUCE_SCATTER, 1, 65536, 1 + 0.75 * 65536 + 0.001, 1e-12);
    is(SC_ALL_TO_ALL, 1, 65536, 1 + 0.75 / 4 * 65536 * 2 + 0.001, 1e-12); /* penalty n/2 */
}

static void the_playground_truncates(void **state)
{
    (void)state;
    use("alpa-4x1", "4x1", SC_FORMULAS_ALPA_PLAYGROUND);
    is(SC_ALL_REDUCE, 1, 65536, 196610.02 / 2, 1e-12);
    is(SC_ALL_REDUCE, 1, 524288, 786433.01, 1e-12);
    is(SC_ALL_TO_ALL, 1, 65537, 18433 + 0.001, 1e-12); /* 1 + 3/16 · 65537 · 1.5 = 18433.28… */
    is(SC_ALL_GATHER, 1, 65537, 49153 + 0.1, 1e-12);   /* 1 + 49152.75 */
    is(SC_REDUCE_SCATTER, 1, 65537, 49153 + 0.001, 1e-12);
}

/* 26872.03 = 2·AR(128·128·4/8, axis 0) + AR(1024·128·4/4, axis 1), and its like. */
static void the_playground_on_two_axes(void **state)
{
    (void)state;
    static const struct {
        const char *preset, *shape;
        double x, y, sum;
    } cases[] = {
        {"alpa-4x8", "4x8", 4, 8, 26872.03}, {"alpa-8x4", "8x4", 8, 4, 58330.03}, {"alpa-3x4", "3x4", 3, 4, 46314.03}};
    for (size_t i = 0; i < SC_LEN(cases); i++) {
        use(cases[i].preset, cases[i].shape, SC_FORMULAS_ALPA_PLAYGROUND);
        double weight = sc_collective_seconds(&mesh, SC_ALL_REDUCE, 1, 128 * 128 * 4 / cases[i].y, NULL);
        double activation = sc_collective_seconds(&mesh, SC_ALL_REDUCE, 2, 1024 * 128 * 4 / cases[i].x, NULL);
        if (fabs(2 * weight + activation - cases[i].sum) > 1e-6)
            fail_msg("%s: %.4f, not %.4f", cases[i].preset, 2 * weight + activation, cases[i].sum);
    }
}

/* LogicalDeviceMesh.flatten: all axes as one, with the largest α and the smallest β. */
static void alpa_flattens_joint_axes(void **state)
{
    (void)state;
    use("alpa-4x8", "4x8", SC_FORMULAS_ALPA);
    is(SC_ALL_REDUCE, 3, 65536, 1 + 0.01 * 2 * 31 / 32 * 65536 + 0.01, 1e-12);
    is(SC_ALL_TO_ALL, 3, 65536, 1 + 0.01 * 31 / 32 / 32 * 65536 * 16 + 0.001, 1e-12);
}

/* An H100 host: 1 MB in 0.028 ms, 1024 MB in 5.28 ms; and by what the formulas alone would miss it. */
static void measured_all_reduce_of_an_h100_host(void **state)
{
    (void)state;
    const double mib = 1048576;
    use("h100", "8", SC_FORMULAS_NATIVE);
    is(SC_ALL_REDUCE, 1, mib, 0.028e-3, 1e-3);
    is(SC_ALL_REDUCE, 1, 1024 * mib, 5.28e-3, 1e-3);
    is(SC_ALL_GATHER, 1, 8 * mib, 0.0495e-3, 1e-3); /* the source counts one device's part */
    struct sc_cluster bare = *cluster;
    bare.measured_count = 0;
    mesh.cluster = &bare;
    for (double size = 1; size <= 1024; size *= 1024) {
        const char *algorithm;
        double formula = sc_collective_seconds(&mesh, SC_ALL_REDUCE, 1, size * mib, &algorithm);
        double measured = size == 1 ? 0.028e-3 : 5.2756e-3;
        printf("all-reduce of %g MiB on 8 H100: %.3f ms by %s, measured %.3f ms (%+.0f %%)\n", size, formula * 1e3,
               algorithm, measured * 1e3, (formula / measured - 1) * 100);
        assert_true(formula < 1.5 * measured && formula > measured / 1.5);
    }
}

static int teardown(void **state)
{
    (void)state;
    sc_cluster_free(cluster);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alpa_on_four_devices),
        cmocka_unit_test(the_playground_truncates),
        cmocka_unit_test(the_playground_on_two_axes),
        cmocka_unit_test(alpa_flattens_joint_axes),
        cmocka_unit_test(measured_all_reduce_of_an_h100_host),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
