/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Logical meshes: their shapes, where groups lie, and what collectives over them take, computed by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "cost/cost.h"

/* 1 µs and 10 GB/s inside; 10 µs and 1 GB/s between. */
static struct sc_cluster cluster_of(int hosts, int devices, bool shared)
{
    return (struct sc_cluster){.name = "test",
                               .hosts = hosts,
                               .devices_per_host = devices,
                               .inside = {.alpha_s = 1e-6, .beta_s = 1e-10},
                               .between = {.alpha_s = 10e-6, .beta_s = 1e-9, .shared = shared}};
}

static struct sc_mesh mesh_of(const struct sc_cluster *c, const char *shape)
{
    struct sc_axes axes;
    struct sc_mesh mesh;
    struct sc_error err = {0};
    assert_true(sc_axes_parse(shape, &axes));
    if (sc_mesh_make(c, c->hosts, c->devices_per_host, &axes, SC_FORMULAS_NATIVE, &mesh, &err) != SC_OK)
        fail_msg("%s: %s", shape, err.message);
    return mesh;
}

static void group_is(const struct sc_mesh *mesh, unsigned mask, int devices, int hosts, int per_host, int sharing)
{
    const struct sc_group *g = &mesh->group[mask];
    if (g->devices != devices || g->hosts != hosts || g->per_host != per_host || g->sharing != sharing)
        fail_msg("mask %u: %d devices, %d hosts, %d a host, %d sharing", mask, g->devices, g->hosts, g->per_host,
                 g->sharing);
}

static void takes(const struct sc_mesh *mesh, enum sc_collective kind, unsigned axes, double bytes, double seconds,
                  const char *algorithm)
{
    const char *used = NULL;
    double found = sc_collective_seconds(mesh, kind, axes, bytes, &used);
    if (!(fabs(found - seconds) <= 1e-9 * seconds) || strcmp(used, algorithm) != 0)
        fail_msg("%s over %u of %g bytes: %.12g by %s, not %.12g by %s", sc_collective_name(kind), axes, bytes, found,
                 used, seconds, algorithm);
    assert_true(sc_mesh_price(mesh, kind, axes, bytes) == found);
}

/* ---- shapes ---------------------------------------------------------------------------------------- */

static void every_ordered_factorisation_once(void **state)
{
    (void)state;
    struct sc_axes shapes[64];
    assert_int_equal(sc_mesh_shapes(1, 3, shapes, 64), 1);
    assert_int_equal(shapes[0].count, 1);
    assert_int_equal(shapes[0].size[0], 1);
    assert_int_equal(sc_mesh_shapes(8, 1, shapes, 64), 1);
    assert_int_equal(sc_mesh_shapes(8, 2, shapes, 64), 3); /* 8, 4x2, 2x4 */
    assert_int_equal(sc_mesh_shapes(8, 3, shapes, 64), 4); /* and 2x2x2 */
    int count = sc_mesh_shapes(12, 3, shapes, 64);
    assert_int_equal(count, 8); /* 12, 2x6, 6x2, 3x4, 4x3, 2x2x3, 2x3x2, 3x2x2 */
    for (int i = 0; i < count; i++) {
        assert_int_equal(sc_axes_product(&shapes[i], (1u << shapes[i].count) - 1), 12);
        for (int j = 0; j < i; j++)
            assert_true(memcmp(&shapes[i], &shapes[j], sizeof shapes[i]) != 0);
    }
    assert_int_equal(sc_mesh_shapes(12, 3, shapes, 2), 8); /* the number, whatever the room */
    assert_int_equal(sc_mesh_shapes(0, 3, shapes, 64), 0);
    assert_int_equal(sc_mesh_shapes(-8, 3, shapes, 64), 0);
    assert_int_equal(sc_mesh_shapes(7, 3, shapes, 64), 1);
}

