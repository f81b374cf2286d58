/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The builder and the finished graph: readers, gradients, classes, repeats, names, refusals, memory.
 */
#include "build.h"
#include "support/faults.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* x → fc → relu, `count` times; the weights are square. */
static struct sc_graph *make_chain(int count, int64_t width)
{
    struct sc_graph_builder *b = sc_graph_builder_new("chain", "test");
    int x = INPUT(b, "x", 8, width);
    struct sc_error err = {0};
    for (int i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof name, "layer.%d", i);
        assert_int_equal(sc_graph_begin_layer(b, name, &err), SC_OK);
        snprintf(name, sizeof name, "layer.%d.w", i);
        int w = WEIGHT(b, name, width, width);
        snprintf(name, sizeof name, "layer.%d.fc", i);
        x = OP(b, name, "matmul", "b h, h f -> b f", x, w);
        snprintf(name, sizeof name, "layer.%d.act", i);
        x = OP(b, name, "relu", NULL, x);
    }
    sc_graph_describe(b, 8, 4, 0, SC_TRAIN);
    return finish(b, x);
}

static void a_graph_knows_its_parts(void **state)
{
    (void)state;
    struct sc_graph *g = make_chain(3, 16);
    assert_int_equal(g->op_count, 10);
    assert_int_equal(g->tensor_count, 10);
    assert_int_equal(g->layer_count, 3);
    assert_string_equal(g->layers[0].name, "layer.0"); /* the input before it is its own */
    assert_int_equal(g->layers[0].op_count, 4);
    assert_int_equal(g->layers[2].first_op, 7);
    assert_int_equal(g->layers[2].op_count, 3);
    assert_int_equal(g->parameters, 3 * 256);
    assert_true(g->flops == 3 * (2. * 8 * 256 + 8 * 16));
    assert_int_equal(g->batch, 8);
    assert_int_equal(g->microbatches, 4);
    assert_int_equal(sc_graph_find_op(g, "layer.1.fc"), 5);
    assert_int_equal(sc_graph_find_op(g, "layer.1.fd"), -1);
    const struct sc_tensor *x = &g->tensors[0];
    assert_int_equal(x->use_count, 1);
    assert_int_equal(x->uses[0].op, 2);
    assert_int_equal(x->uses[0].port, 0);
    assert_true(sc_tensor_bytes(x) == 8 * 16 * 4);
    assert_string_equal(g->ops[1].rule->text, "-> h f"); /* named by its reader */
    const struct sc_rule *rule;
    const struct sc_walk *walk = sc_tensor_walk(g, 2, &rule);
    assert_string_equal(rule->factor[walk->dim[1].factor[0]].name, "f");
    sc_graph_free(g);
}

static void ops_before_the_first_layer_have_one(void **state)
{
    (void)state;
    struct sc_error err = {0};
    struct sc_graph_builder *b = sc_graph_builder_new("g", "");
    int x = WEIGHT(b, "x", 4);
    x = OP(b, "a", "relu", NULL, x);
    assert_int_equal(sc_graph_begin_layer(b, "model", &err), SC_INPUT);
    sc_graph_builder_free(b);
    b = sc_graph_builder_new("g", "");
    x = WEIGHT(b, "x", 4);
    x = OP(b, "a", "relu", NULL, x);
    assert_int_equal(sc_graph_begin_layer(b, "next", &err), SC_OK);
    x = OP(b, "b", "relu", NULL, x);
    struct sc_graph *g = finish(b, x);
    assert_int_equal(g->layer_count, 2);
    assert_string_equal(g->layers[0].name, "model");
    assert_int_equal(g->layers[0].op_count, 2);
    assert_int_equal(g->ops[2].layer, 1);
    sc_graph_free(g);
}

