/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Backward collectives of every kind of op, derived by hand on one axis x of 4 devices, against what the rules derive.
 *
 * The hand derivation: write the op as a sum over its loop nest. The gradient of an operand sums the result's gradient
 * times the other operands over every loop that the operand lacks. When x cuts such a loop, each device holds a partial
 * sum: an all-reduce (or reduce-scatter) over x, marked P. When x cuts a loop that the operand walks, its gradient is
 * cut alike and complete, marked by '.'. Integer operands have no gradient: '-'. `specs` is what each operand is read
 * as, in Alpa's letters; a gradient has the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sharding/sharding.h"

struct hand {
    const char *kind, *rule, *shapes, *attributes, *sizes; /* shapes: "8 16, 16 32i"; i: integers */
    const char *method, *strategy, *specs, *partial;
};

static const struct hand table[] = {
    /* y[b,s,f] = Σh x[b,s,h] w[h,f]: dx sums over f, dw over b and s. Megatron-LM (arXiv 1909.08053), section 3. */
    {"matmul", "b s h, h f -> b s f", "8 16 32, 32 64", "", "", "data", "b@x", "S0RR RR", ".P"},
    {"matmul", "b s h, h f -> b s f", "8 16 32, 32 64", "", "", "sequence", "s@x", "RS0R RR", ".P"},
    {"matmul", "b s h, h f -> b s f", "8 16 32, 32 64", "", "", "column", "f@x", "RRR RS0", "P."},
    {"matmul", "b s h, h f -> b s f", "8 16 32, 32 64", "", "", "row", "h@x", "RRS0 S0R", ".."},
    {"matmul", "b s h, h f -> b s f", "8 16 32, 32 64", "", "", "row, scattered", "h@x:rs(s)", "RRS0 S0R", ".."},
    {"matmul", "b s h, h f -> b s f", "8 16 32, 32 64", "", "", "none", "(none)", "RRR RR", ".."},
    {"batched_matmul", "b m k, b k n -> b m n", "8 16 32, 8 32 64", "", "", "data", "b@x", "S0RR S0RR", ".."},
    {"batched_matmul", "b m k, b k n -> b m n", "8 16 32, 8 32 64", "", "", "rows", "m@x", "RS0R RRR", ".P"},
    {"batched_matmul", "b m k, b k n -> b m n", "8 16 32, 8 32 64", "", "", "columns", "n@x", "RRR RRS0", "P."},
    {"batched_matmul", "b m k, b k n -> b m n", "8 16 32, 8 32 64", "", "", "inner", "k@x", "RRS0 RS0R", ".."},
    {"einsum", "a b c, b d -> a c d", "8 16 32, 16 64", "", "", "outer", "a@x", "S0RR RR", ".P"},
    {"einsum", "a b c, b d -> a c d", "8 16 32, 16 64", "", "", "column", "d@x", "RRR RS0", "P."},
    {"einsum", "a b c, b d -> a c d", "8 16 32, 16 64", "", "", "row", "b@x", "RS0R S0R", ".."},
    /* A convolution is a product summed over input channels and taps. */
    {"conv2d", NULL, "8 16 32 32, 64 16 3 3", "", "", "data", "b@x", "S0RRR RRRR", ".P"},
    {"conv2d", NULL, "8 16 32 32, 64 16 3 3", "", "", "output channels", "o@x", "RRRR S0RRR", "P."},
    {"conv2d", NULL, "8 16 32 32, 64 16 3 3", "", "", "input channels", "c@x", "RS0RR RS0RR", ".."},
    {"conv2d", NULL, "8 16 32 32, 64 16 3 3", "", "", "rows of pixels", "h@x", "RRS0R RRRR", ".P"},
    /* Attention: o = softmax(q kT) v. Heads and batch are in all operands; queries in q alone, so dk and dv sum over
     * query blocks; round a ring they are summed on the way and come home complete. */
    {"attention", NULL, "8 16 32, 8 16 32, 8 16 32", "heads=8", "", "data", "b@x", "S0RR S0RR S0RR", "..."},
    {"attention", NULL, "8 16 32, 8 16 32, 8 16 32", "heads=8", "", "head", "g@x", "RRS0 RRS0 RRS0", "..."},
    {"attention", NULL, "8 16 32, 8 16 32, 8 16 32", "heads=8", "", "query blocks", "s@x", "RS0R RRR RRR", ".PP"},
    {"attention", NULL, "8 16 32, 8 16 32, 8 16 32", "heads=8", "", "ring", "t@x", "RS0R RS0R RS0R", "..."},
    /* Latent attention (DeepSeek-V2, arXiv 2405.04434): one latent serves all heads, so its gradient sums over heads. */
    {"mla", NULL, "8 16 64, 8 16 8", "heads=8 latent=8", "", "data", "b@x", "S0RR S0RR", ".."},
    {"mla", NULL, "8 16 64, 8 16 8", "heads=8 latent=8", "", "head", "n@x", "RRS0 RRR", ".P"},
    {"mla", NULL, "8 16 64, 8 16 8", "heads=8 latent=8", "", "query blocks", "s@x", "RS0R RRR", ".P"},
    /* Vocabulary-parallel embedding: only the holder of a row has it, the sum over v restores it; the table's gradient
     * is cut like the table. By batch, every device sees some of the rows. */
    {"embedding", "b s, v h -> b s h", "8 16i, 64 32", "", "", "data", "b@x", "S0R RR", "-P"},
    {"embedding", "b s, v h -> b s h", "8 16i, 64 32", "", "", "vocabulary", "v@x", "RR S0R", "-."},
    {"embedding", "b s, v h -> b s h", "8 16i, 64 32", "", "", "column", "h@x", "RR RS0", "-."},
    {"embedding", "b s, v h -> b s h", "8 16i, 64 32", "", "", "sequence", "s@x", "RS0 RR", "-P"},
    /* Vocabulary-parallel cross-entropy (Megatron-LM): d logits = softmax - onehot, local on each shard. */
    {"cross_entropy", "b s v, b s -> b s | stat v 3", "8 16 64, 8 16i", "", "", "data", "b@x", "S0RR S0R", ".-"},
    {"cross_entropy", "b s v, b s -> b s | stat v 3", "8 16 64, 8 16i", "", "", "vocabulary", "v@x", "RRS0 RR", ".-"},
    {"cross_entropy", "b s v, b s -> b s | stat v 3", "8 16 64, 8 16i", "", "", "sequence", "s@x", "RS0R RS0", ".-"},
    /* Norms: gains and shifts lack the rows, so their gradients sum over rows; over the normalised loop they are cut. */
    {"layer_norm", "b s h, h, h -> b s h | stat h 2", "8 16 32, 32, 32", "", "", "data", "b@x", "S0RR R R", ".PP"},
    {"layer_norm", "b s h, h, h -> b s h | stat h 2", "8 16 32, 32, 32", "", "", "sequence", "s@x", "RS0R R R", ".PP"},
    {"layer_norm", "b s h, h, h -> b s h | stat h 2", "8 16 32, 32, 32", "", "", "hidden", "h@x", "RRS0 S0 S0", "..."},
    {"rms_norm", "b s h, h -> b s h | stat h 1", "8 16 32, 32", "", "", "data", "b@x", "S0RR R", ".P"},
    {"rms_norm", "b s h, h -> b s h | stat h 1", "8 16 32, 32", "", "", "hidden", "h@x", "RRS0 S0", ".."},
    {"batch_norm", NULL, "8 16 32 32, 16, 16", "", "", "data", "b@x", "S0RRR R R", ".PP"},
    {"batch_norm", NULL, "8 16 32 32, 16, 16", "", "", "channels", "c@x", "RS0RR S0 S0", "..."},
    {"group_norm", NULL, "8 16 32 32, 16, 16", "groups=4", "", "data", "b@x", "S0RRR R R", ".PP"},
    {"group_norm", NULL, "8 16 32 32, 16, 16", "groups=4", "", "groups", "g@x", "RS0RR S0 S0", "..."},
    {"softmax", "b s n -> b s n | stat n 2", "8 16 32", "", "", "data", "b@x", "S0RR", "."},
    {"softmax", "b s n -> b s n | stat n 2", "8 16 32", "", "", "normalised", "n@x", "RRS0", "."},
    /* Mixture of experts as GShard's einsums (arXiv 2006.16668, algorithm 2): groups g, tokens t, experts e. */
    {"gate", "g t h, h e -> g t e | stat e 2", "8 16 32, 32 16", "", "", "data", "g@x", "S0RR RR", ".P"},
    {"gate", "g t h, h e -> g t e | stat e 2", "8 16 32, 32 16", "", "", "expert", "e@x", "RRR RS0", "P."},
    {"route", "g t e -> g t e c | replicate t, stat e 2", "8 16 16", "", "c=4", "data", "g@x", "S0RR", "."},
    {"route", "g t e -> g t e c | replicate t, stat e 2", "8 16 16", "", "c=4", "expert", "e@x", "RRS0", "."},
    {"dispatch", NULL, "8 16 16, 8 16 32", "", "c=4", "data", "g@x", "S0RR S0RR", ".."},
    {"dispatch", NULL, "8 16 16, 8 16 32", "", "c=4", "expert", "e@x", "RRS0 RRR", ".P"},
    {"dispatch", NULL, "8 16 16, 8 16 32", "", "c=4", "hidden", "h@x", "RRR RRS0", "P."},
    {"expert_matmul", "e g c h, e h f -> e g c f", "16 8 4 32, 16 32 64", "", "", "expert", "e@x", "S0RRR S0RR", ".."},
    {"expert_matmul", "e g c h, e h f -> e g c f", "16 8 4 32, 16 32 64", "", "", "data", "g@x", "RS0RR RRR", ".P"},
    {"expert_matmul", "e g c h, e h f -> e g c f", "16 8 4 32, 16 32 64", "", "", "column", "f@x", "RRRR RRS0", "P."},
    {"expert_matmul", "e g c h, e h f -> e g c f", "16 8 4 32, 16 32 64", "", "", "row", "h@x", "RRRS0 RS0R", ".."},
    {"combine", NULL, "8 16 16, 16 8 4 32", "", "", "data", "g@x", "S0RR RS0RR", ".."},
    {"combine", NULL, "8 16 16, 16 8 4 32", "", "", "expert", "e@x", "RRS0 S0RRR", ".."},
    {"combine", NULL, "8 16 16, 16 8 4 32", "", "", "hidden", "h@x", "RRR RRRS0", "P."},
    /* Element by element: a broadcast operand sums over what it was spread along. */
    {"bias", "b s f, f -> b s f", "8 16 32, 32", "", "", "data", "b@x", "S0RR R", ".P"},
    {"bias", "b s f, f -> b s f", "8 16 32, 32", "", "", "column", "f@x", "RRS0 S0", ".."},
    {"add", "a b, b -> a b", "8 16, 16", "", "", "spread", "a@x", "S0R R", ".P"},
    {"add", "a b, b -> a b", "8 16, 16", "", "", "common", "b@x", "RS0 S0", ".."},
    {"mul", "a b, a b -> a b", "8 16, 8 16", "", "", "data", "a@x", "S0R S0R", ".."},
    {"sub", "a b, b -> a b", "8 16, 16", "", "", "spread", "a@x", "S0R R", ".P"},
    {"div", "a b, b -> a b", "8 16, 16", "", "", "spread", "a@x", "S0R R", ".P"},
    {"max", "a b, b -> a b", "8 16, 16", "", "", "common", "b@x", "RS0 S0", ".."},
    {"min", "a b, b -> a b", "8 16, 16", "", "", "spread", "a@x", "S0R R", ".P"},
    {"gelu", "a b -> a b", "8 16", "", "", "data", "a@x", "S0R", "."},
    {"dropout", "a b -> a b", "8 16", "", "", "data", "a@x", "S0R", "."},
    /* A sum's gradient is spread back: nothing is partial, whether x cuts what is summed or not. */
    {"reduce", "a b -> a", "8 16", "axes=1", "", "data", "a@x", "S0R", "."},
    {"reduce", "a b -> a", "8 16", "axes=1", "", "summed", "b@x", "RS0", "."},
    {"rotary", NULL, "8 16 32", "heads=8", "", "data", "d0@x", "S0RR", "."},
    {"rotary", NULL, "8 16 32", "heads=8", "", "head", "n@x", "RRS0", "."},
    {"pool", NULL, "8 16 32 32", "window=2 stride=2", "", "data", "b@x", "S0RRR", "."},
    {"pool", NULL, "8 16 32 32", "window=2 stride=2", "", "channels", "c@x", "RS0RR", "."},
    {"upsample", NULL, "8 16 32 32", "scale=2", "", "data", "b@x", "S0RRR", "."},
};

