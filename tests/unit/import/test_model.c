/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The model format: what each part of it means.
 */
#include "files.h"
#include "support/faults.h"

#include <stdio.h>
#include <string.h>

static const char *op_name(const struct sc_graph *g, int op)
{
    return g->ops[op].name;
}

static const struct sc_op *find(const struct sc_graph *g, const char *name)
{
    int op = sc_graph_find_op(g, name);
    if (op < 0)
        fail_msg("there is no op \"%s\"", name);
    return &g->ops[op];
}

static const struct sc_tensor *result(const struct sc_graph *g, const char *name)
{
    return &g->tensors[find(g, name)->results[0]];
}

/* Name of the op that operand k of an op comes from. */
static const char *operand(const struct sc_graph *g, const char *name, int k)
{
    const struct sc_op *op = find(g, name);
    assert_in_range(k, 0, op->operand_count - 1);
    return op_name(g, g->tensors[op->operands[k]].op);
}

/* A little file with everything common; %s is the body. */
#define HEAD                                                                                                           \
    "{\"stagecut\": 1, \"name\": \"m\", \"batch\": 12, \"microbatches\": 3, \"parameters\": {\"h\": 8, \"n\": 2}, "    \
    "\"body\": ["
#define X "{\"input\": \"x\", \"shape\": [\"batch\", \"h\"], \"dims\": \"b h\"},"

static void ops_weights_and_names(void **state)
{
    (void)state;
    struct sc_graph *g = import_text(
        HEAD X "{\"op\": \"fc\", \"kind\": \"matmul\", \"in\": \"x\", \"weights\": {\"w\": [\"h\", \"4 * h\"]}}"
               "], \"outputs\": [\"fc\"]}",
        NULL);
    assert_int_equal(g->op_count, 3);
    assert_string_equal(g->name, "m");
    assert_string_equal(op_name(g, 1), "fc.w");
    assert_string_equal(g->ops[1].kind->name, "parameter");
    assert_int_equal(result(g, "fc")->size[0], 4); /* 12 samples in 3 microbatches */
    assert_int_equal(result(g, "fc")->size[1], 32);
    assert_int_equal(g->batch, 4);
    assert_int_equal(g->microbatches, 3);
    assert_int_equal(g->parameters, 8 * 32);
    assert_true(result(g, "fc")->output);
    assert_int_equal(g->set_count, 2);
    assert_string_equal(g->set_names[1], "n");
    assert_int_equal(g->set_values[1], 2);
    sc_graph_free(g);
}

static void groups_repeat_and_carry(void **state)
{
    (void)state;
    const char *text =
        HEAD X "{\"group\": \"layer\", \"repeat\": \"n\", \"layer\": true, \"in\": {\"a\": \"x\"}, \"body\": ["
               "  {\"group\": \"inner\", \"in\": {\"a\": \"a\"}, \"body\": [{\"op\": \"act\", \"kind\": \"relu\", "
               "\"in\": \"a\"}]},"
               "  {\"op\": \"sum\", \"kind\": \"add\", \"in\": [\"inner\", \"a\", \"x\"]}]},"
               "{\"op\": \"first\", \"kind\": \"add\", \"in\": [\"layer.0\", \"layer\"]}"
               "], \"outputs\": [\"first\"]}";
    struct sc_graph *g = import_text(text, NULL);
    assert_string_equal(operand(g, "layer.0.inner.act", 0), "x");
    assert_string_equal(operand(g, "layer.1.inner.act", 0), "layer.0.sum"); /* the first input is carried */
    assert_string_equal(operand(g, "layer.1.sum", 0), "layer.1.inner.act"); /* a group stands for its last item */
    assert_string_equal(operand(g, "layer.1.sum", 2), "x");                 /* found further out */
    assert_string_equal(operand(g, "first", 0), "layer.0.sum");
    assert_string_equal(operand(g, "first", 1), "layer.1.sum");
    assert_int_equal(g->layer_count, 2); /* the input belongs to the first, what comes after to the last */
    assert_string_equal(g->layers[1].name, "layer.1");
    sc_graph_free(g);
    struct sc_model_options none = {0};
    assert_int_equal(sc_model_options_set(&none, "n=0", NULL), SC_OK);
    struct sc_graph *empty =
        import_text(HEAD X "{\"group\": \"layer\", \"repeat\": \"n\", \"in\": {\"a\": \"x\"}, \"body\": [{\"op\": "
                           "\"act\", \"kind\": \"relu\", \"in\": \"a\"}]},"
                           "{\"op\": \"end\", \"kind\": \"relu\", \"in\": \"layer\"}], \"outputs\": [\"end\"]}",
                    &none);
    assert_string_equal(operand(empty, "end", 0), "x"); /* no copies pass the input through */
    sc_graph_free(empty);
}

