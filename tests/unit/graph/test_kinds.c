/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Every kind of op: the rule it makes of shapes and attributes, what comes out, and what it refuses.
 */
#include "build.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_VALUES = 8 };

/* "axis=1 sizes=3,4" as attributes. */
struct attributes {
    int count;
    char text[4][16];
    int64_t values[4][MAX_VALUES];
    struct sc_attribute at[4];
};

static void read_attributes(const char *text, struct attributes *out)
{
    memset(out, 0, sizeof *out);
    while (text && *text) {
        int i = out->count++;
        size_t name = strcspn(text, "=");
        memcpy(out->text[i], text, name);
        text += name + 1;
        out->at[i] = (struct sc_attribute){out->text[i], 0, out->values[i]};
        for (;;) {
            char *end;
            out->values[i][out->at[i].count++] = strtoll(text, &end, 10);
            text = end + (*end == ',' || *end == ' ');
            if (*end != ',')
                break;
        }
    }
}

/* Add an op of `kind` on operands of these shapes ("2 3; 3 5", "-" for none, "()" a scalar; "i:" before a shape makes
 * it int32). */
static enum sc_status add(struct sc_graph_builder *b, const char *kind, const char *rule, const char *shapes,
                          const char *attributes, const char *sizes, int *first, struct sc_error *err)
{
    int operands[SC_MAX_PORTS], count = 0;
    struct attributes given, factors;
    read_attributes(attributes, &given);
    read_attributes(sizes, &factors);
    while (*shapes && *shapes != '-') {
        int64_t shape[SC_MAX_RANK + 1] = {0};
        char name[16], *end;
        int rank = 0;
        bool integer = strncmp(shapes, "i:", 2) == 0;
        shapes += integer ? 2 : 0;
        for (; *shapes && *shapes != ';'; shapes = end) {
            shape[rank] = strtoll(shapes, &end, 10);
            if (end == shapes)
                end++;
            else
                rank++;
        }
        shapes += *shapes == ';';
        snprintf(name, sizeof name, "in%d", count);
        operands[count++] = make_source(b, "input", name, integer ? SC_DTYPE_INT32 : SC_DTYPE_FP16, shape);
    }
    struct sc_op_spec spec = {.name = "op",
                              .kind = kind,
                              .rule = rule,
                              .operands = operands,
                              .operand_count = count,
                              .attribute_count = given.count,
                              .attributes = given.at,
                              .size_count = factors.count,
                              .sizes = factors.at};
    return sc_graph_add_op(b, &spec, first, err);
}

struct good {
    const char *kind, *shapes, *attributes, *sizes, *rule, *results;
    double flops;
};

