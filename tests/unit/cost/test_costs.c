/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What nodes and edges cost, against collectives, bytes and seconds derived by hand. Machine: toy-1x4 (1 TFLOP/s,
 * 100 GB/s of memory, links of 1 µs and 10 GB/s). Model: net.json, 8 rows, 16 → 16 → 32 → 16, fp32.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/near.h"
#include "support/run.h"

#define HERE(name) TEST_SOURCE_DIR "/tests/unit/cost/" name
#define TOY        "toy-1x4"

static const struct sc_cost_options defaults = SC_COST_OPTIONS_INIT;

static void start(struct run *run, const char *model, const char *sets, const char *mesh,
                  const struct sc_cost_options *options)
{
    run_costs(run, model, sets, TOY, mesh, SC_FORMULAS_NATIVE, options);
}

static void node_pays(const struct run *run, const char *op, const char *strategy, const char *items)
{
    const char *found = run_node_items(run, op, strategy);
    if (strcmp(found, items) != 0)
        fail_msg("%s as %s pays\n  %s\nnot\n  %s", op, strategy, found, items);
}

static void edge_pays(const struct run *run, const char *from, const char *a, const char *to, const char *b,
                      const char *items)
{
    const char *found = run_edge_items(run, from, a, to, b);
    if (strcmp(found, items) != 0)
        fail_msg("%s as %s to %s as %s pays\n  %s\nnot\n  %s", from, a, to, b, found, items);
}

/* Times lie on a grid of quanta. */
static void assert_seconds(double a, double b)
{
    if (!(fabs(a - b) <= 1e-12 + 1e-9 * fabs(b)))
        fail_msg("%.17g s is not %.17g s", a, b);
}

static double micro(const struct run *run, const char *op, const char *strategy)
{
    int node = run->costs->op_node[sc_graph_find_op(run->graph, op)];
    return run->costs->nodes[node].micro_s[run_choice(run, node, strategy)];
}

static double once(const struct run *run, const char *op, const char *strategy)
{
    int node = run->costs->op_node[sc_graph_find_op(run->graph, op)];
    return run->costs->nodes[node].once_s[run_choice(run, node, strategy)];
}

static struct sc_memory memory(const struct run *run, const char *op, const char *strategy)
{
    int node = run->costs->op_node[sc_graph_find_op(run->graph, op)];
    return sc_costs_node_memory(run->costs, node, run_choice(run, node, strategy));
}

/* ---- collectives ----------------------------------------------------------------------------------- */

static void partial_results_are_resolved_on_the_node(void **state)
{
    (void)state;
    struct run run;
    start(&run, HERE("net.json"), "", "4", &defaults);
    node_pays(&run, "layer.0.fc2", "f@x", "forward partial all_reduce x 512");
    node_pays(&run, "layer.0.fc2", "f@x:rs(b)", "forward partial reduce_scatter x 512");
    node_pays(&run, "layer.0.fc2", "b@x", "");
    node_pays(&run, "layer.0.fc2", "h@x", "");
    /* Backward of the reduce-scatter is an all-gather of the gradient: paid by the edge, and only there. */
    edge_pays(&run, "layer.0.fc2", "f@x:rs(b)", "end.square", "b@x", "backward reshard all_gather x 512");
    edge_pays(&run, "layer.0.fc2", "f@x", "end.square", "(none)", "");
    /* An all-reduced result that is sliced is gathered backward just so. */
    edge_pays(&run, "layer.0.fc2", "f@x", "end.square", "b@x", "backward reshard all_gather x 512");
    run_free(&run);
}

static void axes_resolved_alike_act_together(void **state)
{
    (void)state;
    struct run run;
    start(&run, HERE("net.json"), "", "2x2", &defaults);
    node_pays(&run, "layer.0.fc2", "f@xy", "forward partial all_reduce xy 512");
    node_pays(&run, "layer.0.fc2", "b@x f@y", "forward partial all_reduce y 256");
    node_pays(&run, "layer.0.fc2", "f@x:rs(b) f@y",
              "forward partial reduce_scatter x 512; forward partial all_reduce y 256");
    node_pays(&run, "layer.0.fc2", "f@x:rs(b) f@y:rs(h)",
              "forward partial reduce_scatter x 512; forward partial reduce_scatter y 256");
    run_free(&run);
}