static void blocks_locals_and_indices(void **state)
{
    (void)state;
    struct sc_graph *g =
        import_text("{\"stagecut\": 1, \"parameters\": {\"w\": [3, 5, 7]}, \"let\": {\"last\": \"w[2]\"},"
                    "\"blocks\": {\"fc\": {\"out\": \"b\", \"body\": ["
                    "  {\"op\": \"a\", \"kind\": \"matmul\", \"in\": \"x\", \"weights\": {\"w\": [\"from\", \"to\"]}},"
                    "  {\"op\": \"b\", \"kind\": \"relu\", \"in\": \"a\"}, {\"op\": \"unused\", \"kind\": \"relu\", "
                    "\"in\": \"b\", \"when\": false}]}},"
                    "\"body\": [{\"input\": \"x\", \"shape\": [4, \"w[0]\"]},"
                    "{\"group\": \"g\", \"repeat\": 2, \"index\": \"k\", \"use\": \"fc\", \"in\": {\"x\": \"x\"},"
                    " \"set\": {\"from\": \"w[k]\", \"to\": \"w[k + 1]\"}},"
                    "{\"op\": \"y\", \"kind\": \"add\", \"in\": [\"g.{2 - 1}.b\", \"g.1.a\"]}], \"outputs\": [\"y\"]}",
                    NULL);
    assert_int_equal(result(g, "g.0.a")->size[1], 5);
    assert_int_equal(result(g, "g.1.a")->size[1], 7);
    assert_string_equal(operand(g, "g.1.a", 0), "g.0.b");
    assert_string_equal(operand(g, "y", 0), "g.1.b");
    assert_string_equal(g->set_names[1], "w[1]");
    sc_graph_free(g);
}

static void conditions_pass_the_input_through(void **state)
{
    (void)state;
    const char *text = HEAD X
        "{\"input\": \"y\", \"shape\": [\"batch\", \"h\"], \"when\": \"train\"},"
        "{\"op\": \"act\", \"kind\": \"relu\", \"in\": \"x\"},"
        "{\"op\": \"drop\", \"kind\": \"dropout\", \"in\": [\"act\"], \"when\": \"train\"},"
        "{\"group\": \"extra\", \"in\": {\"a\": \"drop\"}, \"when\": \"n > 5\", \"body\": [{\"op\": \"no\", \"kind\": "
        "\"exp\", \"in\": \"a\"}]},"
        "{\"op\": \"end\", \"kind\": \"add\", \"in\": [\"extra\", \"x\", {\"from\": \"y\", \"when\": \"train\"}]}"
        "], \"outputs\": [\"end\", {\"from\": \"act\", \"when\": \"prefill\"}]}";
    struct sc_graph *train = import_text(text, NULL);
    assert_string_equal(operand(train, "end", 0), "drop");
    assert_int_equal(find(train, "end")->operand_count, 3);
    assert_false(result(train, "act")->output);
    assert_int_equal(train->mode, SC_TRAIN);
    sc_graph_free(train);
    struct sc_model_options options = {.mode = SC_PREFILL};
    struct sc_graph *prefill = import_text(text, &options);
    assert_string_equal(operand(prefill, "end", 0), "act");
    assert_int_equal(find(prefill, "end")->operand_count, 2);
    assert_int_equal(sc_graph_find_op(prefill, "y"), -1);
    assert_true(result(prefill, "act")->output);
    assert_int_equal(prefill->mode, SC_PREFILL);
    sc_graph_free(prefill);
}