static const struct good good[] = {
    {"matmul", "2 3 5;5 7", NULL, NULL, "d0 d1 h, h f -> d0 d1 f", "[2, 3, 7] fp16", 2 * 210},
    {"batched_matmul", "2 3 5;2 5 7", NULL, NULL, "d0 m k, d0 k n -> d0 m n", "[2, 3, 7] fp16", 2 * 210},
    {"expert_matmul", "4 2 3 5;4 5 7", NULL, NULL, "e d0 d1 h, e h f -> e d0 d1 f", "[4, 2, 3, 7] fp16", 2 * 840},
    {"gate", "2 3 5;5 4", NULL, NULL, "d0 d1 h, h e -> d0 d1 e | stat e 2", "[2, 3, 4] fp16", 2 * 120},
    {"route", "2 3 4", NULL, "c=6", "g t e -> g t e c | replicate t, stat e 2", "[2, 3, 4, 6] fp16", 2 * 144},
    {"dispatch", "2 3 4;2 3 5", NULL, "c=6", "g t e, g t h -> e g c h", "[4, 2, 6, 5] fp16", 0},
    {"combine", "2 3 4;4 2 6 5", NULL, NULL, "g t e, e g c h -> g t h", "[2, 3, 5] fp16", 0},
    {"conv2d", "2 3 8 8;5 3 3 3", NULL, NULL,
     "b c h w, o c k l -> b o h w | halo h 1, halo w 1, replicate k, replicate l", "[2, 5, 8, 8] fp16",
     2. * 2 * 3 * 64 * 5 * 9},
    {"conv2d", "2 3 8 8;5 3 3 3", "stride=2", NULL,
     "b c h*2 w*2, o c k l -> b o h w | halo h 1, halo w 1, replicate k, replicate l", "[2, 5, 4, 4] fp16",
     2. * 2 * 3 * 16 * 5 * 9},
    {"conv2d", "1 3 224 224;4 3 7 7", "stride=2 padding=3", NULL,
     "b c h*2 w*2, o c k l -> b o h w | halo h 3, halo w 3, replicate k, replicate l", "[1, 4, 112, 112] fp16",
     2. * 3 * 112 * 112 * 4 * 49},
    {"conv2d", "1 3 32 32;8 3 16 16", "stride=16 padding=0", NULL,
     "b c h*16 w*16, o c k l -> b o h w | replicate k, replicate l", "[1, 8, 2, 2] fp16", 2. * 3 * 4 * 8 * 256},
    {"conv2d", "1 3 9 8;4 3 3 3", "padding=0", NULL,
     "b c _ _, o c k l -> b o h w | replicate k, replicate l, replicate h, replicate w", "[1, 4, 7, 6] fp16",
     2. * 3 * 42 * 4 * 9},
    {"pool", "1 3 8 8", "window=2", NULL, "b c h*2 w*2 -> b c h w", "[1, 3, 4, 4] fp16", 4. * 48},
    {"pool", "1 3 112 112", "window=3 stride=2", NULL, "b c h*2 w*2 -> b c h w | halo h 1, halo w 1",
     "[1, 3, 56, 56] fp16", 9. * 3 * 56 * 56},
    {"upsample", "1 3 4 4", NULL, NULL, "b c h w -> b c h*2 w*2", "[1, 3, 8, 8] fp16", 4. * 48},
    {"embedding", "i:2 3;11 5", NULL, NULL, "d0 d1, v h -> d0 d1 h", "[2, 3, 5] fp16", 0},
    {"softmax", "2 3 5", NULL, NULL, "d0 d1 n -> d0 d1 n | stat n 2", "[2, 3, 5] fp16", 180},
    {"layer_norm", "2 3 5;5;5", NULL, NULL, "d0 d1 h, h, h -> d0 d1 h | stat h 2", "[2, 3, 5] fp16", 240},
    {"rms_norm", "2 3 5;5", NULL, NULL, "d0 d1 h, h -> d0 d1 h | stat h 1", "[2, 3, 5] fp16", 120},
    {"batch_norm", "2 3 4 4;3;3", NULL, NULL, "b c h w, c, c -> b c h w | stat b 2, stat h 2, stat w 2",
     "[2, 3, 4, 4] fp16", 8 * 96},
    {"group_norm", "2 6 4 4;6;6", "groups=3", NULL,
     "b (g c) h w, (g c), (g c) -> b (g c) h w | stat c 2, stat h 2, stat w 2", "[2, 6, 4, 4] fp16", 8 * 192},
    {"cross_entropy", "2 3 11;i:2 3", NULL, NULL, "d0 d1 v, d0 d1 -> d0 d1 | stat v 3", "[2, 3] fp32", 6 * 66},
    {"attention", "2 3 20;2 7 20;2 7 20", "heads=4", NULL,
     "b s (g d), b t (g d), b t (g d) -> b s (g d) | replicate d, ring t s", "[2, 3, 20] fp16", 4. * 2 * 3 * 7 * 20},
    {"attention", "2 3 20;2 7 10;2 7 10", "heads=4 kv_heads=2", NULL,
     "b s (g r d), b t (g d), b t (g d) -> b s (g r d) | replicate d, ring t s", "[2, 3, 20] fp16",
     4. * 2 * 3 * 7 * 20},
    {"attention", "2 3 4 5;2 7 2 5;2 7 2 5", NULL, NULL,
     "b s (g r) d, b t g d, b t g d -> b s (g r) d | replicate d, ring t s", "[2, 3, 4, 5] fp16", 4. * 2 * 3 * 7 * 20},
    {"attention", "2 3 4 5;2 7 4 5;2 7 4 6", NULL, NULL,
     "b s g d, b t g d, b t g e -> b s g e | replicate d, ring t s, replicate e", "[2, 3, 4, 6] fp16",
     2. * 2 * 3 * 7 * 4 * 11},
    {"attention", "2 1 20;2 1 20;2 1 20;2 7 20;2 7 20", "heads=4", NULL,
     "b s (g d), b s (g d), b s (g d), b t (g d), b t (g d) -> b s (g d) | replicate d", "[2, 1, 20] fp16",
     4. * 2 * 1 * 7 * 20},
    {"mla", "2 3 24;2 7 6", "heads=4 latent=5", NULL,
     "b s (n e), b t e -> b s (n c) | replicate e, ring t s, replicate c", "[2, 3, 20] fp16", 2. * 2 * 3 * 7 * 4 * 11},
    {"mla", "2 1 24;2 1 6;2 7 6", "heads=4 latent=5", NULL,
     "b s (n e), b s e, b t e -> b s (n c) | replicate e, replicate c", "[2, 1, 20] fp16", 2. * 2 * 1 * 7 * 4 * 11},
    {"rotary", "2 3 20", "heads=4", NULL, "d0 d1 (n d) -> d0 d1 (n d) | replicate d", "[2, 3, 20] fp16", 360},
    {"rotary", "2 3 4 5", NULL, NULL, "d0 d1 d2 d -> d0 d1 d2 d | replicate d", "[2, 3, 4, 5] fp16", 360},
    {"dropout", "2 3", NULL, NULL, "d0 d1 -> d0 d1", "[2, 3] fp16", 12},
    {"top_k", "2 9", "k=3", NULL, "d0 n -> d0 k, d0 k | replicate n, replicate k", "[2, 3] fp16 [2, 3] int32", 54},
    {"reduce", "2 3 5", NULL, NULL, "d0 d1 d2 -> ()", "[] fp16", 30},
    {"reduce", "2 3 5", "axes=1", NULL, "d0 d1 d2 -> d0 d2", "[2, 5] fp16", 30},
    {"reduce", "2 3 5", "axes=-1,0", NULL, "d0 d1 d2 -> d1", "[3] fp16", 30},
    {"bias", "2 3;3", NULL, NULL, "d0 f, f -> d0 f", "[2, 3] fp16", 6},
    {"add", "2 3;2 3;2 3", NULL, NULL, "d0 d1, d0 d1, d0 d1 -> d0 d1", "[2, 3] fp16", 12},
    {"add", "2 3 5;3 1", NULL, NULL, "d0 d1 d2, d1 _ -> d0 d1 d2", "[2, 3, 5] fp16", 30},
    {"mul", "5;2 1", NULL, NULL, "d1, d0 _ -> d0 d1", "[2, 5] fp16", 10},
    {"sub", "2 3;()", NULL, NULL, "d0 d1, () -> d0 d1", "[2, 3] fp16", 6},
    {"div", "i:2 3;2 3", NULL, NULL, "d0 d1, d0 d1 -> d0 d1", "[2, 3] fp16", 6},
    {"max", "2;2", NULL, NULL, "d0, d0 -> d0", "[2] fp16", 2},
    {"min", "2;2", NULL, NULL, "d0, d0 -> d0", "[2] fp16", 2},
    {"relu", "2 3", NULL, NULL, "d0 d1 -> d0 d1", "[2, 3] fp16", 6},
    {"gelu", "2 3", NULL, NULL, "d0 d1 -> d0 d1", "[2, 3] fp16", 48},
    {"reshape", "2 12", "shape=2,3,4", NULL, "d0 (d1 d2) -> d0 d1 d2", "[2, 3, 4] fp16", 0},
    {"reshape", "2 3 4", "shape=6,4", NULL, "d0 d1 d2 -> (d0 d1) d2", "[6, 4] fp16", 0},
    {"reshape", "8 6", "shape=4,12", NULL, "(d0 d1) d2 -> d0 (d1 d2)", "[4, 12] fp16", 0},
    {"reshape", "1 6 1", "shape=6", NULL, "_ d0 _ -> d0", "[6] fp16", 0},
    {"reshape", "2 3", "shape=3,2", NULL, "d0 d2 -> d1 d3 | replicate d0, replicate d2, replicate d1, replicate d3",
     "[3, 2] fp16", 0},
    {"reshape", "4 6 5", "shape=6,4,5", NULL,
     "(d0 d1) d3 d5 -> (d0 d2) d4 d5 | replicate d1, replicate d3, replicate d2, replicate d4", "[6, 4, 5] fp16", 0},
    {"transpose", "2 3 5", "order=2,0,1", NULL, "d0 d1 d2 -> d2 d0 d1", "[5, 2, 3] fp16", 0},
    {"split", "2 6", "axis=1 parts=3", NULL, "d0 _ -> d0 _, d0 _, d0 _", "[2, 2] fp16 [2, 2] fp16 [2, 2] fp16", 0},
    {"split", "2 6", "axis=-1 sizes=1,5", NULL, "d0 _ -> d0 _, d0 _", "[2, 1] fp16 [2, 5] fp16", 0},
    {"slice", "9 6", "axis=0 start=2 size=4", NULL, "_ d1 -> _ d1", "[4, 6] fp16", 0},
    {"concat", "2 3;2 4", "axis=1", NULL, "d0 _, d0 _ -> d0 _", "[2, 7] fp16", 0},
    {"expand", "1 3", "shape=4,3", NULL, "_ d1 -> d0 d1", "[4, 3] fp16", 0},
};

