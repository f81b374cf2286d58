/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sharding: what it means to spread an op or a tensor over the axes of a logical mesh. Specs, strategies derived from
 * an op's factors, and the moves between specs. Sizes only: nothing here knows what anything costs.
 */
#ifndef SC_SHARDING_H
#define SC_SHARDING_H

#include "graph/graph.h"

enum { SC_MAX_AXES = 3, SC_MAX_STRATEGIES = 4096 };

/* The axes of a logical mesh, outermost first, named x, y, z. Axes of size 1 are kept and never sharded over. A set
 * of axes is a bit mask: bit 0 is x. */
struct sc_axes {
    int count;
    int size[SC_MAX_AXES];
};
int sc_axes_product(const struct sc_axes *axes, unsigned mask); /* devices in a group over `mask` */
char sc_axis_name(int axis);                                    /* 'x', 'y', 'z' */

/* A sharding spec: the dimension that each axis shards, or -1. Two axes on one dimension shard it in axis order (the
 * first is major). */
struct sc_spec {
    int8_t dim[SC_MAX_AXES];
};
#define SC_SPEC_REPLICATED ((struct sc_spec){{-1, -1, -1}})
bool sc_spec_equal(struct sc_spec a, struct sc_spec b);
unsigned sc_spec_axes(struct sc_spec spec);                     /* mask of axes that shard anything */
unsigned sc_spec_dim_axes(struct sc_spec spec, int dim);        /* mask of axes on a dimension */
int sc_spec_shards(struct sc_spec spec, const struct sc_axes *axes); /* into how many pieces */
/* As Alpa writes it: "S0R", "RS1", "S01R"; scalars "()". */
void sc_spec_format(struct sc_spec spec, int rank, char *out, size_t size);

/* What to do with a dimension that its axes do not divide. */
enum sc_uneven { SC_UNEVEN_REFUSE, SC_UNEVEN_PAD, SC_UNEVEN_FRACTION };
/* Bytes of a shard; padded up under SC_UNEVEN_PAD, the plain quotient otherwise. */
double sc_spec_bytes(struct sc_spec spec, const struct sc_axes *axes, int rank, const int64_t *size, double item_bytes,
                     enum sc_uneven uneven);
bool sc_spec_divides(struct sc_spec spec, const struct sc_axes *axes, int rank, const int64_t *size);

/* ---- strategies ------------------------------------------------------------------------------------ */

enum { SC_RESOLVE_NONE = -2, SC_RESOLVE_ALL_REDUCE = -1 }; /* >= 0: reduce-scatter into that result dimension */

/* One way to run an op. For an ordinary op `factor` says which factor each axis of the mesh shards (-1: none, the op
 * is replicated over it) and `resolve` what becomes of partial results over an axis on a REDUCE factor. For a
 * parameter, factors are its dimensions (the storage spec); `state_axes` are further axes that shard its optimizer
 * state (ZeRO-1), and with `shard_gradient` its gradient too (ZeRO-2); ZeRO-3 is a storage spec that readers gather.
 * A fan-out's are a spec and the axes `partial` over which the summed gradient is still partial. */
struct sc_strategy {
    int8_t factor[SC_MAX_AXES];
    int8_t resolve[SC_MAX_AXES];
    uint8_t state_axes;
    bool shard_gradient;
    uint8_t partial;
    struct sc_spec operand[SC_MAX_PORTS]; /* wanted of each operand */
    struct sc_spec result[SC_MAX_PORTS];  /* after resolution */
    /* Axes over which the gradient of operand k comes out partial: those that shard a factor that the operand lacks
     * (and that are not replicas). */
    uint8_t gradient_partial[SC_MAX_PORTS];
};

struct sc_strategy_options {
    enum sc_uneven uneven;
    bool reduce_scatter;   /* offer reduce-scatter variants */
    bool training;         /* optimizer-state choices for parameters, partial gradients for fan-outs */
    bool shard_state;      /* offer ZeRO-1 and ZeRO-2 */
};

/* The strategies of a class of ops on a mesh shape, in a fixed order: replicated first. Immutable; lives in `arena`. */
struct sc_strategies {
    int count;
    const struct sc_strategy *at;
};
enum sc_status sc_strategies_of_op(struct sc_arena *arena, const struct sc_graph *graph, int op,
                                   const struct sc_axes *axes, const struct sc_strategy_options *options,
                                   struct sc_strategies *out, struct sc_error *err);