static void weights_can_be_tied(void **state)
{
    (void)state;
    struct sc_graph *g = import_text(
        HEAD X "{\"op\": \"a\", \"kind\": \"matmul\", \"in\": \"x\", \"rule\": \"b h, h f -> b f\", \"weights\": "
               "{\"w\": [\"h\", \"h\"]}},"
               "{\"op\": \"b\", \"rule\": \"b f, h f -> b h\", \"in\": [\"a\", \"a.w\"]}], \"outputs\": [\"b\"]}",
        NULL);
    assert_int_equal(g->parameters, 64);
    assert_int_equal(result(g, "a.w")->use_count, 2);
    assert_string_equal(find(g, "b")->kind->name, "einsum"); /* an own rule without a kind */
    sc_graph_free(g);
}

static void attributes_sizes_results_and_dtypes(void **state)
{
    (void)state;
    struct sc_graph *g =
        import_text(HEAD X "{\"op\": \"s\", \"kind\": \"split\", \"in\": \"x\", \"attributes\": {\"axis\": 1, "
                           "\"sizes\": [\"h - 3\", 3]}, \"results\": [\"left\", \"right\"]},"
                           "{\"op\": \"r\", \"rule\": \"b h -> b h k\", \"in\": \"right\", \"sizes\": {\"k\": \"2 * "
                           "n\"}, \"dtype\": \"fp64\", \"flops\": 5},"
                           "{\"op\": \"t\", \"kind\": \"top_k\", \"in\": \"s\", \"attributes\": {\"k\": 2}, \"dtype\": "
                           "[\"bf16\", \"int64\"], \"output\": true},"
                           "{\"parameter\": \"p\", \"shape\": [3], \"dtype\": \"fp8\", \"dims\": \"q\"},"
                           "{\"op\": \"c\", \"kind\": \"cast\", \"in\": \"p\", \"dtype\": \"compute\"}"
                           "], \"precision\": \"bf16\", \"outputs\": [\"r\", \"c\"]}",
                    NULL);
    const struct sc_op *s = find(g, "s");
    assert_string_equal(g->tensors[s->results[0]].name, "left");
    assert_int_equal(g->tensors[s->results[1]].size[1], 3);
    assert_int_equal(result(g, "r")->size[2], 4);
    assert_int_equal(result(g, "r")->dtype, SC_DTYPE_FP64);
    assert_true(find(g, "r")->flops == 5. * 4 * 3 * 4);
    const struct sc_op *t = find(g, "t");
    assert_int_equal(g->tensors[t->results[0]].dtype, SC_DTYPE_BF16);
    assert_int_equal(g->tensors[t->results[1]].dtype, SC_DTYPE_INT64);
    assert_string_equal(operand(g, "t", 0), "s"); /* the op's own name is its first result */
    assert_true(g->tensors[t->results[1]].output);
    assert_int_equal(result(g, "x")->dtype, SC_DTYPE_BF16);
    assert_int_equal(result(g, "p")->dtype, SC_DTYPE_FP8);
    assert_int_equal(result(g, "c")->dtype, SC_DTYPE_BF16);
    assert_string_equal(find(g, "p")->rule->text, "-> q");
    sc_graph_free(g);
    struct sc_model_options options = {.precision = "fp16"};
    g = import_text(
        HEAD X "{\"op\": \"a\", \"kind\": \"relu\", \"in\": \"x\"}], \"precision\": \"bf16\", \"outputs\": [\"a\"]}",
        &options);
    assert_int_equal(result(g, "a")->dtype, SC_DTYPE_FP16);
    sc_graph_free(g);
}

