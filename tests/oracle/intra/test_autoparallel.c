/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What autoparallel's tests/test_optimize_placement.py finds for its feed-forward network, on its meshes of 256
 * devices: data parallelism; with little memory for parameters, fully sharded data parallelism; on two axes Megatron's
 * column, then row.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "support/run.h"

#define HERE(name) TEST_SOURCE_DIR "/tests/oracle/intra/" name

#define MESH_1D "h100:32", "256", SC_FORMULAS_NATIVE
#define MESH_2D "h100:32", "32x8", SC_FORMULAS_NATIVE

static void no_limit_gives_data_parallelism(void **state)
{
    (void)state;
    struct sc_cost_options options = SC_COST_OPTIONS_INIT;
    options.shard_state = false; /* as there: optimizer state is not part of it */
    struct run run;
    run_costs(&run, HERE("ffn.json"), "batch=524288", MESH_1D, &options);
    run_solve(&run, NULL);
    assert_string_equal(run_text(&run, "linear1.w"), "(none)");
    assert_string_equal(run_text(&run, "linear2.w"), "(none)");
    assert_string_equal(run_text(&run, "linear1"), "b@x");
    assert_string_equal(run_text(&run, "linear2"), "b@x");
    struct counts c = run_count(&run, 0);
    assert_int_equal(c.of[SC_ONCE][SC_ALL_REDUCE], 2);
    assert_int_equal(c.total, 2);
    run_free(&run);
}

/* Whole weights; all else in rows, so that nothing but weights can make room. */
static bool stored_whole(const struct run *run, int node, const struct sc_strategy *s)
{
    int op = run->costs->nodes[node].op;
    if (op < 0)
        return true;
    bool weight = sc_kind_source(run->graph->ops[op].kind) == SC_SOURCE_PARAMETER;
    return s->result[0].dim[0] == (weight ? -1 : 0);
}

static void a_memory_limit_gives_fully_sharded_data_parallelism(void **state)
{
    (void)state;
    struct sc_cost_options options = SC_COST_OPTIONS_INIT;
    struct run run;
    run_costs(&run, HERE("ffn.json"), "batch=524288", MESH_1D, &options);
    run_solve(&run, stored_whole);
    double whole = sc_problem_check(run.problem, run.solution->choices).peak;
    struct sc_memory memory = run_memory(&run);
    run_free(&run);
    /* Less than one whole weight needs, whatever becomes of gradients and state. */
    options.memory_bytes = whole - memory.gradients - memory.optimizer - memory.parameters * 0.75;
    run_costs(&run, HERE("ffn.json"), "batch=524288", MESH_1D, &options);
    run_solve(&run, NULL);
    for (int i = 0; i < 2; i++) {
        const char *weight = i == 0 ? "linear1.w" : "linear2.w", *op = i == 0 ? "linear1" : "linear2";
        assert_int_equal(run_strategy(&run, weight)->result[0].dim[0], 0); /* S(0) */
        assert_string_equal(run_text(&run, op), "b@x");                    /* reads it whole */
        assert_int_equal(run_strategy(&run, op)->operand[1].dim[0], -1);
    }
    run_free(&run);
}

static void two_axes_give_column_then_row(void **state)
{
    (void)state;
    struct sc_cost_options options = SC_COST_OPTIONS_INIT;
    struct run run;
    run_costs(&run, HERE("ffn.json"), "batch=65536", MESH_2D, &options);
    run_solve(&run, NULL);
    const struct sc_strategy *first = run_strategy(&run, "linear1"), *second = run_strategy(&run, "linear2");
    assert_int_equal(first->operand[0].dim[0], 0); /* rows of the input over x */
    assert_int_equal(first->operand[1].dim[1], 1); /* column */
    assert_int_equal(first->result[0].dim[1], 1);
    assert_int_equal(second->operand[0].dim[0], 0);
    assert_int_equal(second->operand[1].dim[1], 0); /* row */
    struct counts c = run_count(&run, 0);
    assert_int_equal(c.of[SC_FORWARD][SC_ALL_REDUCE] + c.of[SC_FORWARD][SC_REDUCE_SCATTER], 1);
    run_free(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_limit_gives_data_parallelism),
        cmocka_unit_test(a_memory_limit_gives_fully_sharded_data_parallelism),
        cmocka_unit_test(two_axes_give_column_then_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
