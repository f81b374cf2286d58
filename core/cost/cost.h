/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * cost: what a strategy costs on a machine. Devices, links, logical meshes, collectives, the roofline of an op, memory
 * by part, and from these the cost tables of a whole graph: one row a node, one table an edge. Times in seconds, sizes
 * in bytes, work in FLOPs.
 */
#ifndef SC_COST_H
#define SC_COST_H

#include "sharding/sharding.h"

/* ---- formulas -------------------------------------------------------------------------------------- */

/* Which formulas price a collective. With Alpa's come the rules of its solver: communication only, and a product of
 * matrices is split over every axis where it can be (its compute costs are 0, so it must not replicate work). The
 * playground is Alpa's teaching copy; there also shards are plain quotients, a tensor dimension takes one axis, and the
 * axes of a product split different factors. */
#define SC_FORMULAS_MAP(X)                                                                                             \
    X(NATIVE, "native", "measured tables, else the cheapest of ring, tree, hierarchical")                              \
    X(ALPA, "alpa", "Alpa's formulas, all-to-all penalty n/2; communication only")                                     \
    X(ALPA_PLAYGROUND, "alpa-playground", "Alpa's playground: truncated to whole units, all-to-all penalty 1.5")
enum sc_formulas {
#define X(id, name, help) SC_FORMULAS_##id,
    SC_FORMULAS_MAP(X)
#undef X
        SC_FORMULAS_COUNT
};
const char *sc_formulas_name(enum sc_formulas formulas);
bool sc_formulas_find(const char *name, enum sc_formulas *out);

/* ---- clusters -------------------------------------------------------------------------------------- */

enum { SC_MAX_EFFICIENCIES = 12 };

struct sc_device {
    const char *name;
    double peak[SC_DTYPE_COUNT]; /* FLOP/s of the matrix units by dtype; 0: the dtype is not supported there */
    double vector_peak;          /* FLOP/s of the vector units, fp32 */
    int efficiency_count;        /* fraction of peak that matrix products reach, by FLOPs of one product on a device: */
    double efficiency_flops[SC_MAX_EFFICIENCIES];    /* increasing; between two, log-log */
    double efficiency_fraction[SC_MAX_EFFICIENCIES]; /* beyond the ends, constant; no point: 1 */
    double memory_bytes;                             /* usable */
    double memory_bandwidth;                         /* bytes/s */
    double memory_efficiency;                        /* fraction of it that is reached */
    double launch_s;                                 /* of one kernel */
};

/* The fraction of peak that a product of so many FLOPs reaches. */
double sc_device_efficiency(const struct sc_device *device, double flops);

/* A link as one device sees it: time of a message of B bytes = alpha + B * beta. */
struct sc_link {
    double alpha_s; /* latency, seconds */
    double beta_s;  /* seconds a byte, one way, already with the reached fraction of the nominal rate */
    bool shared;    /* one NIC for the host: beta is of the host, devices of it share */
};

/* A measured collective: seconds by bytes (as in struct sc_move), for groups of `devices` in all, spread over `hosts`;
 * interpolated log-log, at the last point's rate above the last, an upper bound below the first. */
struct sc_measured {
    enum sc_collective kind;
    int devices, hosts, count;
    const double *bytes, *seconds; /* bytes increasing, all positive */
};

struct sc_cluster {
    const char *name, *source;
    int hosts, devices_per_host;
    struct sc_device device;
    struct sc_link inside, between; /* a host; hosts */
    int measured_count;
    const struct sc_measured *measured;
    struct sc_axes logical;    /* the one logical mesh of all devices that is meant; count 0: any */
    enum sc_formulas formulas; /* that the cluster is meant for; a mesh may be made with others */
    /* Alpa's formulas only: α and β of each logical axis, in Alpa's own units (1 and 1 a byte for axes not given). */
    int axis_count;
    double axis_alpha[SC_MAX_AXES], axis_beta[SC_MAX_AXES];
    uint64_t hash; /* of the content; set by sc_cluster_new */
};
/* A copy owned by reference count; NULL when out of memory. `cluster` may live anywhere. */
struct sc_cluster *sc_cluster_new(const struct sc_cluster *cluster);
struct sc_cluster *sc_cluster_share(const struct sc_cluster *cluster);
void sc_cluster_free(struct sc_cluster *cluster);

/* ---- meshes ---------------------------------------------------------------------------------------- */