static void activations_are_moved_and_their_gradients_back(void **state)
{
    (void)state;
    struct run run;
    start(&run, HERE("net.json"), "", "4", &defaults);
    edge_pays(&run, "layer.0.act", "b@x", "layer.0.fc2", "b@x", "");
    /* Megatron: column, then row. */
    edge_pays(&run, "layer.0.fc1", "f@x", "layer.0.act", "f@x", "");
    edge_pays(&run, "layer.0.act", "f@x", "layer.0.fc2", "f@x", "");
    edge_pays(&run, "start.fc0", "(none)", "layer.0.fc1", "f@x", "backward gradient_sum all_reduce x 512");
    /* The transposed layout is as large: it is saved so, and not made again. */
    edge_pays(&run, "layer.0.act", "b@x", "layer.0.fc2", "f@x",
              "forward reshard all_to_all x 1024; backward reshard all_to_all x 1024");
    /* Gathered: saved in slices, gathered again, the gradient scattered (sequence parallelism). */
    edge_pays(&run, "layer.0.act", "b@x", "layer.0.fc2", "h@x",
              "forward reshard all_gather x 1024; backward reshard all_gather x 1024; "
              "backward gradient_sum reduce_scatter x 1024");
    /* fc1's result is needed by the activation's own backward. */
    edge_pays(&run, "layer.0.fc1", "f@x", "layer.0.act", "(none)",
              "forward reshard all_gather x 1024; backward reshard all_gather x 1024");
    /* An input has no gradient, so its reader's partial one is nobody's. */
    edge_pays(&run, "start.x", "(none)", "start.fc0", "f@x", "");
    run_free(&run);
}

static void rematerialisation_moves_again_instead_of_gathering_again(void **state)
{
    (void)state;
    struct sc_cost_options options = SC_COST_OPTIONS_INIT;
    options.remat = SC_REMAT_LAYER;
    struct run run;
    start(&run, HERE("net.json"), "", "4", &options);
    edge_pays(&run, "layer.0.act", "b@x", "layer.0.fc2", "h@x",
              "forward reshard all_gather x 1024; recompute reshard all_gather x 1024; "
              "backward gradient_sum reduce_scatter x 1024");
    edge_pays(
        &run, "layer.0.act", "b@x", "layer.0.fc2", "f@x",
        "forward reshard all_to_all x 1024; recompute reshard all_to_all x 1024; backward reshard all_to_all x 1024");
    node_pays(&run, "layer.0.fc2", "f@x", "forward partial all_reduce x 512; recompute partial all_reduce x 512");
    edge_pays(&run, "layer.0.fc2.w", "f@x", "layer.0.fc2", "b@x",
              "forward parameter_gather all_gather x 2048; recompute parameter_gather all_gather x 2048; "
              "backward gradient_sync reduce_scatter x 2048");
    /* The last layer's backward follows its forward: nothing runs again. */
    edge_pays(&run, "layer.0.fc2", "b@x", "end.square", "(none)",
              "forward reshard all_gather x 512; backward reshard all_gather x 512");
    run_free(&run);
}

static void inference_pays_forward_only(void **state)
{
    (void)state;
    struct sc_cost_options options = SC_COST_OPTIONS_INIT;
    options.mode = SC_PREFILL;
    struct run run;
    start(&run, HERE("net.json"), "", "4", &options);
    node_pays(&run, "layer.0.fc2", "f@x", "forward partial all_reduce x 512");
    edge_pays(&run, "layer.0.fc2.w", "f@x", "layer.0.fc2", "b@x", "forward parameter_gather all_gather x 2048");
    edge_pays(&run, "layer.0.fc2.w", "(none)", "layer.0.fc2", "b@x", "");
    edge_pays(&run, "layer.0.act", "b@x", "layer.0.fc2", "h@x", "forward reshard all_gather x 1024");
    assert_seconds(once(&run, "layer.0.fc2.w", "(none)"), 0);
    run_free(&run);
}