static void caches_belong_to_decode(void **state)
{
    (void)state;
    struct sc_model_options options = {.mode = SC_DECODE, .sequence = 64};
    struct sc_graph *g = import_file(TEST_SOURCE_DIR "/samples/models/llama-3-8b.json", &options);
    assert_int_equal(sc_kind_source(find(g, "layer.3.attn.keys")->kind), SC_SOURCE_CACHE);
    assert_int_equal(result(g, "layer.3.attn.keys")->size[1], 64);
    assert_int_equal(result(g, "layer.3.attn.attend")->size[1], 1);
    assert_int_equal(g->sequence, 64);
    assert_int_equal(g->mode, SC_DECODE);
    sc_graph_free(g);
    options.mode = SC_PREFILL;
    g = import_file(TEST_SOURCE_DIR "/samples/models/llama-3-8b.json", &options);
    assert_int_equal(sc_graph_find_op(g, "layer.3.attn.keys"), -1);
    assert_true(result(g, "layer.3.attn.k.rotary")->output && result(g, "layer.3.attn.v")->output); /* they are kept */
    sc_graph_free(g);
}

static void size_files_extend_families(void **state)
{
    (void)state;
    files_write("base.json", HEAD X "{\"op\": \"a\", \"kind\": \"relu\", \"in\": \"x\"}], \"outputs\": [\"a\"]}",
                strlen(HEAD X "{\"op\": \"a\", \"kind\": \"relu\", \"in\": \"x\"}], \"outputs\": [\"a\"]}"));
    const char *middle = "{\"stagecut\": 1, \"extends\": \"base.json\", \"name\": \"middle\", \"parameters\": {\"h\": "
                         "\"4 * 5\", \"n\": 9}}";
    files_write("middle.json", middle, strlen(middle));
    const char *top = "{\"stagecut\": 1, \"extends\": \"./middle.json\", \"batch\": 24, \"parameters\": {\"n\": 7}}";
    struct sc_graph *g = import_file(files_write("top.json", top, strlen(top)), NULL);
    assert_string_equal(g->name, "middle");
    assert_int_equal(result(g, "a")->size[0], 8);
    assert_int_equal(result(g, "a")->size[1], 20);
    assert_int_equal(g->set_values[1], 7);
    sc_graph_free(g);
    struct sc_model_options options = {0};
    assert_int_equal(sc_model_options_set(&options, "h=3", NULL), SC_OK);
    assert_int_equal(sc_model_options_set(&options, "h=5", NULL), SC_OK);
    g = import_file(files_path("top.json"), &options);
    assert_int_equal(result(g, "a")->size[1], 5); /* the last setting wins over every file */
    sc_graph_free(g);
}

static void batch_and_sequence_can_be_chosen(void **state)
{
    (void)state;
    struct sc_model_options options = {.batch = 64, .microbatches = 8, .sequence = 256};
    struct sc_graph *g = import_file(TEST_SOURCE_DIR "/samples/models/gpt-125m.json", &options);
    assert_int_equal(g->batch, 8);
    assert_int_equal(g->microbatches, 8);
    assert_int_equal(g->sequence, 256);
    assert_int_equal(result(g, "layer.2.mlp.fc1")->size[0], 8);
    assert_int_equal(result(g, "layer.2.mlp.fc1")->size[1], 256);
    sc_graph_free(g);
    options = (struct sc_model_options){.batch = 16}; /* fewer samples than the file's microbatches */
    g = import_file(TEST_SOURCE_DIR "/samples/models/gpt-2.6b.json", &options);
    assert_int_equal(g->batch * g->microbatches, 16);
    sc_graph_free(g);
}