/* How the devices of one group over a mask of axes lie on the hosts; the worst group where they differ. */
struct sc_group {
    int devices;  /* in the group */
    int hosts;    /* that it spans */
    int per_host; /* its devices on each of these hosts; 0 when they differ */
    int sharing;  /* groups that use a host's NIC at the same time; 0 when no group leaves its host */
};

/* A submesh (hosts × devices of each host) viewed as a logical mesh. Device (h, d) has index h * devices + d, and axis
 * coordinates are its digits, the last axis fastest: the last axis stays inside a host as long as it fits. */
struct sc_mesh {
    const struct sc_cluster *cluster; /* borrowed */
    int hosts, devices;               /* of the submesh; devices a host */
    struct sc_axes axes;
    enum sc_formulas formulas;
    struct sc_group group[1 << SC_MAX_AXES]; /* by mask of axes */
};
/* Fails with SC_INPUT when the submesh is not within the cluster, or the axes do not multiply to its devices. */
enum sc_status sc_mesh_make(const struct sc_cluster *cluster, int hosts, int devices, const struct sc_axes *axes,
                            enum sc_formulas formulas, struct sc_mesh *out, struct sc_error *err);
/* Every factorisation of n devices into 1 … max_axes axes (ordered, no axis of size 1 except for n = 1), in a fixed
 * order. Returns their number; writes at most `max`. */
int sc_mesh_shapes(int devices, int max_axes, struct sc_axes *out, int max);
/* "2x4" to axes; false when it is anything else. */
bool sc_axes_parse(const char *text, struct sc_axes *out);

/* Seconds of a collective over `axes` of the mesh, `bytes` as in struct sc_move; 0 for one device or no bytes. The
 * algorithm chosen ("ring", "tree", "hierarchical", "pairwise", "direct", "measured", "alpa") into *algorithm when not
 * NULL (static). A measured table that fits the group is preferred within its range: so much the best algorithm took.
 */
double sc_collective_seconds(const struct sc_mesh *mesh, enum sc_collective kind, unsigned axes, double bytes,
                             const char **algorithm);
/* Seconds in which all devices of the mesh together send or receive so many bytes to or from another mesh, on the same
 * host or on others: every device its part, through its own link or its share of the host's. */
double sc_mesh_transfer_seconds(const struct sc_mesh *mesh, bool hosts, double bytes);
/* As a sc_move_price; user is a struct sc_mesh. */
double sc_mesh_price(const void *mesh, enum sc_collective kind, unsigned axes, double bytes);

/* ---- what an iteration is -------------------------------------------------------------------------- */

enum sc_remat { SC_REMAT_NONE, SC_REMAT_LAYER, SC_REMAT_AUTO };

/* Bytes kept a parameter in training. Mixed precision with Adam: 2 + 2 + 12 (Rajbhandari et al. 2020, ZeRO). */
struct sc_recipe {
    double parameter, gradient, optimizer;
};
struct sc_recipe sc_recipe_of(enum sc_dtype dtype); /* fp16, bf16, fp8: 2+2+12; fp32: 4+4+8 */

/* A cost term: one more addend of the objective, built in or scripted. Functions may be NULL. Each returns seconds a
 * microbatch, or fails with an error that names the term. Called once for each class, not for each op. */
struct sc_costs;
struct sc_term {
    const char *name;
    void *user;
    enum sc_status (*node)(void *user, const struct sc_costs *costs, int node, int choice, double *seconds,
                           struct sc_error *err);
    enum sc_status (*edge)(void *user, const struct sc_costs *costs, int edge, int from_choice, int to_choice,
                           double *seconds, struct sc_error *err);
};