/* ---- parameters ------------------------------------------------------------------------------------ */

static void data_parallelism_and_zero_1_to_3(void **state)
{
    (void)state;
    struct run run;
    start(&run, HERE("net.json"), "", "4", &defaults);
    edge_pays(&run, "layer.0.fc2.w", "(none)", "layer.0.fc2", "b@x", "once gradient_sync all_reduce x 2048");
    node_pays(&run, "layer.0.fc2.w", "(none)", "");
    edge_pays(&run, "layer.0.fc2.w", "+opt@x", "layer.0.fc2", "b@x", "once gradient_sync reduce_scatter x 2048");
    node_pays(&run, "layer.0.fc2.w", "+opt@x", "once parameter_gather all_gather x 2048");
    edge_pays(&run, "layer.0.fc2.w", "+grad@x", "layer.0.fc2", "b@x", "once gradient_sync reduce_scatter x 2048");
    edge_pays(&run, "layer.0.fc2.w", "f@x", "layer.0.fc2", "b@x",
              "forward parameter_gather all_gather x 2048; backward parameter_gather all_gather x 2048; "
              "backward gradient_sync reduce_scatter x 2048");
    /* The first weight is not needed backward: the model's input has no gradient. */
    edge_pays(&run, "start.fc0.w", "h@x", "start.fc0", "b@x",
              "forward parameter_gather all_gather x 1024; backward gradient_sync reduce_scatter x 1024");
    /* Tensor parallelism synchronises nothing. */
    edge_pays(&run, "layer.0.fc2.w", "f@x", "layer.0.fc2", "f@x", "");
    edge_pays(&run, "layer.0.fc2.w", "h@x", "layer.0.fc2", "h@x", "");
    /* A replicated weight, read in slices: its gradient is gathered. */
    edge_pays(&run, "layer.0.fc2.w", "(none)", "layer.0.fc2", "f@x", "backward gradient_sync all_gather x 2048");
    run_free(&run);
}

static void accumulated_gradients_are_synchronised_once(void **state)
{
    (void)state;
    struct sc_cost_options options = SC_COST_OPTIONS_INIT;
    options.microbatches = 4;
    struct run run;
    start(&run, HERE("net.json"), "batch=32 microbatches=4", "4", &options);
    edge_pays(&run, "layer.0.fc2.w", "(none)", "layer.0.fc2", "b@x", "once gradient_sync all_reduce x 2048");
    edge_pays(&run, "layer.0.fc2.w", "+opt@x", "layer.0.fc2", "b@x", "once gradient_sync reduce_scatter x 2048");
    edge_pays(&run, "layer.0.fc2.w", "+grad@x", "layer.0.fc2", "b@x", "backward gradient_sync reduce_scatter x 2048");
    run_free(&run);
}

static void hybrid_sharding_scatters_inside_and_reduces_between(void **state)
{
    (void)state;
    struct run run;
    start(&run, HERE("net.json"), "", "2x2", &defaults);
    edge_pays(&run, "layer.0.fc2.w", "f@y", "layer.0.fc2", "b@xy",
              "forward parameter_gather all_gather y 2048; backward parameter_gather all_gather y 2048; "
              "backward gradient_sync reduce_scatter y 2048; once gradient_sync all_reduce x 1024");
    edge_pays(&run, "layer.0.fc2.w", "f@y +opt@x", "layer.0.fc2", "b@x f@y",
              "once gradient_sync reduce_scatter x 1024");
    /* Nothing to sum over x: slicing is free, the parameter is gathered still. */
    edge_pays(&run, "layer.0.fc2.w", "f@y +opt@x", "layer.0.fc2", "f@y", "");
    node_pays(&run, "layer.0.fc2.w", "f@y +opt@x", "once parameter_gather all_gather x 1024");
    edge_pays(&run, "layer.0.fc2.w", "+opt@xy", "layer.0.fc2", "b@xy", "once gradient_sync reduce_scatter xy 2048");
    edge_pays(&run, "layer.0.fc2.w", "+opt@x", "layer.0.fc2", "b@xy",
              "once gradient_sync reduce_scatter x 2048; once gradient_sync all_reduce y 1024");
    run_free(&run);
}

