/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * solve: choose one strategy a node so that node costs plus edge costs are least and usages stay within a limit at
 * every time. It knows nodes, choices, costs and usages; it has never heard of tensors.
 *
 * Costs are doubles; +inf is forbidden. When every finite cost is a whole number the proof is over integers (bounds
 * are rounded up, "optimal" is to the unit); a caller with real costs gives `quantum`, the grid on which all its
 * finite costs lie (a power of two, so that sums are exact in any order), or 0 for none (then a tolerance of
 * 1e-9 relative applies and is stated in the result).
 */
#ifndef SC_SOLVE_H
#define SC_SOLVE_H

#include "base/base.h"

/* ---- problem -------------------------------------------------------------------------------------- */

/* A cost table shared by any number of edges: rows × cols doubles, row-major, each row padded to `stride` so that
 * it begins on 32 bytes. Node costs and usages are rows of the same kind. */
struct sc_table {
    int rows, cols, stride;
    const double *at; /* at[r * stride + c] */
};

struct sc_problem_edge {
    int from, to; /* nodes, from != to; parallel edges are allowed and add up */
    int table;    /* index into tables; rows are choices of `from`, columns of `to` */
};

/* While t0 <= t < t1 the node's choice c occupies usage[c] (>= 0). A node may have several terms. */
struct sc_problem_usage {
    int node;
    int64_t t0, t1;
    const double *usage; /* one value a choice */
};

/* Immutable once built. Owned by its arena; shared by reference count. */
struct sc_problem {
    const char *name;
    int node_count, edge_count, table_count, usage_count;
    const int *choices;        /* choices[node] >= 1 */
    const double *const *cost; /* cost[node][choice], 32-byte aligned */
    const struct sc_problem_edge *edges;
    const struct sc_table *tables;
    const struct sc_problem_usage *usages;
    double limit;             /* +inf: no limit */
    double quantum;           /* see above; 1 when the input is whole numbers */
    const char *const *names; /* of nodes, for messages; may be NULL */
};

/* Builder: nodes, then edges and usages in any order. Cost rows and tables are copied; equal tables given with the
 * same non-zero `key` (a content hash of the caller's) are stored once. All return an index or -1 when out of memory
 * or out of range (sc_problem_build then reports it). */
struct sc_problem_builder;
struct sc_problem_builder *sc_problem_builder_new(const char *name);
void sc_problem_builder_free(struct sc_problem_builder *builder);
int sc_problem_add_node(struct sc_problem_builder *b, int choices, const double *cost, const char *name);
int sc_problem_add_table(struct sc_problem_builder *b, int rows, int cols, const double *values, uint64_t key);
int sc_problem_add_edge(struct sc_problem_builder *b, int from, int to, int table);
int sc_problem_add_usage(struct sc_problem_builder *b, int node, int64_t t0, int64_t t1, const double *usage);
void sc_problem_set_limit(struct sc_problem_builder *b, double limit);
void sc_problem_set_quantum(struct sc_problem_builder *b, double quantum); /* default: 1 when all whole, else 0 */
/* The builder is left empty. */
enum sc_status sc_problem_build(struct sc_problem_builder *b, struct sc_problem **out, struct sc_error *err);

/* The same problem with other cost rows for some nodes and another limit: how pins and what-ifs are asked. Shares all
 * the rest with `problem`. `costs[i]` has a value a choice of nodes[i] and is copied. */
enum sc_status sc_problem_vary(const struct sc_problem *problem, int count, const int *nodes,
                               const double *const *costs, double limit, struct sc_problem **out, struct sc_error *err);

struct sc_problem *sc_problem_share(const struct sc_problem *problem);
void sc_problem_free(struct sc_problem *problem); /* drops a reference */

/* The neutral JSON form of the contest (design: interfaces, `problem`), plain or gzip. A streaming reader: these
 * files reach a gigabyte. Costs of 1e15 or more are forbidden (+inf). */
enum sc_status sc_problem_load(const char *path, struct sc_problem **out, struct sc_error *err);
enum sc_status sc_problem_parse(const char *file, const char *text, size_t size, struct sc_problem **out,
                                struct sc_error *err);
/* Write the JSON form. A node with several usage terms becomes several nodes tied by forbidden pairs. */
enum sc_status sc_problem_write(const struct sc_problem *problem, struct sc_str *out, struct sc_error *err);

/* ---- checker (shares no code with any solver) ------------------------------------------------------ */

struct sc_check {
    bool feasible;          /* every choice in range, cost finite, usage within the limit at all times */
    double cost;            /* of the choices, priced from the problem; +inf when something is forbidden */
    double peak;            /* the largest usage over time */
    int64_t peak_time;      /* a time at which it is reached */
    int bad_node, bad_edge; /* first forbidden one, or -1 */
};
struct sc_check sc_problem_check(const struct sc_problem *problem, const int *choices);

/* ---- solving --------------------------------------------------------------------------------------- */

#define SC_SOLVER_MAP(X)                                                                                               \
    X(EXACT, "exact", "reductions, elimination, priced limit, search; proves its answer")                              \
    X(ILP, "ilp", "GLPK alone on Alpa's formulation, the textbook method")                                             \
    X(GREEDY, "greedy", "each op's own cheapest choice, ignoring its neighbours")                                      \
    X(BRUTE, "brute", "every combination, refused above 10^7")
enum sc_solver {
#define X(id, name, help) SC_SOLVER_##id,
    SC_SOLVER_MAP(X)
#undef X
        SC_SOLVER_COUNT
};
const char *sc_solver_name(enum sc_solver solver);
const char *sc_solver_help(enum sc_solver solver);
bool sc_solver_find(const char *name, enum sc_solver *out);