static void gradients_flow_from_parameters(void **state)
{
    (void)state;
    struct sc_graph_builder *b = sc_graph_builder_new("g", "");
    int tokens = make_source(b, "input", "tokens", SC_DTYPE_INT32, (const int64_t[]){4, 0});
    int x = INPUT(b, "x", 4, 8);
    int table = WEIGHT(b, "table", 16, 8);
    int plain = OP(b, "plain", "relu", NULL, x);
    int word = OP(b, "word", "embedding", NULL, tokens, table);
    int sum = OP(b, "sum", "add", NULL, plain, word);
    int64_t k = 2;
    struct sc_attribute attribute = {"k", 1, &k};
    struct sc_op_spec spec = {.name = "best",
                              .kind = "top_k",
                              .operands = &sum,
                              .operand_count = 1,
                              .attribute_count = 1,
                              .attributes = &attribute};
    int best;
    assert_int_equal(sc_graph_add_op(b, &spec, &best, NULL), SC_OK);
    struct sc_graph *g = finish(b, best);
    const bool wanted[] = {
        [0] = false, [1] = false, [2] = true, [3] = false, [4] = true, [5] = true, [6] = true, [7] = false};
    assert_int_equal(g->tensor_count, 8);
    assert_string_equal(g->tensors[7].name, "best:1");
    for (int t = 0; t < g->tensor_count; t++)
        if (g->tensors[t].gradient != wanted[t])
            fail_msg("gradient of %s", g->tensors[t].name);
    sc_graph_free(g);
}

static void equal_ops_share_a_class_and_a_rule(void **state)
{
    (void)state;
    struct sc_graph *g = make_chain(4, 16);
    int first = sc_graph_find_op(g, "layer.0.fc"), second = sc_graph_find_op(g, "layer.1.fc"),
        third = sc_graph_find_op(g, "layer.2.fc");
    assert_ptr_equal(g->ops[first].rule, g->ops[second].rule);
    assert_int_not_equal(g->ops[first].klass, g->ops[second].klass); /* its operand has no gradient */
    assert_int_equal(g->ops[second].klass, g->ops[third].klass);
    assert_int_not_equal(g->ops[sc_graph_find_op(g, "layer.2.act")].klass,
                         g->ops[sc_graph_find_op(g, "layer.3.act")].klass); /* an output */
    for (int i = 0; i < g->op_count; i++)
        assert_in_range(g->ops[i].klass, 0, g->class_count - 1);
    sc_graph_free(g);
    struct sc_graph *a = make_chain(3, 16), *b = make_chain(3, 16), *c = make_chain(3, 32);
    assert_true(a->hash == b->hash && a->hash != c->hash);
    sc_graph_free(a);
    sc_graph_free(b);
    sc_graph_free(c);
}

static void repeated_layers_are_found(void **state)
{
    (void)state;
    struct sc_graph *g = make_chain(12, 16);
    /* Layers 1 to 10: the first has an input without gradient, the last one is the output. */
    assert_int_equal(g->repeat_count, 1);
    assert_int_equal(g->repeats[0].count, 10);
    assert_int_equal(g->repeats[0].length, 3);
    assert_int_equal(g->repeats[0].first, 4);
    assert_string_equal(g->repeats[0].name, "layer");
    sc_graph_free(g);
}

/* Layers that look alike but are wired differently are no repeat: each reads the layer before it, except that one
 * reads the layer before that. */
static void repeats_are_verified_edge_by_edge(void **state)
{
    (void)state;
    struct sc_graph_builder *b = sc_graph_builder_new("g", "");
    int before = WEIGHT(b, "x0", 8, 8), x = WEIGHT(b, "x1", 8, 8);
    for (int i = 0; i < 8; i++) {
        char name[32];
        snprintf(name, sizeof name, "layer.%d", i);
        assert_int_equal(sc_graph_begin_layer(b, name, NULL), SC_OK);
        snprintf(name, sizeof name, "layer.%d.sum", i);
        int sum = OP(b, name, "add", NULL, i == 5 ? before : x, i == 5 ? x : before);
        snprintf(name, sizeof name, "layer.%d.act", i);
        before = x;
        x = OP(b, name, "relu", NULL, sum);
    }
    struct sc_graph *g = finish(b, x);
    for (int r = 0; r < g->repeat_count; r++) {
        const struct sc_repeat *repeat = &g->repeats[r];
        int odd = sc_graph_find_op(g, "layer.5.sum"), end = repeat->first + repeat->length * repeat->count;
        if (repeat->first < odd && odd < end && repeat->count > 2)
            fail_msg("a run of %d × %d from op %d hides a crossed edge", repeat->count, repeat->length, repeat->first);
    }
    sc_graph_free(g);
}