static void kinds_infer_shapes_and_flops(void **state)
{
    (void)state;
    for (size_t i = 0; i < SC_LEN(good); i++) {
        const struct good *g = &good[i];
        struct sc_graph_builder *b = sc_graph_builder_new("test", "");
        struct sc_error err = {0};
        int first = -1;
        if (add(b, g->kind, NULL, g->shapes, g->attributes, g->sizes, &first, &err) != SC_OK)
            fail_msg("%s on %s: %s", g->kind, g->shapes, err.message);
        struct sc_str results = {0};
        char shape[128];
        for (int r = first; sc_graph_peek(b, r); r++)
            sc_str_addf(&results, "%s%s", r > first ? " " : "", shape_text(sc_graph_peek(b, r), shape));
        assert_string_equal(sc_str_text(&results), g->results);
        sc_str_free(&results);
        struct sc_graph *graph = finish(b, first);
        const struct sc_op *op = &graph->ops[graph->op_count - 1];
        assert_string_equal(op->rule->text, g->rule);
        if (fabs(op->flops - g->flops) > 1e-9 * g->flops)
            fail_msg("%s on %s: %.17g FLOPs instead of %.17g", g->kind, g->shapes, op->flops, g->flops);
        sc_graph_free(graph);
    }
}

/* The table above has every kind that makes its rule, and every other kind has a rule in the table or is listed. */
static void every_kind_is_described_and_tested(void **state)
{
    (void)state;
    static const char *const same_as_relu = "silu sigmoid tanh exp log sqrt rsqrt square abs neg scale cast";
    static const char *const sources = "input parameter cache einsum";
    for (size_t i = 0; sc_kind_at(i); i++) {
        const struct sc_kind *kind = sc_kind_at(i);
        bool tested = strstr(same_as_relu, kind->name) || strstr(sources, kind->name);
        for (size_t k = 0; k < SC_LEN(good); k++)
            tested |= strcmp(good[k].kind, kind->name) == 0;
        if (!tested)
            fail_msg("%s is not tested", kind->name);
        assert_true(kind->help && strlen(kind->help) > 5 && strlen(kind->help) < 100);
        assert_ptr_equal(sc_kind_find(kind->name), kind);
        assert_true((kind->unit == SC_UNIT_NONE) == (kind->flops == 0 && kind->unit != SC_UNIT_VECTOR));
        assert_true(kind->backward >= 0);
    }
    assert_null(sc_kind_find("no such kind"));
}