static const struct {
    struct sc_model_options options;
    const char *message;
} usage[] = {
    {{.batch = 10, .microbatches = 4}, "a batch of 10 does not split into 4 microbatches; give a divisor of 10"},
    {{.batch = -1}, "batch -1; it has to be from 1"},
    {{.microbatches = -4}, "microbatches -4; it has to be from 1"},
    {{.batch = (int64_t)1 << 40}, "it has to be from 1"},
    {{.sequence = 128}, "the model has no sequence; leave --seq out"},
    {{.mode = SC_DECODE}, "the model has no mode decode; it has train, prefill"},
    {{.precision = "fp4"}, "unknown precision \"fp4\"; there are fp32, fp16, bf16 and fp8"},
    {{.precision = "int8"}, "unknown precision \"int8\""},
    {{.setting_count = 1, .settings = {{"hiden", 4}}},
     "the model has no parameter \"hiden\"; did you mean \"hidden\"?"},
    {{.setting_count = 1, .settings = {{"batch", 4}}}, "the model has no parameter \"batch\""},
    {{.setting_count = 1, .settings = {{"hidden", 0}}}, "the dimension \"input\" is 0; the least is 1"},
    {{.setting_count = 1, .settings = {{"hidden", -5}}}, "the dimension \"input\" is -5"},
    {{.setting_count = 1, .settings = {{"layers", 1000000000}}},
     "a repeat of 1000000000; it has to be from 0 to 100000"},
    {{.setting_count = 1, .settings = {{"layers", 99999}}}, "more than 100000 ops"},
};

static void wrong_options_say_what_would_be_right(void **state)
{
    (void)state;
    for (size_t i = 0; i < SC_LEN(usage); i++) {
        struct sc_graph *graph;
        struct sc_error err = {0};
        enum sc_status status =
            sc_import_model(TEST_SOURCE_DIR "/samples/models/mlp-2.json", &usage[i].options, &graph, &err);
        if (status == SC_OK || !strstr(err.message, usage[i].message))
            fail_msg("case %zu: status %d, \"%s\" instead of \"%s\"", i, status, err.message, usage[i].message);
        assert_true(err.file[0]);
    }
    static const char *const settings[] = {"",
                                           "=3",
                                           "h",
                                           "h=",
                                           "h=x",
                                           "h=1.5",
                                           "h=99999999999999999999",
                                           "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=1"};
    struct sc_model_options options = {0};
    for (size_t i = 0; i < SC_LEN(settings); i++) {
        struct sc_error err = {0};
        assert_int_equal(sc_model_options_set(&options, settings[i], &err), SC_USAGE);
        assert_true(strlen(err.message) > 10);
    }
    assert_int_equal(options.setting_count, 0);
    struct sc_model_options list = {.setting_count = 1, .settings = {{"blocks", 4}}};
    struct sc_graph *graph;
    struct sc_error err = {0};
    assert_int_equal(sc_import_model(TEST_SOURCE_DIR "/samples/models/wide-resnet-250m.json", &list, &graph, &err),
                     SC_USAGE);
    assert_non_null(strstr(err.message, "\"blocks\" is a list"));
}

/* ---- allocation failures --------------------------------------------------------------------------- */

#include <stdlib.h>

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    struct sc_model_options options = {0};
    assert_int_equal(sc_model_options_set(&options, "layers=2", NULL), SC_OK);
    faults_begin();
    enum sc_status status = SC_NO_MEMORY;
    int n = 0;
    for (; status != SC_OK && n < 100000; n += 1 + n / 64) {
        struct sc_graph *graph = NULL;
        struct sc_error err = {0};
        faults_from(n);
        status = sc_import_model(TEST_SOURCE_DIR "/samples/models/mixtral-8x7b.json", &options, &graph, &err);
        faults_after(-1);
        if (status == SC_OK)
            assert_int_equal(graph->layer_count, 4);
        else if (status != SC_NO_MEMORY)
            fail_msg("allocation %d failed: status %d, \"%s\"", n, status, err.message);
        sc_graph_free(graph);
    }
    faults_end();
    assert_int_equal(status, SC_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ops_weights_and_names),
        cmocka_unit_test(groups_repeat_and_carry),
        cmocka_unit_test(blocks_locals_and_indices),
        cmocka_unit_test(conditions_pass_the_input_through),
        cmocka_unit_test(weights_can_be_tied),
        cmocka_unit_test(attributes_sizes_results_and_dtypes),
        cmocka_unit_test(caches_belong_to_decode),
        cmocka_unit_test(size_files_extend_families),
        cmocka_unit_test(batch_and_sequence_can_be_chosen),
        cmocka_unit_test(wrong_options_say_what_would_be_right),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, files_setup, files_teardown);
}