/* Blocks of two kinds in turn, and a tensor that all of them read. */
static void repeats_have_long_periods_and_shared_tensors(void **state)
{
    (void)state;
    struct sc_graph_builder *b = sc_graph_builder_new("g", "");
    int memory = WEIGHT(b, "memory", 8, 8), x = WEIGHT(b, "x", 8, 8);
    for (int i = 0; i < 10; i++) {
        char name[32];
        snprintf(name, sizeof name, "layer.%d", i);
        assert_int_equal(sc_graph_begin_layer(b, name, NULL), SC_OK);
        snprintf(name, sizeof name, "layer.%d.mix", i);
        x = OP(b, name, i % 2 ? "mul" : "add", NULL, x, memory);
        snprintf(name, sizeof name, "layer.%d.act", i);
        x = OP(b, name, "relu", NULL, x);
    }
    int end = OP(b, "end", "reduce", NULL, x);
    struct sc_graph *g = finish(b, end);
    assert_int_equal(g->repeat_count, 1);
    assert_int_equal(g->repeats[0].length, 4);
    assert_int_equal(g->repeats[0].count, 4); /* the first pair reads a weight, the last one has one op more */
    sc_graph_free(g);
}

/* Many equal ops that do not follow each other, and many that follow each other but are crossed now and then. */
static void folding_ends_on_hostile_graphs(void **state)
{
    (void)state;
    for (int crossed = 0; crossed < 2; crossed++) {
        struct sc_graph_builder *b = sc_graph_builder_new("g", "");
        int x = WEIGHT(b, "x", 4, 4), y = x;
        clock_t start = clock();
        for (int i = 0; i < 40000; i++) {
            char name[32];
            snprintf(name, sizeof name, "op%d", i);
            int operands[2] = {crossed ? y : x, i % 97 == 0 ? y : x};
            struct sc_op_spec spec = {.name = name, .kind = "add", .operands = operands, .operand_count = 2};
            assert_int_equal(sc_graph_add_op(b, &spec, &y, NULL), SC_OK);
            assert_int_equal(sc_graph_mark_output(b, y, NULL), SC_OK);
        }
        struct sc_graph *g = finish(b, y);
        assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 5);
        sc_graph_free(g);
    }
}

static void references_are_counted(void **state)
{
    (void)state;
    struct sc_graph *g = make_chain(2, 16), *same = sc_graph_share(g);
    assert_ptr_equal(g, same);
    sc_graph_free(g);
    assert_int_equal(same->op_count, 7);
    sc_graph_free(same);
    sc_graph_free(NULL);
}

static struct sc_graph_builder *start(void)
{
    struct sc_graph_builder *b = sc_graph_builder_new("g", "");
    INPUT(b, "x", 4, 8);
    return b;
}

static void expect_refusal(struct sc_graph_builder *b, enum sc_status status, const struct sc_error *err,
                           const char *message)
{
    if (status == SC_OK || !strstr(err->message, message))
        fail_msg("status %d, \"%s\" instead of \"%s\"", status, err->message, message);
    sc_graph_builder_free(b);
}