/* ---- fan-outs -------------------------------------------------------------------------------------- */

static void gradients_of_a_fanned_out_tensor_are_summed_once(void **state)
{
    (void)state;
    struct run run;
    start(&run, HERE("net.json"), "residual=1", "4", &defaults);
    edge_pays(&run, "*start.fc0", "?x", "layer.0.fc1", "f@x", "");
    edge_pays(&run, "*start.fc0", "?x", "layer.0.add", "(none)", ""); /* one keeps it, the others add zeros */
    edge_pays(&run, "start.fc0", "(none)", "*start.fc0", "?x", "backward gradient_sum all_reduce x 512");
    edge_pays(&run, "start.fc0", "b@x", "*start.fc0", "?x",
              "forward reshard all_gather x 512; backward reshard all_gather x 512; "
              "backward gradient_sum reduce_scatter x 512");
    /* A reader's partial gradient does not fit a whole sum without being summed. */
    edge_pays(&run, "*start.fc0", "(none)", "layer.0.fc1", "f@x", "backward gradient_sum all_reduce x 512");
    edge_pays(&run, "start.fc0", "(none)", "*start.fc0", "(none)", "");
    run_free(&run);
}

static void tied_weights_are_synchronised_once(void **state)
{
    (void)state;
    struct run run;
    start(&run, HERE("kinds.json"), "", "4", &defaults);
    edge_pays(&run, "text.table.w", "(none)", "*text.table.w", "?x", "once gradient_sync all_reduce x 8192");
    edge_pays(&run, "*text.table.w", "?x", "text.table", "b@x", "");
    edge_pays(&run, "*text.table.w", "?x", "text.logits", "b@x", "");
    /* Vocabulary parallel at both ends. */
    edge_pays(&run, "text.table.w", "v@x", "*text.table.w", "v@x", "");
    edge_pays(&run, "*text.table.w", "v@x", "text.table", "v@x", "");
    edge_pays(&run, "*text.table.w", "v@x", "text.logits", "v@x", "");
    node_pays(&run, "text.table", "v@x", "forward partial all_reduce x 8192");
    edge_pays(&run, "text.attend", "(none)", "text.logits", "v@x", "backward gradient_sum all_reduce x 8192");
    run_free(&run);
}

/* ---- other collectives of ops ---------------------------------------------------------------------- */

static void normalised_dimensions_share_statistics(void **state)
{
    (void)state;
    struct run run;
    start(&run, HERE("net.json"), "norm=1", "4", &defaults);
    node_pays(&run, "layer.0.norm", "h@x", "forward statistics all_reduce x 64; backward statistics all_reduce x 64");
    node_pays(&run, "layer.0.norm", "b@x", "");
    edge_pays(&run, "layer.0.norm.scale", "(none)", "layer.0.norm", "b@x", "once gradient_sync all_reduce x 64");
    edge_pays(&run, "layer.0.norm.scale", "h@x", "layer.0.norm", "h@x", "");
    run_free(&run);
    start(&run, HERE("image.json"), "", "4", &defaults);
    node_pays(&run, "all.norm", "b@x", "forward statistics all_reduce x 64; backward statistics all_reduce x 64");
    node_pays(&run, "all.norm", "c@x", "");
    run_free(&run);
}