enum sc_solve_status { SC_SOLVED_OPTIMAL, SC_SOLVED_FEASIBLE, SC_SOLVED_INFEASIBLE, SC_SOLVED_TIMEOUT };
const char *sc_solve_status_name(enum sc_solve_status status); /* "optimal", "feasible", "infeasible", "timeout" */

/* Rungs of the exact solver's ladder, in order. Each can be left out (sc_solve_options.skip), to see what it is worth:
 * answers stay right, proofs may fail to come. X(id, name, what it does) */
#define SC_RUNG_MAP(X)                                                                                                 \
    X(REDUCE, "reduce", "exact reductions until nothing changes")                                                      \
    X(ELIMINATE, "eliminate", "variable elimination along a tree decomposition")                                       \
    X(FRONTIER, "frontier", "a limit that is one sum: a price, then Pareto frontiers")                                 \
    X(PRICE, "price", "prices on the limit, message passing, deletion of what bounds exclude")                         \
    X(BRANCH, "branch", "branch and bound on the reduced graph")                                                       \
    X(NEIGHBOURS, "neighbours", "large neighbourhoods of the best plan")                                               \
    X(PROGRAM, "program", "GLPK on the local polytope; takes the place of `branch` when that is left out")
enum sc_rung {
#define X(id, name, help) SC_RUNG_##id,
    SC_RUNG_MAP(X)
#undef X
        SC_RUNG_COUNT
};
const char *sc_rung_name(enum sc_rung rung);

/* One line of what a solver did. */
struct sc_solve_trace {
    char rung[24]; /* a rung's name, or the solver's */
    double seconds, cost, bound;
    int nodes, edges; /* left after it */
};

/* Options; initialise with SC_SOLVE_OPTIONS_INIT. */
struct sc_solve_options {
    enum sc_solver solver;
    double gap; /* stop when (cost - bound) / cost <= gap; 0: to proof */
    /* Only plans that cost less than this are wanted (0: all are). The exact solver ends as soon as it knows that there
     * is none: then bound >= most - tolerance, and the status is TIMEOUT, or FEASIBLE when a plan turned up that costs more; never
     * INFEASIBLE, as plans that are not wanted were not looked for. Other solvers take no notice. */
    double most;
    uint64_t seed;
    const int *warm;              /* choices of an earlier plan, or NULL */
    bool marginals;               /* also compute min-marginals */
    bool limits;                  /* when no plan is within the limit, look for one that would do */
    uint32_t skip;                /* bit SC_RUNG_…: leave that rung out (for lectures and tests) */
    struct sc_cancel *cancel;     /* NULL: never */
    struct sc_progress *progress; /* NULL: none */
};
#define SC_SOLVE_OPTIONS_INIT                                                                                          \
    {                                                                                                                  \
        .solver = SC_SOLVER_EXACT                                                                                      \
    }

/* A result. Freed with sc_solution_free. */
struct sc_solution {
    enum sc_solve_status status;
    int *choices;     /* node_count of them; NULL when there is no plan */
    double cost;      /* re-priced by the checker; +inf without a plan */
    double bound;     /* proven: no plan costs less; +inf when proven infeasible */
    double gap;       /* (cost - bound) / max(|cost|, 1e-30); 0 when optimal, +inf without a plan */
    double tolerance; /* absolute tolerance of the proof; 0 when it is exact */
    double seconds, found_s; /* of the call; from its start to the best plan */
    int trace_count;
    struct sc_solve_trace trace[32];
    /* Min-marginals, when asked for: marginal[node][choice] is the best total were that choice forced (+inf when no
     * plan has it). `marginals_exact` false: they are lower bounds, at least `bound`, and those of the choices of a
     * proven plan are its cost. NULL when not asked for or not reached (graphs too wide to eliminate). */
    double **marginal;
    bool marginals_exact;
    /* Infeasible by the limit: the smallest limit known to have a plan (+inf: none is known) and the largest proven to
     * have none (-inf: the limit is not to blame, or that is not known). */
    double limit_feasible, limit_infeasible;
    struct sc_arena *arena;
};
/* Returns SC_OK with a solution also for infeasible problems and for time-outs: the status is in the solution.
 * Anything else is a failure to run (out of memory, too large for brute). */
enum sc_status sc_solve(const struct sc_problem *problem, const struct sc_solve_options *options,
                        struct sc_solution **out, struct sc_error *err);
void sc_solution_free(struct sc_solution *solution);

/* ---- outlines --------------------------------------------------------------------------------------- */

/* A problem, without its limit, as some of its nodes see it: all others are eliminated. For every choice of the kept
 * nodes the least cost of all the rest is `constant` plus one entry of each part; the kept nodes' own costs are not in
 * it, edges between them are. */
struct sc_outline_part {
    int count;        /* nodes that it depends on */
    const int *nodes; /* of the problem */
    const double *at; /* an entry for each assignment, the last node's choice fastest; +inf: impossible */
};
struct sc_outline {
    int part_count;
    const struct sc_outline_part *parts;
    double constant;
};
/* Made once, run for any node costs (rows as in the problem; multiples of one quantum). `most` bounds the entries of
 * the tables in sum: SC_LIMIT beyond it. */
struct sc_outliner;
enum sc_status sc_outliner_new(const struct sc_problem *problem, int kept_count, const int *kept, double most,
                               struct sc_cancel *cancel, struct sc_outliner **out, struct sc_error *err);
void sc_outliner_free(struct sc_outliner *outliner);
/* The result lives until the next run. SC_INFEASIBLE when nothing is possible. */
enum sc_status sc_outliner_run(struct sc_outliner *outliner, const double *const *cost, const struct sc_outline **out,
                               struct sc_error *err);

#endif