/* "8 16, 16 32i": one input per part, fp32 or int32. */
static int add_operands(struct sc_graph_builder *b, const char *shapes, int *operands)
{
    int count = 0;
    while (*shapes) {
        int64_t shape[SC_MAX_RANK];
        int rank = 0;
        char name[16], *end;
        enum sc_dtype dtype = SC_DTYPE_FP32;
        while (*shapes && *shapes != ',') {
            shape[rank++] = strtoll(shapes, &end, 10);
            shapes = end;
            if (*shapes == 'i') {
                dtype = SC_DTYPE_INT32;
                shapes++;
            }
        }
        shapes += *shapes == ',';
        snprintf(name, sizeof name, "in%d", count);
        struct sc_op_spec spec = {.name = name,
                                  .kind = dtype == SC_DTYPE_FP32 ? SC_KIND_PARAMETER : SC_KIND_INPUT,
                                  .rank = rank,
                                  .shape = shape,
                                  .dtype = &dtype,
                                  .flops = NAN};
        struct sc_error err = {0};
        if (sc_graph_add_op(b, &spec, &operands[count], &err) != SC_OK)
            fail_msg("%s", err.message);
        count++;
    }
    return count;
}

/* "heads=8 k=2" */
static int read_pairs(char *text, struct sc_attribute *out, int64_t *values)
{
    int count = 0;
    for (char *pair = strtok(text, " "); pair; pair = strtok(NULL, " ")) {
        char *equals = strchr(pair, '=');
        *equals = '\0';
        values[count] = atoll(equals + 1);
        out[count] = (struct sc_attribute){pair, 1, &values[count]};
        count++;
    }
    return count;
}