static void keys_and_values_go_round_the_ring(void **state)
{
    (void)state;
    struct run run;
    start(&run, HERE("kinds.json"), "", "4", &defaults);
    /* 4·16·32 numbers, a quarter of them three steps far. */
    node_pays(&run, "text.attend", "t@x",
              "forward ring permute x 6144; forward ring permute x 6144; "
              "backward ring permute x 12288; backward ring permute x 12288");
    node_pays(&run, "text.attend", "g@x", ""); /* heads */
    node_pays(&run, "text.attend", "b@x", "");
    /* Queries alone in slices: keys are gathered, their gradients scattered. */
    edge_pays(&run, "text.k", "s@x", "text.attend", "s@x",
              "forward reshard all_gather x 8192; backward reshard all_gather x 8192; "
              "backward gradient_sum reduce_scatter x 8192");
    edge_pays(&run, "text.q", "s@x", "text.attend", "s@x", "");
    run_free(&run);
}

static void convolutions_exchange_borders(void **state)
{
    (void)state;
    struct run run;
    start(&run, HERE("image.json"), "", "4", &defaults);
    node_pays(&run, "all.conv", "h@x", "forward halo permute x 4096; backward halo permute x 4096");
    node_pays(&run, "all.stem", "h@x", "forward halo permute x 1536"); /* pixels have no gradient */
    node_pays(&run, "all.conv", "b@x", "");
    node_pays(&run, "all.conv", "c@x", "forward partial all_reduce x 32768");
    edge_pays(&run, "all.conv.w", "(none)", "all.conv", "h@x", "once gradient_sync all_reduce x 2304");
    edge_pays(&run, "all.norm", "(none)", "all.conv", "o@x", "backward gradient_sum all_reduce x 32768");
    run_free(&run);
}

/* ---- compute --------------------------------------------------------------------------------------- */

static void compute_is_a_roofline_on_the_shard(void **state)
{
    (void)state;
    struct run run;
    start(&run, HERE("net.json"), "", "4", &defaults);
    /* fc2: 2·8·32·16 FLOPs; 1024 + 2048 + 512 bytes. Forward, and two products of that size backward. */
    double whole = fmax(8192 / 1e12, 3584 / 1e11), rows = fmax(2048 / 1e12, (256 + 2048 + 128) / 1e11);
    assert_seconds(micro(&run, "layer.0.fc2", "(none)"), 3 * whole); /* on every device: nothing is divided */
    assert_seconds(micro(&run, "layer.0.fc2", "b@x"), 3 * rows);
    /* fc0's input has no gradient: one product backward. 2·8·16·16 FLOPs; 512 + 1024 + 512 bytes. */
    assert_seconds(micro(&run, "start.fc0", "(none)"), 2 * 2048 / 1e11);
    /* gelu: 8 FLOPs forward, 12 backward on the vector units; backward reads the gradient and what was saved. */
    assert_seconds(micro(&run, "layer.0.act", "(none)"),
                   fmax(256 * 8 / 1e11, 2048 / 1e11) + fmax(256 * 12 / 1e11, 3072 / 1e11));
    run_free(&run);
    /* Large enough to be bound by arithmetic. */
    start(&run, HERE("net.json"), "batch=4096 in=1024 hidden=4096 out=1024", "4", &defaults);
    assert_seconds(micro(&run, "layer.0.fc2", "b@x"), 3 * 2.0 * 1024 * 4096 * 1024 / 1e12);
    run_free(&run);
    struct sc_cost_options options = SC_COST_OPTIONS_INIT;
    options.matrix_efficiency = 0.5;
    start(&run, HERE("net.json"), "batch=4096 in=1024 hidden=4096 out=1024", "4", &options);
    assert_seconds(micro(&run, "layer.0.fc2", "b@x"), 3 * 2.0 * 1024 * 4096 * 1024 / 0.5e12);
    run_free(&run);
}

static void padding_is_work(void **state)
{
    (void)state;
    struct sc_cost_options options = SC_COST_OPTIONS_INIT;
    struct run run;
    const char *sets = "batch=4098 in=1024 hidden=4096 out=1024";
    options.uneven = SC_UNEVEN_PAD;
    start(&run, HERE("net.json"), sets, "4", &options);
    assert_seconds(micro(&run, "layer.0.fc2", "b@x"), 3 * 2.0 * 1025 * 4096 * 1024 / 1e12);
    run_free(&run);
    options.uneven = SC_UNEVEN_FRACTION;
    start(&run, HERE("net.json"), sets, "4", &options);
    assert_seconds(micro(&run, "layer.0.fc2", "b@x"), 3 * 2.0 * 1024.5 * 4096 * 1024 / 1e12);
    run_free(&run);
}