static void axes_are_read_strictly(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",    "x",       "2x", "x2", "2x0",         "-2",
                                        "2*4", "2x2x2x2", " 2", "2 ", "99999999999", "65536x2"};
    struct sc_axes axes = {.count = 9};
    for (size_t i = 0; i < SC_LEN(wrong); i++) {
        if (sc_axes_parse(wrong[i], &axes))
            fail_msg("\"%s\" was read", wrong[i]);
    }
    assert_int_equal(axes.count, 9);
    assert_true(sc_axes_parse("2x1x16", &axes));
    assert_int_equal(axes.count, 3);
    assert_int_equal(axes.size[2], 16);
}

static void meshes_must_fit(void **state)
{
    (void)state;
    struct sc_cluster c = cluster_of(2, 4, false);
    struct sc_axes axes = {.count = 2, .size = {2, 4}}, none = {0}, negative = {.count = 2, .size = {-2, -4}};
    struct sc_mesh mesh;
    struct sc_error err = {0};
    assert_int_equal(sc_mesh_make(&c, 3, 4, &axes, SC_FORMULAS_NATIVE, &mesh, &err), SC_INPUT);
    assert_int_equal(sc_mesh_make(&c, 2, 5, &axes, SC_FORMULAS_NATIVE, &mesh, &err), SC_INPUT);
    assert_int_equal(sc_mesh_make(&c, 1, 4, &axes, SC_FORMULAS_NATIVE, &mesh, &err), SC_INPUT);
    assert_int_equal(sc_mesh_make(&c, 2, 4, &none, SC_FORMULAS_NATIVE, &mesh, &err), SC_INPUT);
    assert_int_equal(sc_mesh_make(&c, 2, 4, &negative, SC_FORMULAS_NATIVE, &mesh, &err), SC_INPUT);
    assert_int_equal(sc_mesh_make(&c, 2, 4, &axes, SC_FORMULAS_NATIVE, &mesh, &err), SC_OK);
}

/* ---- groups ---------------------------------------------------------------------------------------- */

static void the_last_axis_stays_inside_a_host(void **state)
{
    (void)state;
    struct sc_cluster c = cluster_of(2, 4, true);
    struct sc_mesh m = mesh_of(&c, "2x4");
    group_is(&m, 1, 2, 2, 1, 4); /* x joins hosts, and four such groups share a NIC */
    group_is(&m, 2, 4, 1, 4, 0);
    group_is(&m, 3, 8, 2, 4, 1);
    group_is(&m, 0, 1, 1, 1, 0);
    m = mesh_of(&c, "4x2");
    group_is(&m, 1, 4, 2, 2, 2);
    group_is(&m, 2, 2, 1, 2, 0);
    m = mesh_of(&c, "2x2x2");
    group_is(&m, 1, 2, 2, 1, 4);
    group_is(&m, 2, 2, 1, 2, 0);
    group_is(&m, 5, 4, 2, 2, 2);
    group_is(&m, 6, 4, 1, 4, 0);
}

static void groups_that_lie_unevenly_are_known(void **state)
{
    (void)state;
    struct sc_cluster c = cluster_of(2, 6, true);
    struct sc_mesh m = mesh_of(&c, "3x4"); /* the second group of y is two and two; all of y: 4, 2+2, 4 */
    group_is(&m, 2, 4, 2, 2, 1);
    c = cluster_of(3, 4, true);
    m = mesh_of(&c, "2x6"); /* 4+2 and 2+4 */
    group_is(&m, 2, 6, 2, 0, 2);
}

/* ---- native formulas ------------------------------------------------------------------------------- */