static struct sc_graph *graph_of(const struct hand *hand)
{
    struct sc_graph_builder *b = sc_graph_builder_new("hand", "test");
    int operands[4], result;
    char attribute_text[64], size_text[64];
    struct sc_attribute attributes[4], sizes[4];
    int64_t attribute_values[4], size_values[4];
    struct sc_error err = {0};
    struct sc_graph *graph = NULL;
    int count = add_operands(b, hand->shapes, operands);
    snprintf(attribute_text, sizeof attribute_text, "%s", hand->attributes);
    snprintf(size_text, sizeof size_text, "%s", hand->sizes);
    struct sc_op_spec spec = {.name = "op",
                              .kind = hand->kind,
                              .rule = hand->rule,
                              .operand_count = count,
                              .operands = operands,
                              .attributes = attributes,
                              .sizes = sizes,
                              .flops = NAN};
    spec.attribute_count = read_pairs(attribute_text, attributes, attribute_values);
    spec.size_count = read_pairs(size_text, sizes, size_values);
    if (sc_graph_add_op(b, &spec, &result, &err) != SC_OK || sc_graph_mark_output(b, result, &err) != SC_OK ||
        sc_graph_build(b, &graph, &err) != SC_OK)
        fail_msg("%s: %s", hand->kind, err.message);
    sc_graph_builder_free(b);
    return graph;
}

