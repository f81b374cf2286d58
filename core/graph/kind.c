/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The table of kinds, and the small tables of dtypes, modes and kinds of factor.
 */
#include "private.h"

#include <string.h>

static const char *const dtype_names[] = {
#define X(id, name, bytes) name,
    SC_DTYPE_MAP(X)
#undef X
};
static const int dtype_bytes[] = {
#define X(id, name, bytes) bytes,
    SC_DTYPE_MAP(X)
#undef X
};

const char *sc_dtype_name(enum sc_dtype dtype)
{
    return dtype_names[dtype];
}
int sc_dtype_bytes(enum sc_dtype dtype)
{
    return dtype_bytes[dtype];
}
bool sc_dtype_is_float(enum sc_dtype dtype)
{
    return dtype >= SC_DTYPE_FP8;
}

static bool find_name(const char *const *names, int count, const char *name, int *out)
{
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0) {
            *out = i;
            return true;
        }
    return false;
}

bool sc_dtype_find(const char *name, enum sc_dtype *out)
{
    int index;
    if (!find_name(dtype_names, SC_DTYPE_COUNT, name, &index))
        return false;
    *out = (enum sc_dtype)index;
    return true;
}

static const char *const mode_names[] = {
#define X(id, name, help) name,
    SC_MODE_MAP(X)
#undef X
};

const char *sc_mode_name(enum sc_mode mode)
{
    return mode_names[mode];
}

bool sc_mode_find(const char *name, enum sc_mode *out)
{
    int index;
    if (!find_name(mode_names, SC_MODE_COUNT, name, &index))
        return false;
    *out = (enum sc_mode)index;
    return true;
}

const char *sc_factor_kind_name(enum sc_factor_kind kind)
{
    static const char *const names[] = {"pass", "reduce", "replicate", "stat", "halo", "ring"};
    return names[kind];
}

/* ---- kinds ---------------------------------------------------------------------------------------- */

#define ATTRIBUTES(...) ((const char *const[]){__VA_ARGS__, NULL})
#define SAVE_RESULT     (1u << 16)
#define OPERAND(k)      (1u << (k))
#define BOTH            (OPERAND(0) | OPERAND(1))

struct row {
    struct sc_kind kind;
    int least, most; /* operands */
    sc_maker make;
    bool typed; /* results have `dtype` whatever the operands have */
    enum sc_dtype dtype;
};

/* A row is a kind. */
/* clang-format off */
#define UNARY(NAME, FLOPS, BACKWARD, SAVES, HELP)                                                                      \
    {                                                                                                                  \
        .kind = {.name = NAME, .rule = "... -> ...", .help = HELP, .unit = SC_UNIT_VECTOR, .flops = (FLOPS),          \
                 .backward = (BACKWARD), .saves = (SAVES)},                                                            \
        .least = 1, .most = 1                                                                                          \
    }
#define NARY(NAME, MOST, FLOPS, BACKWARD, SAVES, HELP)                                                                 \
    {                                                                                                                  \
        .kind = {.name = NAME, .help = HELP, .unit = SC_UNIT_VECTOR, .flops = (FLOPS), .backward = (BACKWARD),        \
                 .saves = (SAVES)},                                                                                    \
        .least = 2, .most = (MOST), .make = sc_make_broadcast                                                          \
    }
#define SOURCE(NAME, HELP)                                                                                             \
    {                                                                                                                  \
        .kind = {.name = NAME, .help = HELP}, .least = 0, .most = 0                                                    \
    }

/* FLOPs of vector ops count one for each elementary operation; a transcendental function counts as four. Savings
 * follow what frameworks keep for the backward pass (Korthikanti et al. 2022, arXiv 2205.05198, table 2, with fused
 * attention that recomputes its scores, Dao et al. 2022). */