static void inside_a_host(void **state)
{
    (void)state;
    struct sc_cluster c = cluster_of(1, 4, false);
    struct sc_mesh m = mesh_of(&c, "4");
    /* 4 MB, a ring of 4: 3 steps of 1 MB at 10 GB/s are 300 µs. */
    takes(&m, SC_ALL_GATHER, 1, 4e6, 3 * (1e-6 + 100e-6), "ring");
    takes(&m, SC_REDUCE_SCATTER, 1, 4e6, 3 * (1e-6 + 100e-6), "ring");
    takes(&m, SC_ALL_REDUCE, 1, 4e6, 6 * (1e-6 + 100e-6), "ring");
    takes(&m, SC_ALL_REDUCE, 1, 40, 4e-6 + 2 * 40e-10, "tree"); /* depth 2, up and down */
    takes(&m, SC_ALL_TO_ALL, 1, 4e6, 3 * (1e-6 + 25e-6), "pairwise");
    takes(&m, SC_PERMUTE, 1, 1e6, 1e-6 + 100e-6, "direct");
    takes(&m, SC_SLICE, 1, 1e6, 0, "none");
    takes(&m, SC_ALL_REDUCE, 0, 1e6, 0, "none");
    takes(&m, SC_ALL_REDUCE, 1, 0, 0, "none");
}

static void groups_of_a_host_share_its_nic(void **state)
{
    (void)state;
    struct sc_cluster shared = cluster_of(2, 4, true), own = cluster_of(2, 4, false);
    struct sc_mesh s = mesh_of(&shared, "2x4"), o = mesh_of(&own, "2x4");
    /* Over x: two devices in two hosts, 1 MB each way in one step of 1/2 MB a time. Four groups share the NIC. */
    takes(&o, SC_ALL_GATHER, 1, 1e6, 10e-6 + 500e-6, "ring");
    takes(&s, SC_ALL_GATHER, 1, 1e6, 10e-6 + 4 * 500e-6, "ring");
    takes(&o, SC_ALL_REDUCE, 1, 1e6, 2 * (10e-6 + 500e-6), "ring");
    takes(&s, SC_PERMUTE, 1, 1e6, 10e-6 + 4 * 1e-3, "direct");
    takes(&s, SC_ALL_TO_ALL, 1, 1e6, 10e-6 + 4 * 250e-6, "pairwise");
    /* Over y nothing leaves the host. */
    takes(&s, SC_ALL_GATHER, 2, 4e6, 3 * 101e-6, "ring");
}

static void large_all_reduces_go_by_hierarchy(void **state)
{
    (void)state;
    struct sc_cluster shared = cluster_of(2, 4, true), own = cluster_of(2, 4, false);
    struct sc_mesh s = mesh_of(&shared, "8"), o = mesh_of(&own, "8");
    /* 80 MB. Hierarchical with a NIC a device: 2·3 steps of 20 MB at 10 GB/s; then 20 MB over two hosts, two steps of
     * 10 MB at 1 GB/s. The ring: 14 steps of 10 MB, each at a quarter of 1 ns a byte (four rings side by side). */
    takes(&o, SC_ALL_REDUCE, 1, 80e6, 6 * (1e-6 + 2e-3) + 2 * (10e-6 + 10e-3), "hierarchical");
    double ring = 14 * (10e-6 + 10e6 * 0.25e-9);
    assert_true(sc_collective_seconds(&o, SC_ALL_REDUCE, 1, 80e6, NULL) < ring);
    /* One NIC: a ring sends 14/8 of the bytes through it, the hierarchy 2/2. */
    takes(&s, SC_ALL_REDUCE, 1, 80e6, 6 * (1e-6 + 2e-3) + 2 * (10e-6 + 40e-3), "hierarchical");
    takes(&s, SC_ALL_REDUCE, 1, 800, 2 * (2e-6 + 10e-6) + 2 * 800e-9, "tree");
    /* Gathering inside first would send everything four times. */
    takes(&o, SC_ALL_GATHER, 1, 80, 10e-6 + 10e-9 + 3 * (1e-6 + 20e-10), "hierarchical");
}