static void check(const struct hand *hand, const struct sc_graph *graph, int op, const struct sc_strategy *strategy)
{
    char specs[128] = "", partial[8] = "";
    const struct sc_op *o = &graph->ops[op];
    for (int k = 0; k < o->operand_count; k++) {
        const struct sc_tensor *tensor = &graph->tensors[o->operands[k]];
        char spec[32];
        sc_spec_format(strategy->operand[k], tensor->rank, spec, sizeof spec);
        snprintf(specs + strlen(specs), sizeof specs - strlen(specs), "%s%s", k ? " " : "", spec);
        partial[k] = !sc_dtype_is_float(tensor->dtype) ? '-' : strategy->gradient_partial[k] ? 'P' : '.';
    }
    if (strcmp(specs, hand->specs) != 0 || strcmp(partial, hand->partial) != 0)
        fail_msg("%s, %s (%s): operands %s partial %s, by hand %s and %s", hand->kind, hand->method, hand->strategy,
                 specs, partial, hand->specs, hand->partial);
}

static void test_hand_derived(void **state)
{
    const struct hand *hand = *state;
    struct sc_graph *graph = graph_of(hand);
    struct sc_axes axes = {1, {4}};
    struct sc_strategy_options options = {.reduce_scatter = true, .training = true};
    struct sc_arena *arena = sc_arena_new();
    struct sc_strategies set;
    struct sc_str known = {0};
    int op = sc_graph_find_op(graph, "op"), found = -1;
    char text[64];
    assert_int_equal(sc_strategies_of_op(arena, graph, op, &axes, &options, &set, NULL), SC_OK);
    for (int c = 0; c < set.count; c++) {
        sc_strategy_format(graph, op, &set.at[c], text, sizeof text);
        sc_str_addf(&known, " [%s]", text);
        if (strcmp(text, hand->strategy) == 0)
            found = c;
    }
    if (found < 0)
        fail_msg("%s has no strategy %s, only%s", hand->kind, hand->strategy, sc_str_text(&known));
    check(hand, graph, op, &set.at[found]);
    sc_str_free(&known);
    sc_arena_free(arena);
    sc_graph_free(graph);
}

