/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * graph: a model as tensors, ops and layers. An op is a loop nest: its rule names the loops (factors) and says which
 * factors each dimension of each operand and result walks. Kinds of op are rows of one table; an op may carry its own
 * rule. Terms follow GSPMD (arXiv 2105.04663) and Shardy's sharding rules.
 */
#ifndef SC_GRAPH_H
#define SC_GRAPH_H

#include "base/base.h"

enum {
    SC_MAX_RANK = 8,     /* dimensions of a tensor */
    SC_MAX_FACTORS = 14, /* loops of an op */
    SC_MAX_PORTS = 16,   /* operands, or results, of an op */
    SC_MAX_PRODUCT = 4,  /* factors in one dimension */
    SC_MAX_OPS = 100000  /* ops of a graph; more are refused with SC_LIMIT */
};

/* X(id, name, bytes) */
#define SC_DTYPE_MAP(X)                                                                                                \
    X(BOOL, "bool", 1)                                                                                                 \
    X(INT8, "int8", 1)                                                                                                 \
    X(INT32, "int32", 4)                                                                                               \
    X(INT64, "int64", 8)                                                                                               \
    X(FP8, "fp8", 1)                                                                                                   \
    X(FP16, "fp16", 2)                                                                                                 \
    X(BF16, "bf16", 2)                                                                                                 \
    X(FP32, "fp32", 4)                                                                                                 \
    X(FP64, "fp64", 8)
enum sc_dtype {
#define X(id, name, bytes) SC_DTYPE_##id,
    SC_DTYPE_MAP(X)
#undef X
        SC_DTYPE_COUNT
};
const char *sc_dtype_name(enum sc_dtype dtype);
int sc_dtype_bytes(enum sc_dtype dtype);
bool sc_dtype_find(const char *name, enum sc_dtype *out);
bool sc_dtype_is_float(enum sc_dtype dtype); /* has a gradient */

/* What the graph is run for. Training keeps activations and runs backward; prefill reads a prompt and leaves its keys
 * and values; decode makes one token a sequence against a cache. X(id, name, help) */
#define SC_MODE_MAP(X)                                                                                                 \
    X(TRAIN, "train", "forward, backward and optimizer step")                                                          \
    X(PREFILL, "prefill", "forward over a prompt; keys and values are kept")                                           \
    X(DECODE, "decode", "one new token a sequence, reading the cache of keys and values")
enum sc_mode {
#define X(id, name, help) SC_##id,
    SC_MODE_MAP(X)
#undef X
        SC_MODE_COUNT
};
const char *sc_mode_name(enum sc_mode mode); /* "train"; static */
bool sc_mode_find(const char *name, enum sc_mode *out);

/* ---- rules ---------------------------------------------------------------------------------------- */

/* What sharding a factor over a mesh axis means:
 *   PASS       it is in the results; shards are independent
 *   REDUCE     in operands only; results are partial sums over the axis
 *   REPLICATE  cannot be sharded
 *   STAT       it is normalised over (softmax, norms, cross-entropy): shards exchange statistics by an all-reduce
 *              of `stats` numbers for each point of the other, non-STAT factors, forward and backward
 *   HALO       neighbours exchange `halo` rows at each border (convolution, pooling)
 *   RING       keys of attention: the axis also shards `partner` (queries), and operands that walk this factor
 *              go round the ring of devices, forward once and backward twice */
enum sc_factor_kind { SC_PASS, SC_REDUCE, SC_REPLICATE, SC_STAT, SC_HALO, SC_RING };
const char *sc_factor_kind_name(enum sc_factor_kind kind);

struct sc_factor {
    char name[12];
    enum sc_factor_kind kind;
    int64_t size;
    int stats;   /* STAT */
    int halo;    /* HALO: rows each side, in elements of the operand's dimension */
    int partner; /* RING: the factor sharded along */
};

/* A dimension walks a product of factors, major first, times `scale` (stride of a convolution; 1 otherwise). No
 * factors: the dimension cannot be sharded by this op. */
struct sc_dim {
    int8_t count;
    uint8_t factor[SC_MAX_PRODUCT];
    int64_t scale;
};
struct sc_walk {
    int rank;
    struct sc_dim dim[SC_MAX_RANK];
};

/* A rule bound to sizes. Text form: "b s h, h f -> b s f | stat h 2": names are separated by spaces (or single
 * letters without spaces: "bsh,hf->bsf"), "(n d)" is a product, "h*2" a scale, "_" a dimension without factors,
 * "..." any leading dimensions; after "|" come `replicate NAME`, `stat NAME COUNT`, `halo NAME ROWS`,
 * `ring NAME PARTNER`, separated by ",". A factor in operands only is a reduction. */
