/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Clustering of layers against brute force over all cuts; what it refuses.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pipeline/pipeline.h"
#include "support/near.h"

enum { MAX_OPS = 12 };

struct value {
    double largest, sum, squares; /* largest below 0: not allowed */
};

static struct value value_of(int ops, const double *flops, const double *cut_bytes, int layers, double tolerance,
                             const int *first_op)
{
    struct value v = {0, 0, 0};
    double total = 0;
    for (int i = 0; i < ops; i++)
        total += flops[i];
    for (int l = 0; l < layers; l++) {
        double size = 0;
        int end = l + 1 < layers ? first_op[l + 1] : ops;
        assert_true(first_op[l] < end);
        for (int i = first_op[l]; i < end; i++)
            size += flops[i];
        if (size * layers > (1 + tolerance) * total * (1 + 1e-9))
            return (struct value){-1, 0, 0};
        if (l > 0) {
            v.largest = fmax(v.largest, cut_bytes[first_op[l] - 1]);
            v.sum += cut_bytes[first_op[l] - 1];
        }
        v.squares += size * size;
    }
    return v;
}

static bool is_better(struct value a, struct value b)
{
    if (b.largest < 0 || a.largest != b.largest)
        return a.largest >= 0 && (b.largest < 0 || a.largest < b.largest);
    return a.sum != b.sum ? a.sum < b.sum : a.squares < b.squares;
}

/* Every set of `layers - 1` cuts, as bits. */
static struct value brute(int ops, const double *flops, const double *cut_bytes, int layers, double tolerance)
{
    struct value best = {-1, 0, 0};
    for (unsigned cuts = 0; cuts < 1u << (ops - 1); cuts++) {
        int first_op[MAX_OPS] = {0}, count = 1;
        if (__builtin_popcount(cuts) != layers - 1)
            continue;
        for (int i = 1; i < ops; i++)
            if (cuts >> (i - 1) & 1)
                first_op[count++] = i;
        struct value v = value_of(ops, flops, cut_bytes, layers, tolerance, first_op);
        if (is_better(v, best))
            best = v;
    }
    return best;
}

/* The tolerance that the message names. */
static double offered_tolerance(const struct sc_error *err)
{
    const char *text = strstr(err->message, "a tolerance of ");
    char number[32] = {0};
    double value = -1;
    assert_non_null(text);
    text += strlen("a tolerance of ");
    memcpy(number, text, strcspn(text, " "));
    assert_true(sc_parse_double(number, &value));
    return value;
}

static void test_brute_force(void **state)
{
    uint64_t seed = 1;
    int possible = 0, impossible = 0, tied = 0;
    (void)state;
    for (int instance = 0; instance < 3000; instance++) {
        int ops = 1 + (int)sc_random_below(&seed, MAX_OPS), layers = 1 + (int)sc_random_below(&seed, (uint64_t)ops);
        uint64_t kinds = 1 + sc_random_below(&seed, 6); /* few different numbers: many ties */
        double flops[MAX_OPS], cut_bytes[MAX_OPS], tolerance = 0.25 * (double)sc_random_below(&seed, 6);
        int first_op[MAX_OPS] = {0};
        struct sc_error err = {0};
        for (int i = 0; i < ops; i++) {
            flops[i] = (double)sc_random_below(&seed, 2 * kinds);
            cut_bytes[i] = (double)sc_random_below(&seed, kinds);
        }
        struct value truth = brute(ops, flops, cut_bytes, layers, tolerance);
        enum sc_status status = sc_cluster_layers(ops, flops, cut_bytes, layers, tolerance, NULL, first_op, &err);
        if (truth.largest < 0) {
            assert_int_equal(status, SC_INFEASIBLE);
            double enough = offered_tolerance(&err);
            assert_true(enough > tolerance);
            assert_int_equal(sc_cluster_layers(ops, flops, cut_bytes, layers, enough, NULL, first_op, NULL), SC_OK);
            assert_true(brute(ops, flops, cut_bytes, layers, enough - 0.002).largest < 0);
            impossible++;
            continue;
        }
        assert_int_equal(status, SC_OK);
        assert_int_equal(first_op[0], 0);
        struct value found = value_of(ops, flops, cut_bytes, layers, tolerance, first_op);
        assert_true(found.largest == truth.largest && found.sum == truth.sum);
        assert_near(found.squares, truth.squares);
        possible++;
        tied += kinds < 3;
    }
    assert_true(possible > 1000 && impossible > 300 && tied > 300);
}

static void test_refusals(void **state)
{
    double flops[] = {1, 2, 3}, bytes[] = {1, 1};
    int first_op[3];
    struct sc_error err = {0};
    struct sc_cancel cancel;
    (void)state;
    assert_int_equal(sc_cluster_layers(3, flops, bytes, 4, 1, NULL, first_op, &err), SC_INPUT);
    assert_non_null(strstr(err.message, "4 layers of 3 ops"));
    assert_int_equal(sc_cluster_layers(3, flops, bytes, 0, 1, NULL, first_op, &err), SC_INPUT);
    assert_int_equal(sc_cluster_layers(0, flops, bytes, 1, 1, NULL, first_op, &err), SC_INPUT);
    assert_int_equal(sc_cluster_layers(3, flops, bytes, 2, -0.5, NULL, first_op, &err), SC_INPUT);
    assert_int_equal(sc_cluster_layers(3, flops, bytes, 2, NAN, NULL, first_op, &err), SC_INPUT);
    flops[1] = -1;
    assert_int_equal(sc_cluster_layers(3, flops, bytes, 2, 1, NULL, first_op, &err), SC_INPUT);
    flops[1] = 2;
    bytes[1] = INFINITY;
    assert_int_equal(sc_cluster_layers(3, flops, bytes, 2, 1, NULL, first_op, &err), SC_INPUT);
    assert_non_null(strstr(err.message, "op 1 has 2 FLOPs and inf bytes"));
    bytes[1] = 1;
    flops[0] = flops[1] = flops[2] = 1.5e308;
    assert_int_equal(sc_cluster_layers(3, flops, bytes, 2, 1, NULL, first_op, &err), SC_INPUT);
    sc_cancel_init(&cancel, 0, 0);
    sc_cancel_request(&cancel);
    static double many[4000];
    static int firsts[4000];
    assert_int_equal(sc_cluster_layers(4000, many, many, 100, 1, &cancel, firsts, &err), SC_CANCELLED);
    assert_int_equal(sc_cluster_layers(4000, many, many, 4000, 1, NULL, firsts, &err), SC_OK);
    assert_int_equal(firsts[3999], 3999);
    static double huge[100000];
    static int huge_firsts[100000];
    assert_int_equal(sc_cluster_layers(100000, huge, huge, 50000, 1, NULL, huge_firsts, &err), SC_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_brute_force),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