/* Of the fan-out of a tensor that several ops read. result[0] is the spec; operand[0] equals it. */
enum sc_status sc_strategies_of_fanout(struct sc_arena *arena, const struct sc_graph *graph, int tensor,
                                       const struct sc_axes *axes, const struct sc_strategy_options *options,
                                       struct sc_strategies *out, struct sc_error *err);

/* "b@x f@y", "h@y:rs(s)", "b@xy", "(none)"; parameters "f@y +opt@x", "+grad@x" (ZeRO-1, ZeRO-2); fan-outs "b@x ?y" (? partial). Unique among
 * the strategies of an op. sc_strategy_matches accepts also: axis order free, spaces free, and a spec of result 0 in
 * Alpa's letters ("S0R"). */
void sc_strategy_format(const struct sc_graph *graph, int op, const struct sc_strategy *strategy, char *out, size_t size);
void sc_strategy_format_fanout(const struct sc_graph *graph, int tensor, const struct sc_strategy *strategy, char *out,
                               size_t size);
bool sc_strategy_matches(const struct sc_graph *graph, int op, const struct sc_strategy *strategy, const char *text);

/* The spec in which an op wants the gradient of its result: that of the result before its partial sums were resolved by
 * reduce-scatter (whole over those axes), replicated over axes that were all-reduced. Backward of a reduce-scatter is
 * therefore an all-gather, which the edge pays, and that of an all-reduce is nothing. */
struct sc_spec sc_strategy_gradient_spec(const struct sc_strategy *strategy, int result);

/* Into how many pieces the loop nest of the op is cut (devices that do different work). */
int sc_strategy_split(const struct sc_strategy *strategy, const struct sc_axes *axes);

/* ---- moves between specs --------------------------------------------------------------------------- */

/* X(id, name) */
#define SC_COLLECTIVE_MAP(X)                                                                                           \
    X(ALL_REDUCE, "all_reduce") X(ALL_GATHER, "all_gather") X(REDUCE_SCATTER, "reduce_scatter")                        \
    X(ALL_TO_ALL, "all_to_all") X(PERMUTE, "permute") X(SLICE, "slice") X(SEND, "send")
enum sc_collective {
#define X(id, name) SC_##id,
    SC_COLLECTIVE_MAP(X)
#undef X
        SC_COLLECTIVE_COUNT
};
const char *sc_collective_name(enum sc_collective kind);

/* A tensor on a mesh: its spec, and the axes over which every device holds a term of a sum still to be made. */
struct sc_state {
    struct sc_spec spec;
    uint8_t partial;
};
/* One step: a collective over `axes` in groups; `bytes` is the whole tensor of one group (before a reduce-scatter or
 * all-to-all, after an all-gather; a device's own data for all-reduce and permute). Slices are free. */
struct sc_move {
    enum sc_collective kind;
    uint8_t axes;
    double bytes;
    struct sc_state to;
};

/* The price of one collective in seconds; from the cost module, or a test. */
typedef double (*sc_move_price)(const void *user, enum sc_collective kind, unsigned axes, double bytes);

/* Cheapest paths between all states of one shape, found once (Dijkstra). `item_bytes` is of one element. Moves:
 * all-gather of the minor axis of a dimension, slice by an axis onto the minor place, all-to-all of an axis from one
 * dimension to another, all-reduce and reduce-scatter of partial axes, joint axes together. Immutable. */
struct sc_reshard;
enum sc_status sc_reshard_new(struct sc_arena *arena, const struct sc_axes *axes, int rank, const int64_t *size,
                              double item_bytes, enum sc_uneven uneven, sc_move_price price, const void *user,
                              struct sc_reshard **out, struct sc_error *err);
/* Seconds of the cheapest path; +inf when a spec does not divide the shape. A target must not be partial over more
 * axes than the source plus the axes over which the source is replicated (making a replicated tensor partial is
 * free: one device of the group keeps it, the others hold zero). */
double sc_reshard_seconds(const struct sc_reshard *reshard, struct sc_state from, struct sc_state to);
/* The steps, cheapest first by seconds, then by number; returns their number (0: nothing to do; -1: there is no path),
 * writes at most `max`. A free step onto `partial` (see above) is a SLICE too. */
int sc_reshard_path(const struct sc_reshard *reshard, struct sc_state from, struct sc_state to, struct sc_move *out,
                    int max);

#endif