struct sc_cost_options {
    enum sc_mode mode;
    int microbatches;        /* B >= 1; the graph is of one microbatch */
    int in_flight;           /* parts of microbatches whose activations are held; 1 for one stage */
    int chunks;              /* parts that a microbatch has: chunks of an interleaved stage; 0 and 1: whole */
    struct sc_recipe recipe; /* zeros: by the parameters' dtype */
    enum sc_remat remat;     /* none or layer (auto is the caller's loop) */
    double memory_bytes;     /* limit a device; 0: the device's */
    enum sc_uneven uneven;
    bool reduce_scatter;                 /* offer reduce-scatter variants */
    bool shard_state;                    /* offer ZeRO-1/2 choices for parameters (ZeRO-3 is always in the space) */
    bool compute;                        /* false: communication only, as in Alpa's playground */
    bool cuttable;                       /* tensors that leave their layer get fan-outs: sc_costs_cut can split them */
    double overlap[SC_COLLECTIVE_COUNT]; /* fraction of a collective hidden behind compute; 0 by default */
    double matrix_efficiency;            /* 0: the device's */
    int term_count;
    const struct sc_term *terms; /* borrowed while the costs live */
};
#define SC_COST_OPTIONS_INIT                                                                                           \
    {                                                                                                                  \
        .microbatches = 1, .in_flight = 1, .reduce_scatter = true, .shard_state = true, .compute = true                \
    }

/* ---- cost tables ----------------------------------------------------------------------------------- */

/* A node of the problem: an op (parameters and inputs among them) or the fan-out of a tensor with several readers. */
struct sc_cost_node {
    int op;     /* -1: a fan-out */
    int tensor; /* the fan-out's tensor, else -1 */
    int klass;  /* nodes of one class share strategies and rows */
    bool received; /* of a stage: a fan-out whose tensor comes from a stage before */
    bool returned; /* of a stage: a fan-out whose tensor goes on, and whose gradient comes back */
    const struct sc_strategies *set;
    const double *micro_s; /* a choice: seconds a microbatch, forward + backward + recomputation */
    const double *once_s;  /* a choice: seconds an iteration */
};

/* A tensor's way from one node to the next: the resharding forward, that of its gradient backward. Rows are choices
 * of `from`, columns of `to`, `stride` doubles a row. Edges with one `table` id share the arrays. */
struct sc_cost_edge {
    int from, to, tensor;
    int port;  /* operand of `to`; 0 for a fan-out */
    int table; /* dense id */
    int stride;
    const double *micro_s, *once_s;
};

/* While t0 <= t < t1 (slots of one iteration; see memory.c) the node occupies bytes[choice]. */
struct sc_cost_usage {
    int node;
    int64_t t0, t1;
    const double *bytes;
};

/* Built once, immutable, shared by reference count. Every finite time is a multiple of `quantum` seconds (a power of
 * two), so that sums are exact in any order; forbidden combinations are +inf. Objective of an iteration on one stage:
 * microbatches × Σ micro_s + Σ once_s. */
struct sc_costs {
    const struct sc_graph *graph;
    struct sc_mesh mesh;
    struct sc_cost_options options;
    int node_count, edge_count, table_count, usage_count;
    const struct sc_cost_node *nodes; /* in topological order */
    const struct sc_cost_edge *edges;
    const struct sc_cost_usage *usages;
    int64_t slots;       /* times are in [0, slots) */
    double memory_bytes; /* the limit a device */
    double quantum;
    const int *op_node;     /* op_node[op]: its node; -1: of another stage */
    const int *fanout_node; /* fanout_node[tensor]: its fan-out node or -1 */
};
enum sc_status sc_costs_new(const struct sc_graph *graph, const struct sc_mesh *mesh,
                            const struct sc_cost_options *options, struct sc_cancel *cancel, struct sc_costs **out,
                            struct sc_error *err);
/* The costs of layers first … last as a pipeline stage of its own, on the mesh of `whole` (whole costs, made with
 * options.cuttable) and with so many microbatches in flight. Its nodes are those of its layers, and copies of what it
 * reads from before: of inputs; of parameters that an earlier layer reads too (tied; summing their gradients over
 * both stages is charged here); of fan-outs, whose tensors are received. A tensor is sent in slices, one a device, and
 * gathered where it arrives (Zhuang et al. 2023, local all-gather), or whole parts are sent to every device that wants
 * them; the cheaper. Gathering is in the rows of these nodes, the transfers themselves are in sc_costs_transfer. */
enum sc_status sc_costs_cut(const struct sc_costs *whole, int first, int last, int in_flight, struct sc_costs **out,
                            struct sc_error *err);
/* Is the op in the layers of these costs? A copy of an earlier layer's op is not. */
bool sc_costs_owns(const struct sc_costs *costs, int op);
/* Of a fan-out of `whole`: seconds a microbatch, a choice, of receiving its tensor, or of taking its gradient back. */
void sc_costs_boundary(const struct sc_costs *whole, int node, bool received, double *micro_s);
/* The least a choice of a node of `whole` holds throughout in any stage: bytes whatever is in flight, and for every
 * microbatch in flight; and the least an op works with in its moment. */