static void all_to_all_sends_one_message_to_each_host(void **state)
{
    (void)state;
    struct sc_cluster own = cluster_of(2, 4, false);
    struct sc_mesh o = mesh_of(&own, "8");
    /* 64 MB, 8 MB a device, 1 MB a pair. Pairwise: 3 near, 4 far. */
    takes(&o, SC_ALL_TO_ALL, 1, 64, 3 * (1e-6 + 2e-10) + 10e-6 + 4e-9, "hierarchical");
    takes(&o, SC_ALL_TO_ALL, 1, 64e9, 3 * (1e-6 + 0.1) + 4 * (10e-6 + 1.0), "pairwise");
}

static void measured_tables_come_first(void **state)
{
    (void)state;
    static const double bytes[] = {1e6, 1e8}, seconds[] = {1e-3, 1e-2};
    const struct sc_measured table = {SC_ALL_REDUCE, 4, 1, 2, bytes, seconds};
    struct sc_cluster c = cluster_of(2, 4, true);
    c.measured = &table;
    c.measured_count = 1;
    struct sc_mesh m = mesh_of(&c, "2x4");
    takes(&m, SC_ALL_REDUCE, 2, 1e6, 1e-3, "measured");
    takes(&m, SC_ALL_REDUCE, 2, 1e7, sqrt(1e-3 * 1e-2), "measured");    /* half way, in logarithms */
    takes(&m, SC_ALL_REDUCE, 2, 1e9, 1e-1, "measured");                 /* at the last rate */
    takes(&m, SC_ALL_REDUCE, 2, 40, 4e-6 + 80e-10, "tree");             /* less than the smallest measured */
    takes(&m, SC_ALL_GATHER, 2, 4e6, 3 * 101e-6, "ring");               /* another collective */
    takes(&m, SC_ALL_REDUCE, 1, 1e6, 2 * (10e-6 + 4 * 500e-6), "ring"); /* another group */
}

/* Monotone in bytes; and never below what the slowest link needs for what has to cross it. */
static void collectives_are_monotone_and_not_too_good(void **state)
{
    (void)state;
    static const char *const shapes[] = {"16", "4x4", "2x8", "8x2", "2x2x4", "2x4x2"};
    for (int shared = 0; shared < 2; shared++) {
        struct sc_cluster c = cluster_of(4, 4, shared != 0);
        for (size_t i = 0; i < SC_LEN(shapes); i++) {
            struct sc_mesh m = mesh_of(&c, shapes[i]);
            for (unsigned mask = 1; mask < 1u << m.axes.count; mask++) {
                const struct sc_group *g = &m.group[mask];
                for (int kind = 0; kind < SC_PERMUTE; kind++) {
                    double before = 0;
                    for (double b = 1; b < 1e11; b *= 3) {
                        double s = sc_collective_seconds(&m, (enum sc_collective)kind, mask, b, NULL);
                        assert_true(s >= before && isfinite(s));
                        before = s;
                    }
                    if (g->hosts == 1)
                        continue;
                    /* Each host has to receive what its devices lack: by its NIC, or by one NIC a device. */
                    double host = kind == SC_ALL_TO_ALL ? 1e9 / g->devices * g->per_host : 1e9;
                    double in = host * (g->hosts - 1) / g->hosts * g->sharing;
                    double least = in * 1e-9 / (shared ? 1 : g->per_host * g->sharing);
                    assert_true(sc_collective_seconds(&m, (enum sc_collective)kind, mask, 1e9, NULL) >= least * 0.999);
                }
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_ordered_factorisation_once),
        cmocka_unit_test(axes_are_read_strictly),
        cmocka_unit_test(meshes_must_fit),
        cmocka_unit_test(the_last_axis_stays_inside_a_host),
        cmocka_unit_test(groups_that_lie_unevenly_are_known),
        cmocka_unit_test(inside_a_host),
        cmocka_unit_test(groups_of_a_host_share_its_nic),
        cmocka_unit_test(large_all_reduces_go_by_hierarchy),
        cmocka_unit_test(all_to_all_sends_one_message_to_each_host),
        cmocka_unit_test(measured_tables_come_first),
        cmocka_unit_test(collectives_are_monotone_and_not_too_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
