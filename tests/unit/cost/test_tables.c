/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Cost tables as a whole: what they share, that they equal the sum of their items on every model of the samples, cost
 * terms, the grid of times, and failing well.
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

#include "support/faults.h"
#include "support/run.h"

#define HERE(name) TEST_SOURCE_DIR "/tests/unit/cost/" name

static const struct sc_cost_options defaults = SC_COST_OPTIONS_INIT;

static void equal_layers_share_tables(void **state)
{
    (void)state;
    struct run few, many;
    run_costs(&few, HERE("net.json"), "depth=4 residual=1 norm=1", "toy-1x4", "2x2", SC_FORMULAS_NATIVE, &defaults);
    run_costs(&many, HERE("net.json"), "depth=40 residual=1 norm=1", "toy-1x4", "2x2", SC_FORMULAS_NATIVE, &defaults);
    assert_int_equal(many.costs->table_count, few.costs->table_count);
    assert_true(many.costs->edge_count > 9 * few.costs->edge_count);
    assert_true(sc_costs_bytes(many.costs) < 4 * sc_costs_bytes(few.costs));
    for (int e = 0; e < many.costs->edge_count; e++) {
        const struct sc_cost_edge *a = &many.costs->edges[e];
        for (int f = 0; f < e; f++) {
            const struct sc_cost_edge *b = &many.costs->edges[f];
            assert_true((a->table == b->table) == (a->micro_s == b->micro_s));
        }
        assert_true(((uintptr_t)a->micro_s & 31) == 0 && a->stride % 4 == 0);
    }
    run_free(&few);
    run_free(&many);
}

/* Nodes come before what reads them, ops and fan-outs know their nodes, each operand has one edge. */
static void the_graph_of_nodes_is_whole(void **state)
{
    (void)state;
    struct run run;
    run_costs(&run, SAMPLE("moe-380m.json"), "", "h100", "2x4", SC_FORMULAS_NATIVE, &defaults);
    const struct sc_costs *c = run.costs;
    int operands = 0, fanouts = 0;
    for (int op = 0; op < run.graph->op_count; op++) {
        assert_int_equal(c->nodes[c->op_node[op]].op, op);
        operands += run.graph->ops[op].operand_count;
    }
    for (int t = 0; t < run.graph->tensor_count; t++) {
        if (c->fanout_node[t] < 0)
            continue;
        fanouts++;
        assert_int_equal(c->nodes[c->fanout_node[t]].tensor, t);
        assert_int_equal(c->nodes[c->fanout_node[t]].op, -1);
        assert_true(run.graph->tensors[t].use_count > 1);
    }
    assert_int_equal(c->edge_count, operands + fanouts);
    assert_int_equal(c->node_count, run.graph->op_count + fanouts);
    for (int e = 0; e < c->edge_count; e++)
        assert_true(c->edges[e].from < c->edges[e].to);
    run_free(&run);
}

/* ---- items are the tables -------------------------------------------------------------------------- */

static double on_grid(double value, double quantum)
{
    return rint(value / quantum) * quantum;
}

static void entry_is(const struct run *run, const struct sc_item *items, int count, double micro, double once,
                     const char *what, int where)
{
    double sums[2] = {0, 0}, q = run->costs->quantum;
    for (int i = 0; i < count; i++)
        sums[items[i].phase == SC_ONCE] += items[i].seconds;
    for (int i = 0; i < count; i++)
        assert_true(items[i].collective || items[i].algorithm == NULL);
    if (isinf(micro))
        return; /* no path has no items */
    /* The same addends, but perhaps in another order. */
    if (fabs(on_grid(sums[0], q) - micro) > q || fabs(on_grid(sums[1], q) - once) > q)
        fail_msg("%s: %s %d: %.17g and %.17g by items, %.17g and %.17g in the table", run->graph->name, what, where,
                 sums[0], sums[1], micro, once);
}