static const struct row rows[] = {
    SOURCE(SC_KIND_INPUT, "data that comes with each microbatch"),
    SOURCE(SC_KIND_PARAMETER, "a weight; has storage and optimizer state of its own"),
    SOURCE(SC_KIND_CACHE, "keys and values of earlier tokens, kept between calls"),

    {.kind = {.name = "matmul", .rule = "... h, h f -> ... f", .help = "matrix product with a weight",
              .unit = SC_UNIT_MATRIX, .flops = 2, .backward = 2, .saves = BOTH},
     .least = 2, .most = 2},
    {.kind = {.name = "batched_matmul", .rule = "... m k, ... k n -> ... m n",
              .help = "a matrix product for each leading index", .unit = SC_UNIT_MATRIX, .flops = 2, .backward = 2,
              .saves = BOTH},
     .least = 2, .most = 2},
    {.kind = {.name = "einsum", .help = "sum of products by its own rule, which the model gives",
              .unit = SC_UNIT_MATRIX, .flops = 2, .backward = 2, .saves = 0xffff},
     .least = 1, .most = SC_MAX_PORTS},
    {.kind = {.name = "conv2d", .help = "2-D convolution, NCHW by OIHW", .unit = SC_UNIT_MATRIX, .flops = 2,
              .backward = 2, .saves = BOTH, .attributes = ATTRIBUTES("stride", "padding")},
     .least = 2, .most = 2, .make = sc_make_conv2d},
    {.kind = {.name = "attention", .help = "fused attention: queries, keys, values (and a cache of both)",
              .unit = SC_UNIT_MATRIX, .flops = 4, .backward = 2.5, /* recomputes scores: Dao 2023, arXiv 2307.08691 */
              .saves = OPERAND(0) | OPERAND(1) | OPERAND(2) | SAVE_RESULT,
              .attributes = ATTRIBUTES("heads", "kv_heads")},
     .least = 3, .most = 5, .make = sc_make_attention},
    {.kind = {.name = "mla", .help = "multi-head latent attention: queries against one latent for keys and values",
              .unit = SC_UNIT_MATRIX, .flops = 2, .backward = 2.5, .saves = BOTH | SAVE_RESULT,
              .attributes = ATTRIBUTES("heads", "latent")},
     .least = 2, .most = 3, .make = sc_make_mla},
    {.kind = {.name = "gate", .rule = "... h, h e -> ... e | stat e 2",
              .help = "router of a mixture of experts: matmul, softmax, top-k", .unit = SC_UNIT_MATRIX, .flops = 2,
              .backward = 2, .saves = BOTH | SAVE_RESULT},
     .least = 2, .most = 2},
    {.kind = {.name = "expert_matmul", .rule = "e ... h, e h f -> e ... f",
              .help = "matrix product with each expert's own weight", .unit = SC_UNIT_MATRIX, .flops = 2,
              .backward = 2, .saves = BOTH},
     .least = 2, .most = 2},

    {.kind = {.name = "route", .rule = "g t e -> g t e c | replicate t, stat e 2",
              .help = "gates to a dispatch mask with a capacity c an expert", .unit = SC_UNIT_VECTOR, .flops = 2,
              .backward = 1, .saves = OPERAND(0)},
     .least = 1, .most = 1},
    {.kind = {.name = "dispatch", .rule = "g t e, g t h -> e g c h", .help = "sends tokens to experts by their gates",
              .unit = SC_UNIT_VECTOR, .saves = OPERAND(0)},
     .least = 2, .most = 2},
    {.kind = {.name = "combine", .rule = "g t e, e g c h -> g t h", .help = "brings experts' results back, weighted",
              .unit = SC_UNIT_VECTOR, .saves = BOTH},
     .least = 2, .most = 2},
    {.kind = {.name = "embedding", .rule = "..., v h -> ... h", .help = "looks rows of a table up",
              .unit = SC_UNIT_VECTOR, .saves = OPERAND(0), .sparse = OPERAND(1)},
     .least = 2, .most = 2},
    {.kind = {.name = "softmax", .rule = "... n -> ... n | stat n 2", .help = "softmax over the last dimension",
              .unit = SC_UNIT_VECTOR, .flops = 6, .backward = 4.0 / 6, .saves = SAVE_RESULT},
     .least = 1, .most = 1},
    {.kind = {.name = "layer_norm", .rule = "... h, h, h -> ... h | stat h 2",
              .help = "layer norm over the last dimension, scale and shift", .unit = SC_UNIT_VECTOR, .flops = 8,
              .backward = 2, .saves = OPERAND(0)},
     .least = 3, .most = 3},
    {.kind = {.name = "rms_norm", .rule = "... h, h -> ... h | stat h 1",
              .help = "root-mean-square norm over the last dimension, scale", .unit = SC_UNIT_VECTOR, .flops = 4,
              .backward = 2, .saves = OPERAND(0)},
     .least = 2, .most = 2},
    {.kind = {.name = "batch_norm", .rule = "b c h w, c, c -> b c h w | stat b 2, stat h 2, stat w 2",
              .help = "batch norm over all but channels, scale and shift", .unit = SC_UNIT_VECTOR, .flops = 8,
              .backward = 2, .saves = OPERAND(0)},
     .least = 3, .most = 3},
    {.kind = {.name = "group_norm", .help = "norm over groups of channels, scale and shift", .unit = SC_UNIT_VECTOR,
              .flops = 8, .backward = 2, .saves = OPERAND(0), .attributes = ATTRIBUTES("groups")},
     .least = 3, .most = 3, .make = sc_make_group_norm},
    {.kind = {.name = "cross_entropy", .rule = "... v, ... -> ... | stat v 3",
              .help = "loss of logits against labels, one number a position", .unit = SC_UNIT_VECTOR, .flops = 6,
              .backward = 4.0 / 6, .saves = BOTH},
     .least = 2, .most = 2, .typed = true, .dtype = SC_DTYPE_FP32},
    {.kind = {.name = "rotary", .help = "rotates pairs within each head by position", .unit = SC_UNIT_VECTOR,
              .flops = 3, .backward = 1, .attributes = ATTRIBUTES("heads")},
     .least = 1, .most = 1, .make = sc_make_rotary},
    {.kind = {.name = "dropout", .rule = "... -> ...", .help = "zeroes at random; keeps a mask of a byte an element",
              .unit = SC_UNIT_VECTOR, .flops = 2, .backward = 0.5, .mask_bytes = 1},
     .least = 1, .most = 1},
    {.kind = {.name = "top_k", .help = "the k largest of the last dimension, and where they were",
              .unit = SC_UNIT_VECTOR, .flops = 1, .attributes = ATTRIBUTES("k")},
     .least = 1, .most = 1, .make = sc_make_top_k},
    {.kind = {.name = "pool", .help = "largest or mean of each window, NCHW", .unit = SC_UNIT_VECTOR, .flops = 1,
              .backward = 1, .saves = OPERAND(0) | SAVE_RESULT,
              .attributes = ATTRIBUTES("window", "stride", "padding")},
     .least = 1, .most = 1, .make = sc_make_pool},
    {.kind = {.name = "upsample", .help = "repeats or interpolates pixels, NCHW", .unit = SC_UNIT_VECTOR, .flops = 1,
              .backward = 1, .attributes = ATTRIBUTES("scale")},
     .least = 1, .most = 1, .make = sc_make_upsample},
    {.kind = {.name = "reduce", .help = "sum or mean over dimensions (all unless axes are given)",
              .unit = SC_UNIT_VECTOR, .flops = 1, .attributes = ATTRIBUTES("axes")},
     .least = 1, .most = 1, .make = sc_make_reduce},
    {.kind = {.name = "bias", .rule = "... f, f -> ... f", .help = "adds a vector along the last dimension",
              .unit = SC_UNIT_VECTOR, .flops = 1, .backward = 1},
     .least = 2, .most = 2},

    NARY("add", SC_MAX_PORTS, 1, 0, 0, "sum, with broadcast"),
    NARY("sub", 2, 1, 0.5, 0, "difference, with broadcast"),
    NARY("mul", 2, 1, 2, BOTH, "product, with broadcast"),
    NARY("div", 2, 1, 4, BOTH, "quotient, with broadcast"),
    NARY("max", 2, 1, 2, BOTH, "larger of two, with broadcast"),
    NARY("min", 2, 1, 2, BOTH, "smaller of two, with broadcast"),
    UNARY("relu", 1, 1, SAVE_RESULT, "max(x, 0)"),
    UNARY("gelu", 8, 1.5, OPERAND(0), "Gaussian error linear unit"),
    UNARY("silu", 6, 1.5, OPERAND(0), "x times its sigmoid"),
    UNARY("sigmoid", 5, 0.6, SAVE_RESULT, "logistic function"),
    UNARY("tanh", 4, 0.75, SAVE_RESULT, "hyperbolic tangent"),
    UNARY("exp", 4, 0.25, SAVE_RESULT, "exponential"),
    UNARY("log", 4, 1, OPERAND(0), "natural logarithm"),
    UNARY("sqrt", 4, 0.5, SAVE_RESULT, "square root"),
    UNARY("rsqrt", 4, 0.75, SAVE_RESULT, "reciprocal square root"),
    UNARY("square", 1, 2, OPERAND(0), "x times x"),
    UNARY("abs", 1, 1, OPERAND(0), "absolute value"),
    UNARY("neg", 1, 1, 0, "minus x"),
    UNARY("scale", 1, 1, 0, "x times a constant"),
    UNARY("cast", 1, 1, 0, "another dtype, given by \"dtype\""),

    {.kind = {.name = "reshape", .help = "the same numbers under another shape", .view = true,
              .attributes = ATTRIBUTES("shape")},
     .least = 1, .most = 1, .make = sc_make_reshape},
    {.kind = {.name = "transpose", .help = "dimensions in another order", .attributes = ATTRIBUTES("order")},
     .least = 1, .most = 1, .make = sc_make_transpose},
    {.kind = {.name = "split", .help = "pieces along a dimension: \"parts\" equal ones, or of these \"sizes\"",
              .view = true, .attributes = ATTRIBUTES("axis", "parts", "sizes")},
     .least = 1, .most = 1, .make = sc_make_split},
    {.kind = {.name = "slice", .help = "a run of \"size\" along a dimension, from \"start\" (0) on", .view = true,
              .attributes = ATTRIBUTES("axis", "start", "size")},
     .least = 1, .most = 1, .make = sc_make_slice},
    {.kind = {.name = "concat", .help = "joins along a dimension", .attributes = ATTRIBUTES("axis")},
     .least = 1, .most = SC_MAX_PORTS, .make = sc_make_concat},
    {.kind = {.name = "expand", .help = "repeats dimensions of size 1 up to a shape",
              .attributes = ATTRIBUTES("shape")},
     .least = 1, .most = 1, .make = sc_make_expand},
};
/* clang-format on */