static const struct {
    const char *kind, *rule, *shapes, *attributes, *sizes, *message;
} bad[] = {
    {"matmull", NULL, "2 3;3 4", NULL, NULL, "did you mean \"matmul\""},
    {"", NULL, "2 3;3 4", NULL, NULL, "unknown kind"},
    {"matmul", NULL, "2 3", NULL, NULL, "matmul takes 2 operands; 1 given"},
    {"relu", NULL, "2 3;3", NULL, NULL, "relu takes 1 operand; 2 given"},
    {"add", NULL, "2", NULL, NULL, "add takes 2 to 16 operands; 1 given"},
    {"matmul", NULL, "2 3;4 4", NULL, NULL, "h is 3 in operand 1 and 4 in operand 2"},
    {"matmul", NULL, "2 3;3 4", "axis=1", NULL, "has no attribute \"axis\"; it has none"},
    {"conv2d", NULL, "1 2 3 3;1 2 1 1", "strid=1", NULL, "did you mean \"stride\""},
    {"conv2d", NULL, "2 3 3;1 2 1 1", NULL, NULL, "operand 1 of conv2d has 3 dimensions; it has to have 4"},
    {"conv2d", NULL, "1 2 3 3;1 2 5 5", "padding=0", NULL, "a window of 5 does not fit into 3"},
    {"conv2d", NULL, "1 2 3 3;1 2 1 1", "stride=0", NULL, "\"stride\" is 0; it has to be from 1"},
    {"conv2d", NULL, "1 2 3 3;1 2 1 1", "stride=1,2", NULL, "is a list of 2"},
    {"conv2d", NULL, "1 2 3 3;1 4 1 1", NULL, NULL, "c is 2 in operand 1 and 4 in operand 2"},
    {"einsum", NULL, "2;2", NULL, NULL, "einsum needs a rule"},
    {"route", NULL, "2 3 4", NULL, NULL, "the size of the factor c does not follow"},
    {"relu", NULL, "2", NULL, "q=3", "a size is given for q, which it does not have"},
    {"reduce", NULL, "2", NULL, "q=3", "reduce takes no sizes without a rule of its own"},
    {"add", NULL, "2 3;4 3", NULL, NULL, "shapes [2, 3] and [4, 3] do not go together"},
    {"attention", NULL, "2 3 20;2 7 20;2 7 20", NULL, NULL, "attention needs the attribute \"heads\""},
    {"attention", NULL, "2 3 20;2 7 20;2 7 20", "heads=3", NULL, "operand 1 is 20 wide, which 3 heads do not divide"},
    {"attention", NULL, "2 3 20;2 7 20;2 7 20", "heads=4 kv_heads=3", NULL, "4 query heads do not share 3 key heads"},
    {"attention", NULL, "3 20;7 20;7 20", "heads=4", NULL, "it has to have 3 or 4"},
    {"attention", NULL, "2 3 20;2 7 20;2 7 20;2 7 20", "heads=4", NULL, "it takes 3, or 5 with caches"},
    {"attention", NULL, "2 3 20;3 7 20;2 7 20", "heads=4", NULL, "b is 2 in operand 1 and 3 in operand 2"},
    {"mla", NULL, "2 3 24;2 7 6", "heads=4 latent=9", NULL, "latent 9 is wider"},
    {"rotary", NULL, "2 3 20", "heads=3", NULL, "not a multiple"},
    {"group_norm", NULL, "2 6 4 4;6;6", "groups=4", NULL, "not a multiple of 4"},
    {"top_k", NULL, "2 3", "k=4", NULL, "\"k\" is 4; it has to be from 1 to 3"},
    {"reduce", NULL, "2 3", "axes=2", NULL, "axis 2; the operand has 2 dimensions, so from -2 to 1"},
    {"reduce", NULL, "2 3", "axes=1,-1", NULL, "axis 1 is listed twice"},
    {"reshape", NULL, "2 3", "shape=2,2", NULL, "6 numbers do not reshape into 4"},
    {"reshape", NULL, "2 3", NULL, NULL, "reshape needs the attribute \"shape\""},
    {"reshape", NULL, "2 3", "shape=-6,-1", NULL, "dimension 1 of the shape is -6"},
    {"reshape", NULL, "4 4 4 4 4", "shape=1024", NULL, "more than 4 factors"},
    {"transpose", NULL, "2 3", "order=0", NULL, "a list of the 2 dimensions"},
    {"transpose", NULL, "2 3", "order=0,0", NULL, "dimension 0 twice"},
    {"split", NULL, "2 6", "axis=1", NULL, "split needs one of"},
    {"split", NULL, "2 6", "axis=1 parts=4", NULL, "6 does not split into 4"},
    {"split", NULL, "2 6", "axis=1 sizes=3,4", NULL, "do not add up to 6"},
    {"split", NULL, "2 6", "axis=1 sizes=3,2", NULL, "add up to 5, not 6"},
    {"slice", NULL, "2 6", "axis=1 size=7", NULL, "\"size\" is 7; it has to be from 1 to 6"},
    {"concat", NULL, "2 3;2 3 4", "axis=1", NULL, "operand 2 of concat has 3 dimensions"},
    {"concat", NULL, "2 3;4 3", "axis=1", NULL, "d0 is 2 in operand 1 and 4 in operand 2"},
    {"expand", NULL, "2 3", "shape=4,3", NULL, "only a dimension of size 1 expands"},
    {"pool", NULL, "1 2 4 4", NULL, NULL, "pool needs the attribute \"window\""},
    {"upsample", NULL, "1 2 4 4", "scale=0", NULL, "\"scale\" is 0"},
    {"einsum", "a -> a b", "4", NULL, "b=9007199254740992", "more than 2^53 numbers"},
    {"einsum", "a -> a b", "4", NULL, "b=-1", "the size of b is -1"},
};