/* Every class and every table, every choice or a sample of the pairs. */
static void check_items(const struct run *run)
{
    const struct sc_costs *c = run->costs;
    struct sc_item items[SC_MAX_ITEMS];
    int *seen = sc_calloc((size_t)(c->node_count + c->table_count) + 1, sizeof *seen);
    assert_non_null(seen);
    for (int n = 0; n < c->node_count; n++) {
        const struct sc_cost_node *node = &c->nodes[n];
        if (seen[node->klass]++ > 0)
            continue;
        for (int i = 0; i < node->set->count; i++) {
            int count = sc_costs_node_items(c, n, i, items);
            entry_is(run, items, count, node->micro_s[i], node->once_s[i], "node", n);
            assert_true(node->micro_s[i] == on_grid(node->micro_s[i], c->quantum));
        }
    }
    for (int e = 0; e < c->edge_count; e++) {
        const struct sc_cost_edge *edge = &c->edges[e];
        if (seen[c->node_count + edge->table]++ > 0)
            continue;
        int rows = c->nodes[edge->from].set->count, cols = c->nodes[edge->to].set->count, step = rows * cols / 300 + 1;
        for (int p = 0; p < rows * cols; p += step) {
            int i = p / cols, j = p % cols, count = sc_costs_edge_items(c, e, i, j, items);
            size_t at = (size_t)i * (size_t)edge->stride + (size_t)j;
            assert_true(edge->micro_s[at] >= 0 && edge->once_s[at] >= 0);
            entry_is(run, items, count, edge->micro_s[at], edge->once_s[at], "edge", e);
        }
    }
    sc_free(seen);
}

static void items_sum_up_to_tables_on_every_family(void **state)
{
    (void)state;
    static const struct {
        const char *model, *sets;
    } models[] = {{SAMPLE("gpt-125m.json"), "layers=2"},
                  {SAMPLE("bert-large.json"), "layers=2"},
                  {SAMPLE("llama-3-8b.json"), "layers=2"},
                  {SAMPLE("mixtral-8x7b.json"), "layers=2"},
                  {SAMPLE("moe-380m.json"), "layers=4"},
                  {SAMPLE("t5-3b.json"), ""},
                  {SAMPLE("wide-resnet-250m.json"), ""},
                  {SAMPLE("vit-l.json"), "layers=2"},
                  {SAMPLE("mlp-12.json"), ""},
                  {HERE("kinds.json"), ""},
                  {HERE("image.json"), ""}};
    static const struct {
        enum sc_mode mode;
        enum sc_remat remat;
        int microbatches;
    } ways[] = {{SC_TRAIN, SC_REMAT_NONE, 1}, {SC_TRAIN, SC_REMAT_LAYER, 4}, {SC_PREFILL, SC_REMAT_NONE, 1}};
    for (size_t m = 0; m < SC_LEN(models); m++) {
        for (size_t w = 0; w < SC_LEN(ways); w++) {
            struct sc_cost_options options = SC_COST_OPTIONS_INIT;
            options.mode = ways[w].mode;
            options.remat = ways[w].remat;
            options.microbatches = ways[w].microbatches;
            struct run run;
            run_costs(&run, models[m].model, models[m].sets, w == 1 ? "h100" : "a100-80:2", w == 1 ? "2x4" : "4x4",
                      SC_FORMULAS_NATIVE, &options);
            check_items(&run);
            run_free(&run);
        }
    }
}

static void the_grid_coarsens_before_sums_lose_bits(void **state)
{
    (void)state;
    struct run run;
    run_costs(&run, SAMPLE("mlp-2.json"), "", "toy-1x4", "4", SC_FORMULAS_NATIVE, &defaults);
    assert_true(run.costs->quantum == ldexp(1, -40));
    run_free(&run);
    run_costs(&run, SAMPLE("mlp-2.json"), "", "alpa-4x1", "4x1", SC_FORMULAS_ALPA_PLAYGROUND, &defaults);
    assert_true(run.costs->quantum > ldexp(1, -40) && run.costs->quantum < 0.001);
    int exponent;
    assert_true(frexp(run.costs->quantum, &exponent) == 0.5);
    run_free(&run);
}

/* ---- cost terms ------------------------------------------------------------------------------------ */

struct term_user {
    int node_calls, edge_calls;
    double node_s, edge_s;
    enum sc_status fail;
};

static enum sc_status node_term(void *user, const struct sc_costs *costs, int node, int choice, double *seconds,
                                struct sc_error *err)
{
    struct term_user *u = user;
    assert_true(node >= 0 && node < costs->node_count && choice < costs->nodes[node].set->count);
    u->node_calls++;
    *seconds = choice == 1 ? u->node_s : 0;
    return u->fail == SC_OK ? SC_OK : sc_fail(err, u->fail, "term mine: no");
}

static enum sc_status edge_term(void *user, const struct sc_costs *costs, int edge, int from, int to, double *seconds,
                                struct sc_error *err)
{
    struct term_user *u = user;
    (void)err;
    assert_true(edge >= 0 && edge < costs->edge_count && from < costs->nodes[costs->edges[edge].from].set->count);
    u->edge_calls++;
    *seconds = from == 0 && to == 1 ? u->edge_s : 0;
    return SC_OK;
}

