/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Plans that others designed by hand come out by themselves: Megatron's tensor parallelism (Shoeybi et al. 2019,
 * arXiv 1909.08053), its sequence parallelism (Korthikanti et al. 2022, arXiv 2205.05198), ZeRO (Rajbhandari et al.
 * 2020).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "support/run.h"

#define HERE(name) TEST_SOURCE_DIR "/tests/oracle/intra/" name

#define GPT    SAMPLE("family/gpt.json")
#define TENSOR "layers=2 hidden=4096 heads=32 batch=1 microbatches=1"
#define DATA   "layers=4 hidden=1024 heads=16 batch=64 microbatches=8"

/* Of the ops of one layer, by the names of their nodes: collectives of both ends' edges, larger than statistics. */
static struct counts of_layer(const struct run *run, const char *prefix)
{
    struct counts c = {0};
    struct sc_item items[SC_MAX_ITEMS];
    const int *choices = run->solution->choices;
    size_t length = strlen(prefix);
    for (int n = 0; n < run->costs->node_count; n++) {
        int op = run->costs->nodes[n].op;
        if (op < 0 || strncmp(run->graph->ops[op].name, prefix, length) != 0)
            continue;
        int count = sc_costs_node_items(run->costs, n, choices[n], items);
        for (int i = 0; i < count; i++)
            c.of[items[i].phase][items[i].kind] += items[i].cause == SC_CAUSE_PARTIAL;
    }
    for (int e = 0; e < run->costs->edge_count; e++) { /* an edge belongs to the producer of its tensor */
        const struct sc_cost_edge *edge = &run->costs->edges[e];
        const struct sc_op *op = &run->graph->ops[run->graph->tensors[edge->tensor].op];
        if (strncmp(op->name, prefix, length) != 0 || op->operand_count == 0)
            continue;
        int count = sc_costs_edge_items(run->costs, e, choices[edge->from], choices[edge->to], items);
        for (int i = 0; i < count; i++)
            c.of[items[i].phase][items[i].kind]++;
    }
    return c;
}

static void is_column_then_row(const struct run *run)
{
    static const struct {
        const char *op;
        int weight_dim;
    } products[] = {{"attn.q", 1}, {"attn.k", 1}, {"attn.v", 1}, {"attn.out", 0}, {"mlp.fc1", 1}, {"mlp.fc2", 0}};
    for (int layer = 0; layer < 2; layer++) {
        for (size_t i = 0; i < SC_LEN(products); i++) {
            char name[64];
            snprintf(name, sizeof name, "layer.%d.%s", layer, products[i].op);
            assert_int_equal(run_strategy(run, name)->operand[1].dim[1], products[i].weight_dim);
        }
    }
}

/* Two all-reduces forward and two backward a layer. */
static void tensor_parallelism(void **state)
{
    (void)state;
    static const char *const clusters[] = {"h100", "a100-80"};
    for (size_t i = 0; i < SC_LEN(clusters); i++) {
        struct sc_cost_options options = SC_COST_OPTIONS_INIT;
        options.reduce_scatter = false;
        struct run run;
        run_costs(&run, GPT, TENSOR, clusters[i], "1x8", SC_FORMULAS_NATIVE, &options);
        run_solve(&run, NULL);
        is_column_then_row(&run);
        for (int layer = 0; layer < 2; layer++) {
            struct counts c = of_layer(&run, layer == 0 ? "layer.0." : "layer.1.");
            assert_int_equal(c.of[SC_FORWARD][SC_ALL_REDUCE], 2);
            assert_int_equal(c.of[SC_BACKWARD][SC_ALL_REDUCE], 2);
            for (int kind = 0; kind < SC_COLLECTIVE_COUNT; kind++) {
                if (kind == SC_ALL_REDUCE || (layer == 1 && kind == SC_ALL_GATHER))
                    continue; /* into the head */
                assert_int_equal(c.of[SC_FORWARD][kind] + c.of[SC_BACKWARD][kind], 0);
            }
        }
        run_free(&run);
    }
}

