/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How many collectives Alpa finds in its tests/shard_parallel (test_mlp.py, test_bert.py, test_moe.py), with its
 * formulas at α = β = 1 on four devices. Its objective is held to 1 %, as there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/run.h"

#define HERE(name) TEST_SOURCE_DIR "/tests/oracle/intra/" name

static double ar(double bytes)
{
    return 1 + 1.5 * bytes + 0.01;
}
static double a2a(double bytes)
{
    return 1 + 3.0 / 16 * bytes * 2 + 0.001;
}

/* A space like Alpa's default: no reduce-scatter, no sharded state. */
static struct sc_cost_options plain(void)
{
    struct sc_cost_options options = SC_COST_OPTIONS_INIT;
    options.reduce_scatter = options.shard_state = false;
    return options;
}

static void start(struct run *run, const char *model, const char *sets, const struct sc_cost_options *options)
{
    run_costs(run, model, sets, HERE("alpa-units.json"), "4x1", SC_FORMULAS_ALPA, options);
}

static void objective_is(const struct run *run, double expected)
{
    if (!(fabs(run->solution->cost / expected - 1) < 0.01))
        fail_msg("%s: %.2f, not %.2f", run->graph->name, run->solution->cost, expected);
}

static void all_reduces_only(const struct counts *c, int forward, int backward, int recompute)
{
    printf("all-reduces: %d forward, %d backward, %d recomputed, of %d collectives\n", c->of[SC_FORWARD][SC_ALL_REDUCE],
           c->of[SC_BACKWARD][SC_ALL_REDUCE], c->of[SC_RECOMPUTE][SC_ALL_REDUCE], c->total);
    assert_int_equal(c->of[SC_FORWARD][SC_ALL_REDUCE], forward);
    assert_int_equal(c->of[SC_BACKWARD][SC_ALL_REDUCE], backward);
    assert_int_equal(c->of[SC_RECOMPUTE][SC_ALL_REDUCE], recompute);
    assert_int_equal(c->total, forward + backward + recompute);
}

/* test_n_layer_mlp_model_parallel: 5 all-reduces; weights alternate between column and row. */
static void mlp_of_six_layers(void **state)
{
    (void)state;
    struct sc_cost_options options = plain();
    struct run run;
    start(&run, HERE("alpa-mlp.json"), "layers=6 batch=32 hidden=256", &options);
    run_solve(&run, NULL);
    objective_is(&run, 5 * ar(32 * 256 * 4));
    struct counts c = run_count(&run, 0);
    all_reduces_only(&c, 3, 2, 0);
    for (int i = 0; i < 6; i++) {
        char name[64];
        snprintf(name, sizeof name, "layer.%d.dense.w", i);
        const struct sc_strategy *s = run_strategy(&run, name);
        assert_int_equal(s->result[0].dim[0], i % 2 == 0 ? 1 : 0);
    }
    run_free(&run);
}

/* test_n_layer_mlp_data_parallel: one all-reduce a parameter, once an iteration; everything is replicated. */
static void mlp_with_a_large_batch(void **state)
{
    (void)state;
    struct sc_cost_options options = plain();
    struct run run;
    start(&run, HERE("alpa-mlp.json"), "layers=6 batch=256 hidden=32", &options);
    run_solve(&run, NULL);
    objective_is(&run, 6 * (ar(32 * 32 * 4) + ar(32 * 4)));
    struct counts c = run_count(&run, 64); /* not the loss, a number */
    assert_int_equal(c.of[SC_ONCE][SC_ALL_REDUCE], 12);
    assert_int_equal(c.total, 12);
    run_free(&run);
}

/* test_bert_layer_model_parallel: 4L - 1. */
static void bert_of_two_layers(void **state)
{
    (void)state;
    struct sc_cost_options options = plain();
    struct run run;
    start(&run, HERE("alpa-bert.json"), "layers=2", &options);
    run_solve(&run, NULL);
    objective_is(&run, 7 * ar(8 * 8 * 128 * 4));
    struct counts c = run_count(&run, 0);
    all_reduces_only(&c, 4, 3, 0);
    static const struct {
        const char *name;
        int dim;
    } weights[] = {{"layer.1.q.w", 1},   {"layer.1.k.w", 1},   {"layer.1.v.w", 1},
                   {"layer.1.out.w", 0}, {"layer.1.fc1.w", 1}, {"layer.1.fc2.w", 0}};
    for (size_t i = 0; i < SC_LEN(weights); i++)
        assert_int_equal(run_strategy(&run, weights[i].name)->result[0].dim[0], weights[i].dim);
    run_free(&run);
}

/* The same with gradient checkpointing: 6L - 1. */
static void bert_with_rematerialisation(void **state)
{
    (void)state;
    struct sc_cost_options options = plain();
    options.remat = SC_REMAT_LAYER;
    struct run run;
    start(&run, HERE("alpa-bert.json"), "layers=2", &options);
    run_solve(&run, NULL);
    objective_is(&run, 11 * ar(8 * 8 * 128 * 4));
    struct counts c = run_count(&run, 0);
    all_reduces_only(&c, 4, 3, 4);
    run_free(&run);
}

/* ---- ZeRO ------------------------------------------------------------------------------------------ */