static void terms_are_added_once_a_class(void **state)
{
    (void)state;
    struct term_user user = {.node_s = 1, .edge_s = INFINITY};
    const struct sc_term terms[] = {{"mine", &user, node_term, edge_term}, {"nothing", NULL, NULL, NULL}};
    struct sc_cost_options options = SC_COST_OPTIONS_INIT;
    struct run plain, run;
    run_costs(&plain, HERE("net.json"), "depth=6", "toy-1x4", "4", SC_FORMULAS_NATIVE, &options);
    options.terms = terms;
    options.term_count = 2;
    run_costs(&run, HERE("net.json"), "depth=6", "toy-1x4", "4", SC_FORMULAS_NATIVE, &options);
    int calls = user.node_calls + user.edge_calls, choices = 0;
    for (int n = 0; n < run.costs->node_count; n++) {
        const struct sc_cost_node *a = &run.costs->nodes[n], *b = &plain.costs->nodes[n];
        choices += a->set->count;
        for (int i = 0; i < a->set->count; i++)
            assert_true(fabs(a->micro_s[i] - b->micro_s[i] - (i == 1)) < 1e-9);
    }
    assert_true(user.node_calls < choices / 2);
    for (int e = 0; e < run.costs->edge_count; e++) {
        const struct sc_cost_edge *edge = &run.costs->edges[e];
        if (run.costs->nodes[edge->to].set->count > 1)
            assert_true(isinf(edge->micro_s[1]));
        assert_true(isfinite(edge->micro_s[0]));
    }
    struct sc_item items[SC_MAX_ITEMS];
    int op = run.costs->op_node[sc_graph_find_op(run.graph, "layer.2.fc1")];
    int count = sc_costs_node_items(run.costs, op, 1, items);
    assert_int_equal(items[count - 1].cause, SC_CAUSE_TERM);
    assert_int_equal(items[count - 1].term, 0);
    assert_true(items[count - 1].seconds == 1);
    assert_int_equal(sc_costs_node_items(run.costs, op, 0, items), count - 1);
    assert_int_equal(user.node_calls + user.edge_calls, calls); /* not called again to explain */
    run_free(&plain);
    run_free(&run);
}

static enum sc_status costs_of(struct run *run, const struct sc_cost_options *options, struct sc_cancel *cancel,
                               struct sc_error *err)
{
    struct sc_costs *costs = NULL;
    enum sc_status status = sc_costs_new(run->graph, &run->costs->mesh, options, cancel, &costs, err);
    if (status != SC_OK)
        assert_null(costs);
    sc_costs_free(costs);
    return status;
}

static void a_term_that_fails_or_is_not_a_number_is_an_error(void **state)
{
    (void)state;
    struct term_user user = {.fail = SC_INPUT};
    const struct sc_term term = {"mine", &user, node_term, NULL};
    struct sc_cost_options options = SC_COST_OPTIONS_INIT;
    struct run run;
    struct sc_error err = {0};
    run_costs(&run, HERE("net.json"), "", "toy-1x4", "4", SC_FORMULAS_NATIVE, &options);
    options.terms = &term;
    options.term_count = 1;
    assert_int_equal(costs_of(&run, &options, NULL, &err), SC_INPUT);
    assert_string_equal(err.message, "term mine: no");
    static const double wrong[] = {NAN, -INFINITY};
    for (size_t i = 0; i < SC_LEN(wrong); i++) {
        user = (struct term_user){.node_s = wrong[i]};
        err = (struct sc_error){0};
        assert_int_equal(costs_of(&run, &options, NULL, &err), SC_INPUT);
        assert_non_null(strstr(err.message, "mine"));
    }
    run_free(&run);
}

/* ---- failing well ---------------------------------------------------------------------------------- */

static void wrong_options_are_refused(void **state)
{
    (void)state;
    struct run run;
    struct sc_error err = {0};
    run_costs(&run, HERE("net.json"), "", "toy-1x4", "4", SC_FORMULAS_NATIVE, &defaults);
    struct sc_cost_options wrong[5] = {defaults, defaults, defaults, defaults, defaults};
    wrong[0].microbatches = 0;
    wrong[1].in_flight = 0;
    wrong[2].remat = SC_REMAT_AUTO;
    wrong[3].overlap[SC_ALL_REDUCE] = 1.5;
    wrong[4].overlap[SC_ALL_GATHER] = NAN;
    for (size_t i = 0; i < SC_LEN(wrong); i++) {
        err = (struct sc_error){0};
        assert_int_equal(costs_of(&run, &wrong[i], NULL, &err), SC_INPUT);
        assert_true(err.message[0] != '\0');
    }
    run_free(&run);
}