static void wrong_ops_are_refused_with_a_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < SC_LEN(bad); i++) {
        struct sc_graph_builder *b = sc_graph_builder_new("test", "");
        struct sc_error err = {0};
        int first = -1;
        enum sc_status status =
            add(b, bad[i].kind, bad[i].rule, bad[i].shapes, bad[i].attributes, bad[i].sizes, &first, &err);
        if ((status != SC_INPUT && status != SC_LIMIT) || !strstr(err.message, bad[i].message))
            fail_msg("%s on %s: status %d, \"%s\" instead of \"%s\"", bad[i].kind, bad[i].shapes, status, err.message,
                     bad[i].message);
        sc_graph_builder_free(b);
    }
}

/* Reshapes between random shapes: the rule's walks multiply to both shapes, and reshaping back gives the first one. */
static void random_reshapes_are_consistent(void **state)
{
    (void)state;
    uint64_t seed = 7;
    for (int round = 0; round < 2000; round++) {
        int64_t factors[6], shapes[2][7] = {{0}, {0}};
        int count = 1 + (int)sc_random_below(&seed, 6);
        for (int i = 0; i < count; i++)
            factors[i] = 1 + (int64_t)sc_random_below(&seed, 6);
        for (int side = 0; side < 2; side++) {
            int rank = 0;
            for (int i = 0; i < count; i++) {
                bool join = rank > 0 && sc_random_below(&seed, 2);
                int64_t factor = factors[side ? (i + round % count) % count : i];
                if (join)
                    shapes[side][rank - 1] *= factor;
                else
                    shapes[side][rank++] = factor;
            }
        }
        struct sc_graph_builder *b = sc_graph_builder_new("test", "");
        struct sc_error err = {0};
        int x = make_source(b, "input", "x", SC_DTYPE_FP32, shapes[0]), y;
        int rank = 0;
        while (shapes[1][rank])
            rank++;
        struct sc_attribute shape = {"shape", rank, shapes[1]};
        struct sc_op_spec spec = {.name = "y",
                                  .kind = "reshape",
                                  .operands = &x,
                                  .operand_count = 1,
                                  .attribute_count = 1,
                                  .attributes = &shape};
        enum sc_status status = sc_graph_add_op(b, &spec, &y, &err);
        if (status != SC_OK && strstr(err.message, "factors")) { /* six small factors in one dimension */
            sc_graph_builder_free(b);
            continue;
        }
        assert_int_equal(status, SC_OK);
        struct sc_graph *graph = finish(b, y);
        const struct sc_rule *rule = graph->ops[1].rule;
        for (int side = 0; side < 2; side++) {
            const struct sc_walk *walk = side ? &rule->result[0] : &rule->operand[0];
            for (int d = 0; d < walk->rank; d++) {
                int64_t product = 1;
                for (int i = 0; i < walk->dim[d].count; i++)
                    product *= rule->factor[walk->dim[d].factor[i]].size;
                assert_int_equal(product, shapes[side][d]);
            }
        }
        for (int i = 0; i < rule->factor_count; i++) { /* a factor on one side only cannot be sharded */
            int sides = 0;
            for (int side = 0; side < 2; side++) {
                const struct sc_walk *walk = side ? &rule->result[0] : &rule->operand[0];
                for (int d = 0; d < walk->rank; d++)
                    for (int k = 0; k < walk->dim[d].count; k++)
                        sides += walk->dim[d].factor[k] == i;
            }
            assert_int_equal(sides == 1, rule->factor[i].kind == SC_REPLICATE);
        }
        sc_graph_free(graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_infer_shapes_and_flops),
        cmocka_unit_test(every_kind_is_described_and_tested),
        cmocka_unit_test(wrong_ops_are_refused_with_a_reason),
        cmocka_unit_test(random_reshapes_are_consistent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