/* Reduce-scatter and all-gather in their place; the gathered activations are not kept but gathered again. */
static bool is_sequence_parallel(const struct run *run)
{
    is_column_then_row(run);
    struct counts c = of_layer(run, "layer.0.");
    return c.of[SC_FORWARD][SC_ALL_REDUCE] == 0 && c.of[SC_BACKWARD][SC_ALL_REDUCE] == 0 &&
           c.of[SC_FORWARD][SC_REDUCE_SCATTER] == 2 && c.of[SC_FORWARD][SC_ALL_GATHER] == 2 &&
           c.of[SC_BACKWARD][SC_REDUCE_SCATTER] == 2 &&
           c.of[SC_BACKWARD][SC_ALL_GATHER] == 4; /* 2 of gradients, 2 again */
}

static void sequence_parallelism_where_it_is_cheaper(void **state)
{
    (void)state;
    struct sc_cost_options options = SC_COST_OPTIONS_INIT;
    struct run with, without;
    run_costs(&with, GPT, TENSOR, "a100-80", "1x8", SC_FORMULAS_NATIVE, &options);
    run_solve(&with, NULL);
    assert_true(is_sequence_parallel(&with));
    options.reduce_scatter = false;
    run_costs(&without, GPT, TENSOR, "a100-80", "1x8", SC_FORMULAS_NATIVE, &options);
    run_solve(&without, NULL);
    assert_true(with.solution->cost < without.solution->cost);
    run_free(&with);
    run_free(&without);
}

/* Nothing within the layers is replicated. */
static bool splits_layers(const struct run *run, int node, const struct sc_strategy *s)
{
    int op = run->costs->nodes[node].op;
    if (op < 0 || strncmp(run->graph->ops[op].name, "layer.", 6) != 0 || run->graph->ops[op].operand_count == 0)
        return true;
    return s->factor[1] >= 0 && sc_spec_axes(s->result[0]) != 0;
}

/* On an H100 host an all-reduce costs less than its halves, so only memory asks for it: as the limit falls, one after
 * another of them is replaced. */
static void sequence_parallelism_where_memory_needs_it(void **state)
{
    (void)state;
    struct sc_cost_options options = SC_COST_OPTIONS_INIT;
    struct run run;
    run_costs(&run, GPT, TENSOR, "h100", "1x8", SC_FORMULAS_NATIVE, &options);
    run_solve(&run, NULL);
    is_column_then_row(&run);
    assert_int_equal(of_layer(&run, "layer.").of[SC_FORWARD][SC_REDUCE_SCATTER], 0);
    double cost = run.solution->cost, peak = sc_problem_check(run.problem, run.solution->choices).peak;
    run_solve(&run, splits_layers);
    options.memory_bytes = sc_problem_check(run.problem, run.solution->choices).peak + 1;
    assert_true(options.memory_bytes < peak);
    run_free(&run);
    for (bool done = false; !done; options.memory_bytes *= 0.999) {
        run_costs(&run, GPT, TENSOR, "h100", "1x8", SC_FORMULAS_NATIVE, &options);
        run_solve(&run, NULL); /* fails when the limit has become too small */
        struct counts c = of_layer(&run, "layer.");
        done = is_sequence_parallel(&run);
        printf("%.4f GiB: %.6f s, %d reduce-scatters, %d all-reduces\n", options.memory_bytes / 1073741824,
               run.solution->cost, c.of[SC_FORWARD][SC_REDUCE_SCATTER] + c.of[SC_BACKWARD][SC_REDUCE_SCATTER],
               c.of[SC_FORWARD][SC_ALL_REDUCE] + c.of[SC_BACKWARD][SC_ALL_REDUCE]);
        assert_int_equal(c.of[SC_FORWARD][SC_REDUCE_SCATTER] + c.of[SC_FORWARD][SC_ALL_REDUCE], 4);
        assert_true(run.solution->cost >= cost);
        cost = run.solution->cost;
        run_free(&run);
    }
}

/* ---- ZeRO ------------------------------------------------------------------------------------------ */

/* How far the weights of the layers are sharded: 3 where they are stored in slices, 2 their gradients, 1 their state.
 */