/* Every kind that has a gradient and a rule of its own is in the table. */
static void test_every_kind_is_derived(void **state)
{
    const struct sc_kind *kind;
    (void)state;
    for (size_t i = 0; (kind = sc_kind_at(i)); i++) {
        bool elementwise = kind->rule && strcmp(kind->rule, "... -> ...") == 0;
        static const char *const moves[] = {"input", "parameter", "cache", "reshape", "transpose", "split", "slice",
                                            "concat", "expand", "top_k"};
        bool known = elementwise;
        for (size_t k = 0; k < SC_LEN(moves); k++)
            known |= strcmp(kind->name, moves[k]) == 0;
        for (size_t k = 0; k < SC_LEN(table); k++)
            known |= strcmp(kind->name, table[k].kind) == 0;
        if (!known)
            fail_msg("kind %s has no hand-derived gradient", kind->name);
    }
}

int main(void)
{
    struct CMUnitTest tests[SC_LEN(table) + 1];
    for (size_t i = 0; i < SC_LEN(table); i++)
        tests[i] = (struct CMUnitTest){table[i].kind, test_hand_derived, NULL, NULL, (void *)(uintptr_t)&table[i]};
    tests[SC_LEN(table)] = (struct CMUnitTest){"every kind", test_every_kind_is_derived, NULL, NULL, NULL};
    return _cmocka_run_group_tests("gradients", tests, SC_LEN(tests), NULL, NULL);
}