static void recomputation_is_a_second_forward(void **state)
{
    (void)state;
    struct sc_cost_options options = SC_COST_OPTIONS_INIT;
    options.remat = SC_REMAT_LAYER;
    struct run run;
    start(&run, HERE("net.json"), "", "4", &options);
    assert_seconds(micro(&run, "layer.0.fc2", "(none)"), 4 * 3584 / 1e11);
    /* square, of the last layer: 1 FLOP forward, 2 backward; reads and writes, then gradient, saved, gradient. */
    assert_seconds(micro(&run, "end.square", "(none)"), 1024 / 1e11 + 1536 / 1e11);
    run_free(&run);
}

static void the_optimizer_moves_its_state_once(void **state)
{
    (void)state;
    struct run run;
    start(&run, HERE("net.json"), "", "4", &defaults);
    double step = 512 * (4 + 2 * 8 + 4) / 1e11; /* gradient, state twice, parameter */
    double gather = sc_collective_seconds(&run.costs->mesh, SC_ALL_GATHER, 1, 2048, NULL);
    assert_seconds(once(&run, "layer.0.fc2.w", "(none)"), step);
    assert_seconds(once(&run, "layer.0.fc2.w", "f@x"), step / 4);
    assert_seconds(once(&run, "layer.0.fc2.w", "+opt@x"), step / 4 + gather);
    assert_seconds(micro(&run, "layer.0.fc2.w", "(none)"), 0);
    run_free(&run);
}

static void overlap_hides_a_fraction(void **state)
{
    (void)state;
    struct sc_cost_options options = SC_COST_OPTIONS_INIT;
    struct run run, hidden;
    options.compute = false;
    start(&run, HERE("net.json"), "", "4", &options);
    options.overlap[SC_ALL_REDUCE] = 0.75;
    start(&hidden, HERE("net.json"), "", "4", &options);
    assert_seconds(micro(&hidden, "layer.0.fc2", "f@x"), micro(&run, "layer.0.fc2", "f@x") / 4);
    assert_true(micro(&run, "layer.0.fc2", "f@x") > 0);
    assert_seconds(micro(&hidden, "layer.0.fc2", "f@x:rs(b)"), micro(&run, "layer.0.fc2", "f@x:rs(b)"));
    run_free(&run);
    run_free(&hidden);
}

/* ---- memory ---------------------------------------------------------------------------------------- */

static void parameters_by_storage_and_state(void **state)
{
    (void)state;
    static const struct {
        const char *strategy;
        double parameters, gradients, optimizer;
    } rows[] = {{"(none)", 2048, 2048, 4096},
                {"+opt@x", 2048, 2048, 1024},
                {"+grad@x", 2048, 512, 1024},
                {"f@x", 512, 512, 1024}};
    struct run run;
    start(&run, HERE("net.json"), "", "4", &defaults);
    for (size_t i = 0; i < SC_LEN(rows); i++) {
        struct sc_memory m = memory(&run, "layer.0.fc2.w", rows[i].strategy);
        assert_near(m.parameters, rows[i].parameters);
        assert_near(m.gradients, rows[i].gradients);
        assert_near(m.optimizer, rows[i].optimizer);
        assert_near(m.activations + m.working + m.cache, 0);
    }
    run_free(&run);
    struct sc_cost_options options = SC_COST_OPTIONS_INIT;
    options.recipe = (struct sc_recipe){2, 2, 12};
    start(&run, HERE("net.json"), "", "4", &options);
    struct sc_memory m = memory(&run, "layer.0.fc2.w", "+opt@x");
    assert_near(m.parameters + m.gradients + m.optimizer, 512 * (2 + 2 + 3));
    run_free(&run);
}