static void a_dtype_without_matrix_units_is_named(void **state)
{
    (void)state;
    struct run run, v100;
    struct sc_error err = {0};
    run_costs(&run, SAMPLE("llama-3-8b.json"), "layers=1", "h100", "8", SC_FORMULAS_NATIVE, &defaults);
    run_costs(&v100, SAMPLE("mlp-2.json"), "", "p3.16xlarge", "8", SC_FORMULAS_NATIVE, &defaults);
    struct sc_costs *costs = NULL;
    assert_int_equal(sc_costs_new(run.graph, &v100.costs->mesh, &defaults, NULL, &costs, &err), SC_INPUT);
    assert_non_null(strstr(err.message, "bf16"));
    assert_non_null(strstr(err.message, "V100"));
    assert_non_null(strstr(err.message, "fp16"));
    struct sc_cost_options options = SC_COST_OPTIONS_INIT;
    options.compute = false;
    assert_int_equal(sc_costs_new(run.graph, &v100.costs->mesh, &options, NULL, &costs, &err), SC_OK);
    sc_costs_free(costs);
    run_free(&run);
    run_free(&v100);
}

static void a_request_to_stop_is_heard(void **state)
{
    (void)state;
    struct run run;
    struct sc_cancel cancel;
    struct sc_error err = {0};
    run_costs(&run, HERE("net.json"), "", "toy-1x4", "4", SC_FORMULAS_NATIVE, &defaults);
    sc_cancel_init(&cancel, 0, 0);
    sc_cancel_request(&cancel);
    assert_int_equal(costs_of(&run, &defaults, &cancel, &err), SC_CANCELLED);
    run_free(&run);
}

static void survives_running_out_of_memory_anywhere(void **state)
{
    (void)state;
    struct term_user user = {.node_s = 1};
    const struct sc_term term = {"mine", &user, node_term, edge_term};
    struct sc_cost_options options = SC_COST_OPTIONS_INIT;
    struct run run;
    options.remat = SC_REMAT_LAYER;
    run_costs(&run, HERE("net.json"), "residual=1", "toy-1x4", "2x2", SC_FORMULAS_NATIVE, &options);
    options.terms = &term;
    options.term_count = 1;
    for (int n = 0;; n++) {
        struct sc_error err = {0};
        faults_begin();
        faults_from(n);
        enum sc_status status = costs_of(&run, &options, NULL, &err);
        faults_end();
        if (status == SC_OK) {
            assert_true(n > 50);
            break;
        }
        if (status != SC_NO_MEMORY)
            fail_msg("allocation %d: %s: %s", n, sc_status_name(status), err.message);
        assert_true(n < 100000);
    }
    run_free(&run);
}

static void tables_outlive_what_they_were_made_from(void **state)
{
    (void)state;
    struct run run;
    run_costs(&run, HERE("net.json"), "", "toy-1x4", "4", SC_FORMULAS_NATIVE, &defaults);
    sc_graph_free(run.graph);
    sc_cluster_free(run.cluster);
    struct sc_costs *other = sc_costs_share(run.costs);
    sc_costs_free(run.costs);
    struct sc_item items[SC_MAX_ITEMS];
    for (int n = 0; n < other->node_count; n++)
        sc_costs_node_items(other, n, 0, items);
    for (int e = 0; e < other->edge_count; e++)
        sc_costs_edge_items(other, e, 0, 0, items);
    assert_string_equal(other->mesh.cluster->name, "toy-1x4");
    sc_costs_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_layers_share_tables),
        cmocka_unit_test(the_graph_of_nodes_is_whole),
        cmocka_unit_test(items_sum_up_to_tables_on_every_family),
        cmocka_unit_test(the_grid_coarsens_before_sums_lose_bits),
        cmocka_unit_test(terms_are_added_once_a_class),
        cmocka_unit_test(a_term_that_fails_or_is_not_a_number_is_an_error),
        cmocka_unit_test(wrong_options_are_refused),
        cmocka_unit_test(a_dtype_without_matrix_units_is_named),
        cmocka_unit_test(a_request_to_stop_is_heard),
        cmocka_unit_test(survives_running_out_of_memory_anywhere),
        cmocka_unit_test(tables_outlive_what_they_were_made_from),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