struct sc_stage_bytes {
    double always, in_flight, working;
};
struct sc_stage_bytes sc_costs_stage_bytes(const struct sc_costs *whole, int node, int choice);
/* Seconds that the devices of a stage are busy a microbatch with tensors of other stages: those that it receives and
 * the gradients that it sends back (in_s), and those that it sends and the gradients that it receives (out_s). `hosts`
 * says whether the neighbours are on other hosts. Multiples of the quantum. */
struct sc_transfer {
    double in_forward_s, in_backward_s, out_forward_s, out_backward_s;
    double in_bytes, out_bytes; /* forward */
};
struct sc_transfer sc_costs_transfer(const struct sc_costs *whole, int first, int last, bool in_hosts, bool out_hosts);
struct sc_costs *sc_costs_share(const struct sc_costs *costs);
void sc_costs_free(struct sc_costs *costs);
size_t sc_costs_bytes(const struct sc_costs *costs);

/* ---- where a number comes from --------------------------------------------------------------------- */

enum sc_phase { SC_FORWARD, SC_BACKWARD, SC_RECOMPUTE, SC_ONCE };
const char *sc_phase_name(enum sc_phase phase);

/* Why time is spent. X(id, name, words for people) */
#define SC_CAUSE_MAP(X)                                                                                                \
    X(COMPUTE, "compute", "arithmetic and memory traffic")                                                             \
    X(OPTIMIZER, "optimizer", "optimizer step")                                                                        \
    X(PARTIAL, "partial", "sums partial results")                                                                      \
    X(STATISTICS, "statistics", "shares statistics of a sharded normalised dimension")                                 \
    X(HALO, "halo", "exchanges borders with neighbours")                                                               \
    X(RING, "ring", "passes keys and values round the ring")                                                           \
    X(GRADIENT_SYNC, "gradient_sync", "sums a parameter's gradient over its replicas")                                 \
    X(PARAMETER_GATHER, "parameter_gather", "gathers a sharded parameter")                                             \
    X(GRADIENT_SUM, "gradient_sum", "sums partial gradients of an activation")                                         \
    X(RESHARD, "reshard", "changes a tensor's layout")                                                                 \
    X(CROSS_MESH, "cross_mesh", "passes a tensor between stages")                                                      \
    X(TERM, "term", "a cost term")
enum sc_cause {
#define X(id, name, words) SC_CAUSE_##id,
    SC_CAUSE_MAP(X)
#undef X
        SC_CAUSE_COUNT
};
const char *sc_cause_name(enum sc_cause cause);
const char *sc_cause_words(enum sc_cause cause);

/* One addend of a node's or an edge's cost. Their seconds, summed over the phases of a microbatch or over ONCE, are the
 * table's entry (before rounding to the quantum): items and tables come from the same code. */
struct sc_item {
    enum sc_phase phase;
    enum sc_cause cause;
    enum sc_collective kind; /* for causes that communicate */
    bool collective;
    uint8_t axes;
    double bytes;          /* as in struct sc_move; of all steps together, for a RING */
    double seconds;        /* a microbatch, or an iteration when ONCE; after overlap */
    const char *algorithm; /* static; NULL for compute */
    double flops, traffic; /* compute: a device's FLOPs and bytes moved */
    int term;              /* TERM: index into options.terms */
};
enum { SC_MAX_ITEMS = 64 };
/* Items of one choice; their number (at most SC_MAX_ITEMS). Phases other than ONCE happen once a microbatch. */
int sc_costs_node_items(const struct sc_costs *costs, int node, int choice, struct sc_item *out);
int sc_costs_edge_items(const struct sc_costs *costs, int edge, int from_choice, int to_choice, struct sc_item *out);

/* Bytes a device holds for a node's choice, by part; activations are of all microbatches in flight. */
struct sc_memory {
    double parameters, gradients, optimizer, activations, working, cache;
};
struct sc_memory sc_costs_node_memory(const struct sc_costs *costs, int node, int choice);
/* In training, bytes of the node that are held from the forward of a microbatch to its backward, for each microbatch in
 * flight; its other activations live in the backward of a layer only, or in one op's. */
double sc_costs_node_kept(const struct sc_costs *costs, int node, int choice);

#endif