static bool is_batch(const struct run *run, const struct sc_op *op, int factor)
{
    return factor >= 0 && strcmp(op->rule->factor[factor].name, "b") == 0 && run->costs->mesh.axes.size[0] == 4;
}

static const struct sc_op *op_at(const struct run *run, int node)
{
    int op = run->costs->nodes[node].op;
    return op >= 0 ? &run->graph->ops[op] : NULL;
}

/* Data parallelism with optimizer state and gradients of weights sharded: Alpa's Zero2Parallel. */
static bool zero_2(const struct run *run, int node, const struct sc_strategy *s)
{
    const struct sc_op *op = op_at(run, node);
    if (op == NULL)
        return true;
    if (sc_kind_source(op->kind) == SC_SOURCE_PARAMETER)
        return s->state_axes == 1 && s->shard_gradient;
    return strcmp(op->kind->name, "matmul") != 0 || is_batch(run, op, s->factor[0]);
}

/* Data parallelism with weights themselves sharded: Alpa's Zero3Parallel. */
static bool zero_3(const struct run *run, int node, const struct sc_strategy *s)
{
    const struct sc_op *op = op_at(run, node);
    if (op == NULL)
        return true;
    if (sc_kind_source(op->kind) == SC_SOURCE_PARAMETER)
        return s->result[0].dim[0] == 0;
    return strcmp(op->kind->name, "matmul") != 0 || is_batch(run, op, s->factor[0]);
}

/* One reduce-scatter and one all-gather a weight, no all-reduce. */
static void zero_2_of_a_data_parallel_mlp(void **state)
{
    (void)state;
    struct sc_cost_options options = SC_COST_OPTIONS_INIT;
    struct run run;
    start(&run, HERE("alpa-mlp.json"), "layers=6 batch=256 hidden=32", &options);
    run_solve(&run, zero_2);
    struct counts c = run_count(&run, 64);
    assert_int_equal(c.of[SC_ONCE][SC_REDUCE_SCATTER], 12);
    assert_int_equal(c.of[SC_ONCE][SC_ALL_GATHER], 12);
    assert_int_equal(c.total, 24);
    run_free(&run);
    /* Microbatches: gradients are scattered each time, parameters gathered once. */
    options.microbatches = 4;
    start(&run, HERE("alpa-mlp.json"), "layers=6 batch=1024 microbatches=4 hidden=32", &options);
    run_solve(&run, zero_2);
    c = run_count(&run, 64);
    assert_int_equal(c.of[SC_BACKWARD][SC_REDUCE_SCATTER], 12);
    assert_int_equal(c.of[SC_ONCE][SC_ALL_GATHER], 12);
    assert_int_equal(c.total, 24);
    run_free(&run);
}

/* Two all-gathers and one reduce-scatter a weight, no all-reduce; the first weight is not needed backward, because the
 * model's input has no gradient, and a bias never is. */
static void zero_3_of_a_data_parallel_mlp(void **state)
{
    (void)state;
    struct sc_cost_options options = SC_COST_OPTIONS_INIT;
    struct run run;
    start(&run, HERE("alpa-mlp.json"), "layers=6 batch=256 hidden=32 bias=0", &options);
    run_solve(&run, zero_3);
    struct counts c = run_count(&run, 64);
    assert_int_equal(c.of[SC_FORWARD][SC_ALL_GATHER], 6);
    assert_int_equal(c.of[SC_BACKWARD][SC_ALL_GATHER], 5);
    assert_int_equal(c.of[SC_BACKWARD][SC_REDUCE_SCATTER], 6);
    assert_int_equal(c.total, 17);
    run_free(&run);
}

/* ---- mixtures of experts --------------------------------------------------------------------------- */

/* test_moe_layer: 4 all-to-alls, data parallelism for the rest, experts on the axis. */
static void moe_layer(void **state)
{
    (void)state;
    struct sc_cost_options options = plain();
    struct run run;
    const double h = 64, e = 16;
    start(&run, HERE("alpa-moe.json"), "", &options);
    run_solve(&run, NULL);
    objective_is(&run, 4 * a2a(64 * 16 * h * 2 * 4) + ar(h * h * 3 * 4) + ar(h * 3 * 4) + ar(h * h * 4) + ar(h * 4) +
                           4 * ar(h * 4) + ar(h * e * 4));
    struct counts c = run_count(&run, 64);
    assert_int_equal(c.of[SC_FORWARD][SC_ALL_TO_ALL], 2);
    assert_int_equal(c.of[SC_BACKWARD][SC_ALL_TO_ALL], 2);
    assert_int_equal(c.of[SC_ONCE][SC_ALL_REDUCE], c.total - 4);
    for (int i = 0; i < 2; i++)
        assert_int_equal(run_strategy(&run, i == 0 ? "layer.wi.w" : "layer.wo.w")->result[0].dim[0], 0);
    assert_string_equal(run_text(&run, "layer.q.w"), "(none)");
    assert_string_equal(run_text(&run, "layer.gate.w"), "(none)");
    run_free(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mlp_of_six_layers),
        cmocka_unit_test(mlp_with_a_large_batch),
        cmocka_unit_test(bert_of_two_layers),
        cmocka_unit_test(bert_with_rematerialisation),
        cmocka_unit_test(zero_2_of_a_data_parallel_mlp),
        cmocka_unit_test(zero_3_of_a_data_parallel_mlp),
        cmocka_unit_test(moe_layer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