const struct sc_kind *sc_kind_at(size_t index)
{
    return index < SC_LEN(rows) ? &rows[index].kind : NULL;
}

const struct sc_kind *sc_kind_find(const char *name)
{
    for (size_t i = 0; i < SC_LEN(rows); i++)
        if (rows[i].kind.name[0] == name[0] && strcmp(rows[i].kind.name, name) == 0)
            return &rows[i].kind;
    return NULL;
}

/* `kind` is the first member of its row. */
static const struct row *row_of(const struct sc_kind *kind)
{
    return (const struct row *)(const void *)kind;
}

enum sc_source sc_kind_source(const struct sc_kind *kind)
{
    ptrdiff_t index = row_of(kind) - rows;
    return index == 0   ? SC_SOURCE_INPUT
           : index == 1 ? SC_SOURCE_PARAMETER
           : index == 2 ? SC_SOURCE_CACHE
                        : SC_SOURCE_NONE;
}

sc_maker sc_kind_maker(const struct sc_kind *kind)
{
    return row_of(kind)->make;
}

void sc_kind_arity(const struct sc_kind *kind, int *least, int *most)
{
    *least = row_of(kind)->least;
    *most = row_of(kind)->most;
}

enum sc_dtype sc_kind_dtype(const struct sc_kind *kind)
{
    const struct row *row = row_of(kind);
    return row->typed ? row->dtype : SC_DTYPE_COUNT;
}
