/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Memory and time of a GPT of 22·10⁹ parameters on eight A100-80GB, as Calculon's llm-validation gives them after
 * Korthikanti et al. 2022 (arXiv 2205.05198): sequence 2048, hidden 6144, 48 layers, 64 heads, batch 4, tensor axis 8.
 * Attention here is fused, as with that paper's selective recomputation: its scores are not kept.
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

#define GPT   SAMPLE("family/gpt.json")
#define SIZES "layers=48 hidden=6144 heads=64 batch=4 microbatches=1 seq=2048"

static const double gib = 1073741824.0, numbers = 2048.0 * 4 * 6144; /* s·b·h */

static struct sc_cost_options megatron(void)
{
    struct sc_cost_options options = SC_COST_OPTIONS_INIT;
    options.recipe = (struct sc_recipe){2, 4, 12}; /* 18 bytes a parameter: fp32 gradients */
    options.memory_bytes = 1e15;
    return options;
}

static bool in_layers(const struct run *run, int node)
{
    int op = run->costs->nodes[node].op;
    return op >= 0 && strncmp(run->graph->ops[op].name, "layer.", 6) == 0;
}

static struct sc_memory of_layers(const struct run *run)
{
    struct sc_memory sum = {0};
    for (int n = 0; n < run->costs->node_count; n++) {
        if (!in_layers(run, n))
            continue;
        struct sc_memory m = sc_costs_node_memory(run->costs, n, run->solution->choices[n]);
        sum.parameters += m.parameters;
        sum.gradients += m.gradients;
        sum.optimizer += m.optimizer;
        sum.activations += m.activations;
    }
    return sum;
}

static void is(const char *what, double found, double published, double tolerance, const char *unit)
{
    printf("%s: %.3f %s, published %.3f (%+.1f %%)\n", what, found, unit, published, (found / published - 1) * 100);
    if (!(fabs(found / published - 1) <= tolerance))
        fail_msg("%s is %.4f, not %.4f", what, found, published);
}

/* Nothing of a layer is replicated: tensor and sequence parallelism. */
static bool splits_layers(const struct run *run, int node, const struct sc_strategy *s)
{
    if (!in_layers(run, node) || run->graph->ops[run->costs->nodes[node].op].operand_count == 0)
        return true;
    return sc_spec_axes(s->result[0]) != 0;
}

static void with_sequence_parallelism(void **state)
{
    (void)state;
    struct sc_cost_options options = megatron();
    struct run run;
    run_costs(&run, GPT, SIZES, "a100-80", "1x8", SC_FORMULAS_NATIVE, &options);
    run_solve(&run, splits_layers);
    struct sc_memory m = of_layers(&run);
    is("parameters and optimizer", (m.parameters + m.gradients + m.optimizer) / gib, 45.56, 0.01, "GiB");
    is("activations, 34·s·b·h/t a layer", m.activations / gib, 9.56, 0.01, "GiB");
    is("iteration", run.solution->cost, 1.10, 0.35, "s");
    run_free(&run);
}

/* Megatron's formula for tensor parallelism alone is s·b·h·(10 + 24/t) a layer, without the scores of attention. */
static void with_tensor_parallelism_alone(void **state)
{
    (void)state;
    struct sc_cost_options options = megatron();
    struct run run;
    options.reduce_scatter = false;
    run_costs(&run, GPT, SIZES, "h100", "1x8", SC_FORMULAS_NATIVE, &options);
    run_solve(&run, NULL);
    is("activations, s·b·h·(10 + 24/t) a layer", of_layers(&run).activations / gib, 48 * numbers * 13 / gib, 0.01,
       "GiB");
    run_free(&run);
}

/* With full recomputation only what enters each layer stays: 2·s·b·h. */
static double kept(const struct run *run)
{
    double bytes = 0;
    for (int u = 0; u < run->costs->usage_count; u++) {
        const struct sc_cost_usage *usage = &run->costs->usages[u];
        const struct sc_op *op =
            in_layers(run, usage->node) ? &run->graph->ops[run->costs->nodes[usage->node].op] : NULL;
        if (op != NULL && op->operand_count > 0 && usage->t0 == 0 && usage->t1 == run->costs->slots)
            bytes += usage->bytes[run->solution->choices[usage->node]];
    }
    return bytes;
}

/* Megatron without sequence parallelism replicates what enters a layer. */
static bool replicates_sums(const struct run *run, int node, const struct sc_strategy *s)
{
    int op = run->costs->nodes[node].op;
    return !in_layers(run, node) || strcmp(run->graph->ops[op].kind->name, "add") != 0 ||
           sc_spec_axes(s->result[0]) == 0;
}

static void with_full_recomputation(void **state)
{
    (void)state;
    struct sc_cost_options options = megatron();
    struct run run;
    options.reduce_scatter = false;
    options.remat = SC_REMAT_LAYER;
    run_costs(&run, GPT, SIZES, "a100-80", "1x8", SC_FORMULAS_NATIVE, &options);
    run_solve(&run, replicates_sums);
    is("activations kept, 2·s·b·h a layer", kept(&run) / gib, 48 * numbers * 2 / gib, 0.01, "GiB");
    is("iteration with full recomputation", run.solution->cost, 1.42, 0.35, "s");
    run_free(&run);
}

/* FLOPs of an iteration by Alpa's formula (benchmark/alpa/gpt utilities): k·B·S·H²·L·(1 + S/6H) + 6·B·S·H·V, k = 24
 * forward, 48 backward, 24 again with rematerialisation. Counted here over matrix products of all devices. */
static void flops_as_alpa_counts_them(void **state)
{
    (void)state;
    const double b = 8, s = 1024, h = 2560, layers = 32, v = 51200;
    for (int again = 0; again < 2; again++) {
        struct sc_cost_options options = SC_COST_OPTIONS_INIT;
        struct sc_item items[SC_MAX_ITEMS];
        struct run run;
        options.remat = again ? SC_REMAT_LAYER : SC_REMAT_NONE;
        run_costs(&run, SAMPLE("gpt-2.6b.json"), "batch=8 microbatches=1", "h100", "8", SC_FORMULAS_NATIVE, &options);
        double flops = 0;
        for (int n = 0; n < run.costs->node_count; n++) {
            int op = run.costs->nodes[n].op, choice = 0; /* replicated: all of the work on each device */
            if (op < 0 || run.graph->ops[op].kind->unit != SC_UNIT_MATRIX)
                continue;
            int count = sc_costs_node_items(run.costs, n, choice, items);
            for (int i = 0; i < count; i++)
                flops += items[i].cause == SC_CAUSE_COMPUTE ? items[i].flops : 0;
        }
        double k = again ? 96 : 72, layer = b * s * h * h * layers * (1 + s / (6 * h));
        /* Fused attention recomputes its scores in backward: 2.5 times forward instead of 2, of its 4·B·S²·H. */
        double fused = 0.5 * 4 * b * s * s * h * layers;
        is(again ? "TFLOPs with rematerialisation" : "TFLOPs", (flops - fused) / 1e12,
           (k * layer + 6 * b * s * h * v) / 1e12, 0.01, "");
        run_free(&run);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_sequence_parallelism),
        cmocka_unit_test(with_tensor_parallelism_alone),
        cmocka_unit_test(with_full_recomputation),
        cmocka_unit_test(flops_as_alpa_counts_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