static void wrong_graphs_are_refused(void **state)
{
    (void)state;
    struct sc_graph *out;
    struct sc_error err = {0};
    struct sc_graph_builder *b = sc_graph_builder_new("g", "");
    expect_refusal(b, sc_graph_build(b, &out, &err), &err, "no ops");
    b = start();
    OP(b, "y", "relu", NULL, 0);
    expect_refusal(b, sc_graph_build(b, &out, &err), &err, "no output");
    b = start();
    OP(b, "y", "relu", NULL, 0);
    OP(b, "dead", "relu", NULL, 0);
    sc_graph_mark_output(b, 1, NULL);
    expect_refusal(b, sc_graph_build(b, &out, &err), &err, "relu \"dead\" is read by nothing");
    b = start();
    sc_graph_mark_output(b, 0, NULL);
    sc_graph_begin_layer(b, "full", NULL);
    sc_graph_begin_layer(b, "empty", NULL);
    expect_refusal(b, sc_graph_build(b, &out, &err), &err, "layer \"empty\" has no ops");
    b = start();
    expect_refusal(b, sc_graph_mark_output(b, 1, &err), &err, "no such tensor");
    b = start();
    sc_graph_begin_layer(b, "a", NULL);
    expect_refusal(b, sc_graph_begin_layer(b, "a", &err), &err, "two layers are named \"a\"");
    b = start();
    expect_refusal(b, sc_graph_begin_layer(b, "", &err), &err, "is empty");

    static const struct {
        const char *name, *message;
        int operand, rank;
        int64_t size;
        const char *dims;
    } specs[] = {
        {"x", "two ops are named \"x\"", 0, -1, 0, NULL},
        {"", "the name of an op is empty", 0, -1, 0, NULL},
        {"a b", "has a space", 0, -1, 0, NULL},
        {"y", "operand 1: there is no tensor 7", 7, -1, 0, NULL},
        {"y", "dimension 1 is 0; the least is 1", 0, 1, 0, NULL},
        {"y", "dimension 1 is -3", 0, 1, -3, NULL},
        {"y", "more than 2^53", 0, 1, INT64_MAX, NULL},
        {"y", "a shape of 9 dimensions; the most is 8", 0, 9, 1, NULL},
        {"y", "have to be 1 words", 0, 1, 4, "a b"},
        {"y", "have to be 2 words", 0, 2, 4, "a"},
        {"y", "two dimensions are named \"a\"", 0, 2, 4, "a a"},
        {"y", "cannot name a dimension", 0, 1, 4, "(a)"},
        {"y", "have to be 1 words", 0, 1, 4, "averylongname"},
    };
    for (size_t i = 0; i < SC_LEN(specs); i++) {
        int64_t shape[16];
        for (size_t d = 0; d < SC_LEN(shape); d++)
            shape[d] = specs[i].size;
        struct sc_op_spec spec = {.name = specs[i].name,
                                  .kind = specs[i].rank < 0 ? "relu" : "input",
                                  .operands = &specs[i].operand,
                                  .operand_count = specs[i].rank < 0,
                                  .rank = specs[i].rank < 0 ? 0 : specs[i].rank,
                                  .shape = shape,
                                  .rule = specs[i].dims};
        memset(&err, 0, sizeof err);
        b = start();
        expect_refusal(b, sc_graph_add_op(b, &spec, NULL, &err), &err, specs[i].message);
    }
}

static void too_many_ops_are_refused(void **state)
{
    (void)state;
    struct sc_graph_builder *b = start();
    struct sc_error err = {0};
    enum sc_status status = SC_OK;
    int x = 0, count = 0;
    for (; status == SC_OK && count < SC_MAX_OPS + 2; count++) {
        char name[32];
        snprintf(name, sizeof name, "op%d", count);
        struct sc_op_spec spec = {.name = name, .kind = "relu", .operands = &x, .operand_count = 1};
        status = sc_graph_add_op(b, &spec, &x, &err);
    }
    assert_int_equal(status, SC_LIMIT);
    assert_int_equal(count, SC_MAX_OPS);
    sc_graph_builder_free(b);
}

/* ---- allocation failures --------------------------------------------------------------------------- */