static void zero_stages(const struct run *run, int count[4])
{
    for (int n = 0; n < run->costs->node_count; n++) {
        int op = run->costs->nodes[n].op;
        if (op < 0 || sc_kind_source(run->graph->ops[op].kind) != SC_SOURCE_PARAMETER)
            continue;
        if (run->graph->tensors[run->graph->ops[op].results[0]].rank < 2)
            continue;
        const struct sc_strategy *s = &run->costs->nodes[n].set->at[run->solution->choices[n]];
        count[sc_spec_axes(s->result[0]) != 0 ? 3 : s->shard_gradient ? 2 : s->state_axes != 0 ? 1 : 0]++;
    }
}

/* Every product stays data parallel, so that memory has to come from ZeRO. */
static bool data_parallel(const struct run *run, int node, const struct sc_strategy *s)
{
    int op = run->costs->nodes[node].op;
    if (op < 0 || run->graph->ops[op].kind->unit != SC_UNIT_MATRIX)
        return true;
    return s->factor[0] >= 0 && strcmp(run->graph->ops[op].rule->factor[s->factor[0]].name, "b") == 0;
}

static bool data_parallel_zero_3(const struct run *run, int node, const struct sc_strategy *s)
{
    int op = run->costs->nodes[node].op;
    if (op < 0 || sc_kind_source(run->graph->ops[op].kind) != SC_SOURCE_PARAMETER)
        return data_parallel(run, node, s);
    return sc_spec_axes(s->result[0]) != 0;
}

static void solve_within(struct run *run, double memory_bytes, run_allows allows, int stages[4])
{
    struct sc_cost_options options = SC_COST_OPTIONS_INIT;
    options.microbatches = 8;
    options.memory_bytes = memory_bytes;
    run_costs(run, GPT, DATA, "a100-80", "8", SC_FORMULAS_NATIVE, &options);
    run_solve(run, allows);
    for (int i = 0; i < 4; i++)
        stages[i] = 0;
    zero_stages(run, stages);
}

/* The tighter the limit, the further; at the end every weight is stored in slices, gathered twice a microbatch, and its
 * gradient scattered. */
static void memory_on_a_data_axis_gives_zero(void **state)
{
    (void)state;
    struct run run;
    int stages[4];
    solve_within(&run, 0, data_parallel_zero_3, stages);
    double least = sc_problem_check(run.problem, run.solution->choices).peak + 1;
    run_free(&run);
    solve_within(&run, 0, data_parallel, stages);
    int weights = stages[0] + stages[1] + stages[2] + stages[3];
    double cost = run.solution->cost;
    struct sc_memory m = run_memory(&run);
    assert_int_equal(stages[3], 0); /* free: state at most */
    run_free(&run);

    solve_within(&run, least, data_parallel, stages);
    printf("%d weights: %d whole, %d ZeRO-1, %d ZeRO-2, %d ZeRO-3\n", weights, stages[0], stages[1], stages[2],
           stages[3]);
    assert_int_equal(stages[3], weights);
    assert_true(run.solution->cost > cost);
    struct sc_memory less = run_memory(&run);
    assert_true(less.parameters < 0.15 * m.parameters && less.gradients < 0.15 * m.gradients);
    const struct sc_item *item = NULL;
    struct sc_item items[SC_MAX_ITEMS];
    int gathers = 0, scatters = 0, edges = 0;
    for (int e = 0; e < run.costs->edge_count; e++) {
        const struct sc_cost_edge *edge = &run.costs->edges[e];
        const char *name = run.graph->tensors[edge->tensor].name;
        if (strstr(name, ".fc1.w") == NULL)
            continue;
        edges++;
        int count = sc_costs_edge_items(run.costs, e, run.solution->choices[edge->from],
                                        run.solution->choices[edge->to], items);
        for (item = items; item < items + count; item++) {
            gathers +=
                item->kind == SC_ALL_GATHER && item->cause == SC_CAUSE_PARAMETER_GATHER && item->phase != SC_ONCE;
            scatters +=
                item->kind == SC_REDUCE_SCATTER && item->cause == SC_CAUSE_GRADIENT_SYNC && item->phase == SC_BACKWARD;
        }
    }
    assert_int_equal(edges, 4);
    assert_int_equal(gathers, 8);
    assert_int_equal(scatters, 4);
    run_free(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensor_parallelism),
        cmocka_unit_test(sequence_parallelism_where_it_is_cheaper),
        cmocka_unit_test(sequence_parallelism_where_memory_needs_it),
        cmocka_unit_test(memory_on_a_data_axis_gives_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