struct sc_rule {
    const char *text; /* canonical, "bsh,hf->bsf"-like or spaced; for people */
    int factor_count, operand_count, result_count;
    struct sc_factor factor[SC_MAX_FACTORS];
    struct sc_walk operand[SC_MAX_PORTS], result[SC_MAX_PORTS];
};

/* ---- kinds ---------------------------------------------------------------------------------------- */

/* Which unit runs the op: matrix units (peak × matmul efficiency), vector units, or no arithmetic at all. */
enum sc_unit { SC_UNIT_NONE, SC_UNIT_VECTOR, SC_UNIT_MATRIX };

struct sc_kind {
    const char *name; /* "matmul"; in model files, --json, `list kinds` */
    const char *rule; /* default rule text; NULL: made from the attributes, or required in the file */
    const char *help; /* one line for `list kinds` */
    enum sc_unit unit;
    double flops;      /* forward FLOPs a point of the loop nest (sc_op.flops has the sum, own rules included) */
    double backward;   /* backward FLOPs over forward FLOPs when every float operand wants its gradient */
    uint32_t saves;    /* bit k: operand k is saved for backward; bit 16: the first result is */
    double mask_bytes; /* bytes saved beside, an element of the result (dropout's mask 1; else 0) */
    uint32_t sparse;   /* bit k: of operand k only as many elements are touched as the first result has (a table
                          that is looked up; its gradient is a scatter of as many) */
    bool view;         /* moves no bytes: the result is the operand's memory seen otherwise */
    const char *const *attributes; /* names of the attributes it takes, NULL-terminated; NULL: none */
};
const struct sc_kind *sc_kind_find(const char *name); /* NULL when unknown */
const struct sc_kind *sc_kind_at(size_t index);       /* NULL past the end: for listing */
/* The kinds that have no operands; nodes of their own in the problem. A cache holds keys and values of earlier tokens
 * (decode); it is memory that stays, like a parameter, without gradient or optimizer state. */
#define SC_KIND_INPUT     "input"
#define SC_KIND_PARAMETER "parameter"
#define SC_KIND_CACHE     "cache"
enum sc_source { SC_SOURCE_NONE, SC_SOURCE_INPUT, SC_SOURCE_PARAMETER, SC_SOURCE_CACHE };
enum sc_source sc_kind_source(const struct sc_kind *kind); /* NONE: an ordinary op */

/* ---- graph ---------------------------------------------------------------------------------------- */

struct sc_use {
    int op, port; /* reading op and which of its operands */
};

struct sc_tensor {
    const char *name;
    enum sc_dtype dtype;
    int rank;
    int64_t size[SC_MAX_RANK];
    int op, port; /* producer and which of its results */
    int use_count;
    const struct sc_use *uses; /* in order of reading ops */
    bool output;               /* of the model */
    bool gradient;             /* has a gradient in training: float, and depends on a parameter */
};

struct sc_op {
    const char *name; /* "layer.3.mlp.fc1"; unique */
    const struct sc_kind *kind;
    const struct sc_rule *rule; /* shared between equal ops */
    int layer;                  /* index into layers */
    int operand_count, result_count;
    const int *operands, *results; /* tensors */
    double flops;                  /* forward, whole tensor, all devices together */
    int klass; /* ops of one class agree in kind, rule, sizes, dtypes and gradients: same strategies and costs */
};

/* A run of ops, consecutive in ops[]; what pipeline stages are made of. */
struct sc_layer {
    const char *name;
    int first_op, op_count;
};

/* `count` consecutive runs of `length` ops each, equal edge by edge up to renaming, from ops[first] on. Found by
 * hashing and verified. Outermost, non-overlapping, in order. */
struct sc_repeat {
    int first, length, count;
    const char *name; /* common prefix, "layer" */
};

/* Immutable; ops are in topological order, parameters before their first reader. */
struct sc_graph {
    const char *name, *source; /* model's name; file or script it came from */
    int op_count, tensor_count, layer_count, repeat_count, class_count;
    const struct sc_op *ops;
    const struct sc_tensor *tensors;
    const struct sc_layer *layers;
    const struct sc_repeat *repeats;
    int64_t parameters;      /* numbers in parameters */
    double flops;            /* forward, one microbatch */
    int64_t batch, sequence; /* of one microbatch, 0 when the model has none; for reports */
    int64_t microbatches;    /* an iteration has batch × microbatches samples */
    enum sc_mode mode;       /* what the graph was built for */
    uint64_t hash;           /* of the content */
    /* Parameters of the model file as bound ("hidden" = 2560 …), for reports. */
    int set_count;
    const char *const *set_names;
    const int64_t *set_values;
};