static void saved_tensors_times_what_is_in_flight(void **state)
{
    (void)state;
    struct sc_cost_options options = SC_COST_OPTIONS_INIT;
    options.in_flight = 3;
    struct run run;
    start(&run, HERE("net.json"), "", "4", &options);
    assert_near(memory(&run, "layer.0.act", "(none)").activations, 3 * 1024); /* fc2 needs it */
    assert_near(memory(&run, "layer.0.act", "f@x").activations, 3 * 256);
    assert_near(memory(&run, "layer.0.fc1", "b@x").activations, 3 * 256); /* the activation needs it */
    assert_near(memory(&run, "start.x", "b@x").activations, 3 * 128);     /* for the gradient of fc0.w */
    assert_near(memory(&run, "end.square", "(none)").activations, 0);     /* a sum needs nothing */
    /* Working set of fc2: operands and their gradients, result. */
    assert_near(memory(&run, "layer.0.fc2", "(none)").working, 2 * (1024 + 2048) + 512);
    assert_near(memory(&run, "layer.0.fc2", "b@x").working, 2 * (256 + 2048) + 128);
    run_free(&run);
    start(&run, HERE("kinds.json"), "", "4", &defaults);
    /* dropout: its result is saved by the products that read it, and a byte an element. */
    assert_near(memory(&run, "text.drop", "(none)").activations, 8192 + 2048);
    run_free(&run);
}

/* The peak that the checker finds over all slots, against a sum by hand, for everything replicated. */
static double peak(const struct run *run)
{
    struct sc_error err = {0};
    struct sc_problem *problem = NULL;
    if (sc_plan_problem(run->costs, &problem, &err) != SC_OK)
        fail_msg("%s", err.message);
    int *choices = sc_calloc((size_t)run->costs->node_count, sizeof *choices); /* replicated comes first */
    assert_non_null(choices);
    double found = sc_problem_check(problem, choices).peak;
    sc_free(choices);
    sc_problem_free(problem);
    return found;
}

static void the_peak_is_what_is_kept_and_the_largest_working_set(void **state)
{
    (void)state;
    struct sc_cost_options options = SC_COST_OPTIONS_INIT;
    struct run run;
    const double parameters = (16 * 16 + 16 * 32 + 32 * 16) * 16; /* 4 + 4 + 8 */
    start(&run, HERE("net.json"), "", "4", &options);
    /* x, fc0, fc1, act, fc2 are saved; fc2 works with most (fc1 with as much). */
    double saved = 512 + 512 + 1024 + 1024 + 512, working = 2 * (1024 + 2048) + 512;
    assert_true(2 * (512 + 2048) + 1024 <= working);
    assert_near(peak(&run), parameters + saved + working);
    run_free(&run);
    /* Rematerialisation: x, fc0 and fc2 cross layers; fc1 and act live in their layer. */
    options.remat = SC_REMAT_LAYER;
    start(&run, HERE("net.json"), "", "4", &options);
    assert_near(peak(&run), parameters + 512 + 512 + 512 + (1024 + 1024) + working);
    run_free(&run);
    start(&run, HERE("net.json"), "depth=3", "4", &options);
    assert_near(peak(&run), (16 * 16 + 3 * 1024) * 16 + 512 + 512 + 3 * 512 + (1024 + 1024) + working);
    run_free(&run);
}

static void inference_holds_what_lives(void **state)
{
    (void)state;
    struct sc_cost_options options = SC_COST_OPTIONS_INIT;
    struct run run;
    options.mode = SC_PREFILL;
    start(&run, HERE("net.json"), "", "4", &options);
    /* At fc2: its operand and result live, and its working set. At fc1: 512 + 1024 live, 512 + 2048 + 1024. */
    assert_near(peak(&run), (16 * 16 + 1024) * 4 + (1024 + 512) + (1024 + 2048 + 512));
    run_free(&run);
    start(&run, HERE("kinds.json"), "", "4", &options);
    assert_near(memory(&run, "text.k", "(none)").cache, 8192); /* keys and values stay */
    assert_near(memory(&run, "text.v", "f@x").cache, 2048);
    assert_near(memory(&run, "text.q", "(none)").cache, 0);
    run_free(&run);
    options.mode = SC_DECODE;
    start(&run, HERE("kinds.json"), "", "4", &options);
    assert_near(memory(&run, "text.keys", "(none)").cache, 8192);
    assert_near(memory(&run, "text.k", "(none)").cache, 0); /* one token, about to be appended */
    run_free(&run);
}

