/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Private to graph: rule binding, the makers behind the kind table, what the builder keeps of a tensor, and what a
 * finished graph owns.
 */
#ifndef SC_GRAPH_PRIVATE_H
#define SC_GRAPH_PRIVATE_H

#include <stdatomic.h>

#include "graph/graph.h"

enum { SC_NAME_SIZE = 12 }; /* of a factor, with its NUL */

/* What inference knows of an operand. names[d] is the factor that dimension d walked where the tensor was made
 * ("" when nobody named it yet): default rules take these names over, so that people read one name for one thing. */
struct sc_shape {
    int rank;
    enum sc_dtype dtype;
    int64_t size[SC_MAX_RANK];
    char names[SC_MAX_RANK][SC_NAME_SIZE];
};

/* A factor's size that no operand tells. */
struct sc_size {
    char name[SC_NAME_SIZE];
    int64_t value;
};

/* A question to the binder and its answer. Makers fill in text, sizes and, where the rule cannot tell ("_" in a
 * result), the results' shapes. */
struct sc_binding {
    const char *text;
    bool inherit; /* rename factors to the operands' own names */
    int operand_count;
    const struct sc_shape *operands;
    int size_count;
    struct sc_size sizes[SC_MAX_FACTORS];
    bool shaped; /* results' shapes below are given, not derived */
    bool named;  /* and the names of their dimensions are */
    struct sc_rule rule;
    struct sc_shape results[SC_MAX_PORTS];
};

/* Parse binding->text, bind it to the operands, fill rule and results (shape and names, not dtype). The canonical
 * text is allocated in `arena`. */
enum sc_status sc_rule_bind(struct sc_arena *arena, struct sc_binding *binding, struct sc_error *err);

/* Makers: kinds whose rule depends on attributes or ranks. One writes the text into `text`, and sizes and shapes
 * into the binding; `flops` (FLOPs a point) and dtypes of the results may be overridden. */
struct sc_making {
    const struct sc_op_spec *spec;
    struct sc_binding *binding;
    struct sc_str *text;
    double flops;
    int result_count; /* results whose dtype the maker sets; 0: inferred */
    enum sc_dtype dtype[SC_MAX_PORTS];
    struct sc_error *err;
};
typedef enum sc_status (*sc_maker)(struct sc_making *making);
sc_maker sc_kind_maker(const struct sc_kind *kind);
/* How many operands the kind takes; at most SC_MAX_PORTS. */
void sc_kind_arity(const struct sc_kind *kind, int *least, int *most);
/* Type of the result that does not follow from the operands' types: SC_DTYPE_COUNT when it does. */
enum sc_dtype sc_kind_dtype(const struct sc_kind *kind);

enum sc_status sc_make_broadcast(struct sc_making *m); /* n-ary element-wise */
enum sc_status sc_make_conv2d(struct sc_making *m);
enum sc_status sc_make_pool(struct sc_making *m);
enum sc_status sc_make_attention(struct sc_making *m);
enum sc_status sc_make_mla(struct sc_making *m);
enum sc_status sc_make_rotary(struct sc_making *m);
enum sc_status sc_make_group_norm(struct sc_making *m);
enum sc_status sc_make_top_k(struct sc_making *m);
enum sc_status sc_make_upsample(struct sc_making *m);
enum sc_status sc_make_reduce(struct sc_making *m);
enum sc_status sc_make_reshape(struct sc_making *m);
enum sc_status sc_make_transpose(struct sc_making *m);
enum sc_status sc_make_split(struct sc_making *m);
enum sc_status sc_make_slice(struct sc_making *m);
enum sc_status sc_make_concat(struct sc_making *m);
enum sc_status sc_make_expand(struct sc_making *m);

/* What was inferred for one op and holds for every op like it. */
struct sc_inferred {
    const struct sc_rule *rule;
    double flops; /* all */
    int result_count;
    const struct sc_shape *results;
};

/* The builder, shared by builder.c (adding) and finish.c (building). */
struct sc_building_tensor {
    struct sc_tensor tensor;
    char names[SC_MAX_RANK][SC_NAME_SIZE]; /* as in sc_shape */
};
struct sc_graph_builder {
    struct sc_arena *arena; /* becomes the graph's */
    const char *name, *source;
    SC_VEC(struct sc_op) ops;
    SC_VEC(struct sc_building_tensor) tensors;
    SC_VEC(struct sc_layer) layers;
    SC_VEC(const struct sc_rule *) rules;
    SC_VEC(struct sc_inferred) inferred;
    SC_VEC(const char *) set_names;
    SC_VEC(int64_t) set_values;
    struct sc_map op_names, result_names, layer_names, rule_ids, inferred_ids;
    int64_t batch, microbatches, sequence;
    enum sc_mode mode;
    int outputs;
    bool implicit_layer; /* the first layer was begun by an op, not by name */
};
/* The one copy of an equal rule (text and sizes of factors); `rule->text` has to live in the builder's arena. */
const struct sc_rule *sc_graph_intern_rule(struct sc_graph_builder *b,
                                           const struct sc_rule *rule); /* NULL: no memory */

/* The graph, its arena and its name index, released together by the last reference. */
struct sc_graph_box {
    struct sc_graph graph; /* first: a graph is its box */
    struct sc_arena *arena;
    struct sc_map op_names;
    struct sc_graph *content; /* owns the names, rules and lists that this one shares; NULL: this one does */
    atomic_int references;
};
uint64_t sc_graph_hash_content(const struct sc_graph *graph);

/* Runs of equal ops in a finished graph (see struct sc_repeat); allocated in `arena`. */
enum sc_status sc_find_repeats(struct sc_arena *arena, const struct sc_graph *graph, const struct sc_repeat **out,
                               int *count);

#endif