struct sc_graph *sc_graph_share(const struct sc_graph *graph);
void sc_graph_free(struct sc_graph *graph);                           /* drops a reference */
int sc_graph_find_op(const struct sc_graph *graph, const char *name); /* -1 when absent */
int64_t sc_tensor_elements(const struct sc_tensor *tensor);
double sc_tensor_bytes(const struct sc_tensor *tensor);
/* "b s h": names of the tensor's dimensions by the rule of its producer, or of its first reader. Borrowed. */
const struct sc_walk *sc_tensor_walk(const struct sc_graph *graph, int tensor, const struct sc_rule **rule);

/* The same ops in other layers: layer l begins at op first_op[l] of `graph`; first_op[0] is 0, and they increase.
 * Inputs, parameters and caches that are in the layer of their first reader stay with it, so some may move behind
 * others; all else keeps its order, names and classes. Repeats are found again, and the hash is of the new content.
 * `names` NULL: "part.0", "part.1" … The caller frees *out with sc_graph_free; `graph` may be freed before. SC_INPUT
 * when first_op is out of order, a layer would have no op that computes, or two names are equal; SC_NO_MEMORY. */
enum sc_status sc_graph_relayer(const struct sc_graph *graph, int layer_count, const int *first_op,
                                const char *const *names, struct sc_graph **out, struct sc_error *err);

/* Builder. Shapes and dtypes of results are inferred. Errors name the op and what would be right, in err->message;
 * file, line and path are the caller's to fill in. Every function returns SC_OK or why not; after an error the builder
 * is only good for freeing. */
struct sc_graph_builder;
struct sc_attribute {
    const char *name;
    int count; /* numbers in values */
    const int64_t *values;
};
struct sc_op_spec {
    const char *name, *kind;
    const char *rule; /* own rule, or NULL; of an input, parameter or cache: names of its dimensions, "b s" */
    int operand_count;
    const int *operands; /* tensors that exist already */
    int attribute_count;
    const struct sc_attribute *attributes;
    int size_count; /* sizes of factors that no operand tells: name, value */
    const struct sc_attribute *sizes;
    const enum sc_dtype *dtype; /* of results; NULL: inferred from the operands */
    int rank;                   /* input, parameter: their shape */
    const int64_t *shape;
    const char *const *result_names; /* NULL: "NAME" for one result, "NAME:0", "NAME:1" … */
    double flops;                    /* own FLOPs a point of the loop nest; 0 or NAN: the kind's */
};
struct sc_graph_builder *sc_graph_builder_new(const char *name, const char *source); /* NULL when out of memory */
void sc_graph_builder_free(struct sc_graph_builder *builder);                        /* NULL is allowed */
/* Layers are begun; ops added since belong to the layer. Inputs and parameters that come before the
 * first layer belong to it; another op there begins a layer "model". */
enum sc_status sc_graph_begin_layer(struct sc_graph_builder *b, const char *name, struct sc_error *err);
enum sc_status sc_graph_add_op(struct sc_graph_builder *b, const struct sc_op_spec *spec, int *first_result,
                               struct sc_error *err); /* results are consecutive tensors */
const struct sc_tensor *sc_graph_peek(const struct sc_graph_builder *b, int tensor);
enum sc_status sc_graph_mark_output(struct sc_graph_builder *b, int tensor, struct sc_error *err);
void sc_graph_describe(struct sc_graph_builder *b, int64_t batch, int64_t microbatches, int64_t sequence,
                       enum sc_mode mode); /* otherwise 0, 1, 0, train */
enum sc_status sc_graph_set_value(struct sc_graph_builder *b, const char *name, int64_t value); /* for set_names */
/* The first op that leads to nothing: no result of it is read or is an output; -1 when there is none. */
int sc_graph_find_dead(const struct sc_graph_builder *b);
/* Checks (there is an output; every op leads to something; no layer is empty), infers gradients, FLOPs, classes,
 * repeats; the builder is left empty, to be freed. */
enum sc_status sc_graph_build(struct sc_graph_builder *b, struct sc_graph **out, struct sc_error *err);

#endif