/* Slots that cannot be the peak are left out, and the peak stays right: every op's own moment is covered. */
static void slots_are_few_and_enough(void **state)
{
    (void)state;
    struct run run;
    start(&run, HERE("net.json"), "depth=4", "4", &defaults);
    int working_ops = 0;
    for (int op = 0; op < run.graph->op_count; op++)
        working_ops += run.graph->ops[op].operand_count > 0;
    assert_true(run.costs->slots >= 1 && run.costs->slots < working_ops);
    for (int u = 0; u < run.costs->usage_count; u++) {
        const struct sc_cost_usage *usage = &run.costs->usages[u];
        assert_true(usage->t0 >= 0 && usage->t0 < usage->t1 && usage->t1 <= run.costs->slots);
        for (int i = 0; i < run.costs->nodes[usage->node].set->count; i++)
            assert_true(usage->bytes[i] >= 0);
    }
    /* Random plans: the peak is what is always held and the largest working set of all ops. */
    struct sc_error err = {0};
    struct sc_problem *problem = NULL;
    assert_int_equal(sc_plan_problem(run.costs, &problem, &err), SC_OK);
    int *choices = sc_calloc((size_t)run.costs->node_count, sizeof *choices);
    uint64_t seed = 7;
    for (int round = 0; round < 200; round++) {
        double always = 0, working = 0;
        for (int n = 0; n < run.costs->node_count; n++) {
            choices[n] = (int)sc_random_below(&seed, (uint64_t)run.costs->nodes[n].set->count);
            struct sc_memory m = sc_costs_node_memory(run.costs, n, choices[n]);
            always += m.parameters + m.gradients + m.optimizer + m.activations + m.cache;
            working = fmax(working, m.working);
        }
        assert_near(sc_problem_check(problem, choices).peak, always + working);
    }
    sc_free(choices);
    sc_problem_free(problem);
    run_free(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(partial_results_are_resolved_on_the_node),
        cmocka_unit_test(axes_resolved_alike_act_together),
        cmocka_unit_test(activations_are_moved_and_their_gradients_back),
        cmocka_unit_test(rematerialisation_moves_again_instead_of_gathering_again),
        cmocka_unit_test(inference_pays_forward_only),
        cmocka_unit_test(data_parallelism_and_zero_1_to_3),
        cmocka_unit_test(accumulated_gradients_are_synchronised_once),
        cmocka_unit_test(hybrid_sharding_scatters_inside_and_reduces_between),
        cmocka_unit_test(gradients_of_a_fanned_out_tensor_are_summed_once),
        cmocka_unit_test(tied_weights_are_synchronised_once),
        cmocka_unit_test(normalised_dimensions_share_statistics),
        cmocka_unit_test(keys_and_values_go_round_the_ring),
        cmocka_unit_test(convolutions_exchange_borders),
        cmocka_unit_test(compute_is_a_roofline_on_the_shard),
        cmocka_unit_test(padding_is_work),
        cmocka_unit_test(recomputation_is_a_second_forward),
        cmocka_unit_test(the_optimizer_moves_its_state_once),
        cmocka_unit_test(overlap_hides_a_fraction),
        cmocka_unit_test(parameters_by_storage_and_state),
        cmocka_unit_test(saved_tensors_times_what_is_in_flight),
        cmocka_unit_test(the_peak_is_what_is_kept_and_the_largest_working_set),
        cmocka_unit_test(inference_holds_what_lives),
        cmocka_unit_test(slots_are_few_and_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