/* Build a small graph; every failure has to be SC_NO_MEMORY or NULL. */
static enum sc_status try_to_build(struct sc_graph **out)
{
    struct sc_graph_builder *b = sc_graph_builder_new("g", "s");
    if (!b)
        return SC_NO_MEMORY;
    struct sc_error err = {0};
    enum sc_status status = SC_OK;
    int x = 0;
    enum sc_dtype dtype = SC_DTYPE_FP32;
    for (int i = 0; i < 6 && status == SC_OK; i++) {
        char name[32];
        int operands[2] = {x, 0};
        snprintf(name, sizeof name, "layer.%d", i);
        status = sc_graph_begin_layer(b, name, &err);
        snprintf(name, sizeof name, "layer.%d.w", i);
        struct sc_op_spec w = {
            .name = name, .kind = "parameter", .rank = 2, .shape = (const int64_t[]){8, 8}, .dtype = &dtype};
        if (status == SC_OK)
            status = sc_graph_add_op(b, &w, &operands[1], &err);
        operands[0] = i ? x : operands[1];
        snprintf(name, sizeof name, "layer.%d.fc", i);
        struct sc_op_spec fc = {.name = name, .kind = "matmul", .operands = operands, .operand_count = 2};
        if (status == SC_OK)
            status = sc_graph_add_op(b, &fc, &x, &err);
    }
    if (status == SC_OK)
        status = sc_graph_set_value(b, "width", 8);
    if (status == SC_OK)
        status = sc_graph_mark_output(b, x, &err);
    if (status == SC_OK)
        status = sc_graph_build(b, out, &err);
    sc_graph_builder_free(b);
    return status;
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    faults_begin();
    enum sc_status status = SC_NO_MEMORY;
    int n = 0;
    for (; status != SC_OK && n < 100000; n++) {
        struct sc_graph *graph = NULL;
        faults_from(n);
        status = try_to_build(&graph);
        faults_after(-1);
        if (status == SC_OK) {
            assert_int_equal(graph->op_count, 12);
            sc_graph_free(graph);
        } else {
            assert_int_equal(status, SC_NO_MEMORY);
            assert_null(graph);
        }
    }
    faults_end();
    assert_int_equal(status, SC_OK);
    assert_true(n > 10);
}

static void dtypes_and_modes_have_names(void **state)
{
    (void)state;
    for (int i = 0; i < SC_DTYPE_COUNT; i++) {
        enum sc_dtype dtype;
        assert_true(sc_dtype_find(sc_dtype_name((enum sc_dtype)i), &dtype));
        assert_int_equal(dtype, i);
        assert_in_range(sc_dtype_bytes(dtype), 1, 8);
    }
    for (int i = 0; i < SC_MODE_COUNT; i++) {
        enum sc_mode mode;
        assert_true(sc_mode_find(sc_mode_name((enum sc_mode)i), &mode));
        assert_int_equal(mode, i);
    }
    enum sc_dtype dtype;
    enum sc_mode mode;
    assert_false(sc_dtype_find("fp17", &dtype));
    assert_false(sc_mode_find("training", &mode));
    assert_true(sc_dtype_is_float(SC_DTYPE_FP8) && sc_dtype_is_float(SC_DTYPE_FP64));
    assert_false(sc_dtype_is_float(SC_DTYPE_INT64) || sc_dtype_is_float(SC_DTYPE_BOOL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_graph_knows_its_parts),
        cmocka_unit_test(ops_before_the_first_layer_have_one),
        cmocka_unit_test(gradients_flow_from_parameters),
        cmocka_unit_test(equal_ops_share_a_class_and_a_rule),
        cmocka_unit_test(repeated_layers_are_found),
        cmocka_unit_test(repeats_are_verified_edge_by_edge),
        cmocka_unit_test(repeats_have_long_periods_and_shared_tensors),
        cmocka_unit_test(folding_ends_on_hostile_graphs),
        cmocka_unit_test(references_are_counted),
        cmocka_unit_test(wrong_graphs_are_refused),
        cmocka_unit_test(too_many_ops_are_refused),
        cmocka_unit_test(every_failed_allocation_is_survived),
        cmocka_unit_test(dtypes_and_modes_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
