/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Private to cost/: cost tables with what their public face hides, and what the files of this folder share.
 */
#ifndef SC_COST_INTERNAL_H
#define SC_COST_INTERNAL_H

#include "cost/cost.h"

/* What becomes of a tensor after its producer has run, in memory. */
enum cost_keep {
    COST_KEEP_NONE,  /* lives while it is used */
    COST_KEEP_LAYER, /* training with rematerialisation: rebuilt with its layer, and gone after it */
    COST_KEEP_ALL,   /* training: saved for backward, for every microbatch in flight */
    COST_KEEP_CACHE, /* prefill: keys and values that stay */
};

/* Nodes of one class share strategies and costs. */
struct cost_class {
    int op, tensor;  /* of a member: an op, or the tensor of a fan-out (then op is -1) */
    bool recomputed; /* forward runs again in backward (a fan-out: before some reader does) */
    bool again;      /* fan-outs: some reader needs the tensor in backward */
    int members;
    struct sc_strategies set;
    double *micro_s, *once_s;
};

/* A table of edges, and an edge that has it. */
struct cost_table {
    int edge, members;
    double *micro_s, *once_s; /* once_s NULL: all 0 */
};

struct cost_full {
    struct sc_costs costs; /* first: a struct sc_costs * is a struct cost_full * */
    struct sc_arena *arena;
    _Atomic int references;
    struct cost_full *whole;    /* of a stage: the costs it is cut from (a reference); else NULL */
    int first_layer, end_layer; /* layers first_layer … end_layer - 1 */
    double exposed[SC_COLLECTIVE_COUNT];      /* 1 - overlap */
    const bool *layer_again;                  /* a layer: it is recomputed */
    const enum cost_keep *keep;               /* a tensor */
    const enum cost_keep *keep_here;          /* a tensor: as its own layer alone keeps it; NULL unless cuttable */
    const struct sc_reshard **moves;          /* a tensor: paths of its values */
    const struct sc_reshard **gradient_moves; /* a tensor: of its gradient; NULL without one */
    int crossing_count, *crossing; /* tensors that leave their layer, in order; only when cuttable */
    int class_count;
    struct cost_class *classes;
    struct cost_table *tables;
    /* Values of cost terms, kept so that no term is called after construction: by term, then class or table; rows as
     * those of the class or table; NULL when the term has no such function. */
    double ***term_node, ***term_edge;
};
static inline struct cost_full *cost_full(const struct sc_costs *costs)
{
    return (struct cost_full *)(uintptr_t)costs;
}

/* Where addends go: always into the sums, and into items when there is a list. */
struct cost_sink {
    struct sc_item *items; /* SC_MAX_ITEMS, or NULL */
    int count;
    double micro_s, once_s;
};
void cost_add(struct cost_sink *sink, const struct sc_item *item);
void cost_add_collective(const struct cost_full *c, struct cost_sink *sink, enum sc_phase phase, enum sc_cause cause,
                         enum sc_collective kind, unsigned axes, double bytes);
/* The cheapest path between two states. Steps that sum partial results get the cause `sum`, others `cause`. */
void cost_add_move(const struct cost_full *c, struct cost_sink *sink, enum sc_phase phase, enum sc_cause cause,
                   enum sc_cause sum, const struct sc_reshard *moves, struct sc_state from, struct sc_state to);

/* ---- roofline.c: what an op computes ---- */

bool cost_wants_gradient(const struct cost_full *c, int op, int port); /* in training */
bool cost_has_backward(const struct cost_full *c, int op);
/* Does backward need this operand? */
bool cost_needs_operand(const struct cost_full *c, int op, int port);
/* Size of a factor on one device. */
double cost_local_size(const struct cost_full *c, const struct sc_rule *rule, const struct sc_strategy *s, int factor);
/* Bytes of a tensor on one device; and of its result before partial sums are resolved. */
double cost_local_bytes(const struct cost_full *c, int tensor, struct sc_spec spec);
double cost_raw_result_bytes(const struct cost_full *c, int op, const struct sc_strategy *s, int result);
void cost_add_compute(const struct cost_full *c, struct cost_sink *sink, enum sc_phase phase, int op,
                      const struct sc_strategy *s);
/* SC_INPUT when the device cannot multiply matrices of the op's dtype. */
enum sc_status cost_check_dtype(const struct cost_full *c, int op, struct sc_error *err);

/* ---- node.c, edge.c: everything a node, an edge costs ---- */

void cost_of_node(const struct cost_full *c, const struct cost_class *klass, const struct sc_strategy *s,
                  struct cost_sink *sink);
/* What an edge's cost depends on at either end: its cost is a function of these two. */
struct cost_end {
    struct sc_spec spec;     /* of the values */
    double bytes;            /* of the values, on one device */
    struct sc_spec gradient; /* in which the gradient is given, or wanted */
    uint8_t partial;         /* axes over which it still is a sum, or may be */
    uint8_t state_axes;      /* of a parameter */
    bool shard_gradient;
    bool needed; /* by the reader, in backward */
};
void cost_of_edge(const struct cost_full *c, int edge, const struct cost_end *from, const struct cost_end *to,
                  struct cost_sink *sink);
struct cost_end cost_from_end(const struct cost_full *c, int edge, const struct sc_strategy *from);
struct cost_end cost_to_end(const struct cost_full *c, int edge, const struct sc_strategy *to);

/* ---- cut.c ---- */

/* What a received or returned node pays beside. */
void cost_of_boundary(const struct cost_full *c, const struct sc_cost_node *node, const struct sc_strategy *s,
                      struct cost_sink *sink);
bool cost_find_crossing(struct cost_full *c);
/* Is the op in the layers of these costs? */
static inline bool cost_has_op(const struct cost_full *c, int op)
{
    int layer = c->costs.graph->ops[op].layer;
    return layer >= c->first_layer && layer < c->end_layer;
}

/* ---- memory.c ---- */

/* Training with rematerialisation: which layers run forward again. In `arena`, NULL when out of memory. */
const bool *cost_layers_again(const struct cost_full *c);
const enum cost_keep *cost_keeps(const struct cost_full *c);
const enum cost_keep *cost_keeps_here(const struct cost_full *c);
enum sc_status cost_add_usages(struct cost_full *c, struct sc_error *err);
struct sc_recipe cost_recipe(const struct cost_full *c, int tensor);

/* ---- build.c ---- */

enum sc_status cost_build_nodes(struct cost_full *c, struct sc_cancel *cancel, struct sc_error *err);
enum sc_status cost_build_edges(struct cost_full *c, struct sc_cancel *cancel, struct sc_error *err);

#endif
