/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The real path in a few words, for tests: a model file and a cluster, cost tables, the problem, its optimum, and what
 * it consists of.
 */
#ifndef SC_TEST_RUN_H
#define SC_TEST_RUN_H

#include "import/import.h"
#include "plan/plan.h"

#define SAMPLE(name) TEST_SOURCE_DIR "/samples/models/" name

struct run {
    struct sc_graph *graph;
    struct sc_cluster *cluster;
    struct sc_costs *costs;
    struct sc_problem *problem;
    struct sc_solution *solution;
};

/* `sets` is "batch=32 hidden=256 …": batch, microbatches and seq are those of the model file, others its parameters.
 * Fails the test when anything fails. */
void run_costs(struct run *run, const char *model, const char *sets, const char *cluster, const char *mesh,
               enum sc_formulas formulas, const struct sc_cost_options *options);
/* To proven optimality; `choice` may forbid choices of nodes. */
typedef bool (*run_allows)(const struct run *run, int node, const struct sc_strategy *strategy);
void run_solve(struct run *run, run_allows allows);
void run_free(struct run *run);

/* Collectives of the optimum by phase and kind, other than on fewer than `least` bytes. */
struct counts {
    int of[SC_ONCE + 1][SC_COLLECTIVE_COUNT], total;
    double seconds; /* of all items, an iteration */
};
struct counts run_count(const struct run *run, double least);

const struct sc_strategy *run_strategy(const struct run *run, const char *op);
/* The strategy as text, "b@x f@y". Static: until the next call. */
const char *run_text(const struct run *run, const char *op);
struct sc_memory run_memory(const struct run *run);

/* ---- single costs, as text ---- */

/* The choice of a node whose strategy reads so. */
int run_choice(const struct run *run, int node, const char *strategy);
/* Collectives of an op's node, or of the edge between two (an op's name, or "*TENSOR" for a fan-out), in order:
 * "PHASE CAUSE KIND AXES BYTES; …". Static: until the next call. */
const char *run_node_items(const struct run *run, const char *op, const char *strategy);
const char *run_edge_items(const struct run *run, const char *from, const char *from_strategy, const char *to,
                           const char *to_strategy);

#endif
